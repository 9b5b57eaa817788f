//! Keeps the processors awake. On a machine with nothing else to do waking one takes longer than what is measured, the
//! more so the longer a statement takes: an idle machine would seem to be slower than a busy one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The processors are kept awake until this is dropped.
pub(crate) struct Awake(Arc<AtomicBool>);

impl Awake {
    /// Begins to.
    pub(crate) fn begin() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..processors {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                // Of the least weight there is; where it cannot be had, they give way by themselves.
                let _ = rustix::process::nice(19);
                while !is_over.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            });
        }
        Self(is_over)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
