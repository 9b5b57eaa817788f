//! Where log lines wait to be written. Lines gather for a moment and are written together: waking a thread for each,
//! and a system call for each, cost a cached call more than the call itself.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines gather.
const GATHER: Duration = Duration::from_millis(20);
/// Bytes that may wait; when the reader of the log is stuck, lines are dropped and counted rather than calls delayed.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    dropped: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes lines from any thread and never waits for the output.
#[derive(Clone)]
pub(crate) struct LineQueue(Arc<Shared>);

/// The thread that writes; what waits is written when this is dropped.
pub(crate) struct LineWriter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl LineQueue {
    /// Starts a writer to `output`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(output: impl Write + Send + 'static) -> io::Result<(Self, LineWriter)> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&own, output))?;
        Ok((Self(Arc::clone(&shared)), LineWriter { shared, thread: Some(thread) }))
    }
}

fn write_lines(shared: &Shared, mut output: impl Write) {
    let mut batch = Vec::new();
    loop {
        let mut waiting = shared.lock();
        while waiting.bytes.is_empty() && !waiting.closed {
            waiting = shared.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.closed {
            // Only closing is signalled while lines gather.
            waiting = shared.arrived.wait_timeout(waiting, GATHER).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut waiting.bytes, &mut batch);
        let closed = waiting.closed;
        drop(waiting);
        // There is nobody to tell when standard error is gone.
        let _ = output.write_all(&batch);
        batch.clear();
        match shared.dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            dropped => {
                let _ = writeln!(output, "{{\"level\":\"ERROR\",\"message\":\"log.dropped\",\"lines\":{dropped}}}");
            }
        }
        let _ = output.flush();
        if closed {
            return;
        }
    }
}

impl Write for &LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.lock();
        if waiting.bytes.len() + line.len() > WAITING_BYTES_MAX {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            let first = waiting.bytes.is_empty();
            waiting.bytes.extend_from_slice(line);
            drop(waiting);
            if first {
                self.0.arrived.notify_one();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LineQueue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_in_order_by_the_end() {
        let kept = Kept::default();
        let (queue, writer) = LineQueue::start(kept.clone()).expect("a thread");
        for number in 0..1_000 {
            writeln!(&queue, "line {number}").expect("taken");
        }
        drop(writer);
        let text = String::from_utf8(kept.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        let expected: String = (0..1_000).fold(String::new(), |all, number| all + &format!("line {number}\n"));
        assert_eq!(text, expected);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let kept = Kept::default();
        let held = kept.0.lock().expect("not poisoned");
        let (queue, writer) = LineQueue::start(kept.clone()).expect("a thread");
        let line = vec![b'x'; WAITING_BYTES_MAX / 2];
        // The output is stuck: at most one batch is with the writer and one waits.
        for _ in 0..6 {
            (&queue).write_all(&line).expect("taken or counted");
        }
        drop(held);
        drop(writer);
        let text = String::from_utf8(kept.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        assert!(text.contains("\"message\":\"log.dropped\",\"lines\":"), "nothing was counted");
    }
}
