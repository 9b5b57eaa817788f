//! How far a long command is, on standard error: for people at once and on one line, for logs now and then.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// A person's line is written anew after this long.
const GLANCE: Duration = Duration::from_millis(200);
/// Somebody who reads a log wants to know after this long.
const LOOK: Duration = Duration::from_secs(5);

/// Says how far a command is. What it says is gone from a terminal when it ends.
pub(crate) struct Progress<W: Write> {
    writer: W,
    is_terminal: bool,
    told: Instant,
    is_shown: bool,
}

impl Progress<io::Stderr> {
    pub(crate) fn new() -> Self {
        let stderr = io::stderr();
        let is_terminal = stderr.is_terminal();
        Self { writer: stderr, is_terminal, told: Instant::now(), is_shown: false }
    }
}

impl<W: Write> Progress<W> {
    /// Says it, if it is time to. Where nobody reads there is nobody to tell.
    pub(crate) fn tell(&mut self, text: impl FnOnce() -> String) {
        let pause = if self.is_terminal { GLANCE } else { LOOK };
        if self.told.elapsed() < pause {
            return;
        }
        self.told = Instant::now();
        let _ = if self.is_terminal {
            self.is_shown = true;
            // Back to the line's begin, and what was written there wiped off.
            write!(self.writer, "\r\x1b[K{}", text()).and_then(|()| self.writer.flush())
        } else {
            writeln!(self.writer, "{}", text())
        };
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(self.writer, "\r\x1b[K").and_then(|()| self.writer.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(is_terminal: bool, long_ago: Duration) -> String {
        let mut written = Vec::new();
        let told = Instant::now().checked_sub(long_ago).expect("the machine runs for longer");
        let mut progress = Progress { writer: &mut written, is_terminal, told, is_shown: false };
        progress.tell(|| "one".to_owned());
        progress.tell(|| "two".to_owned());
        drop(progress);
        String::from_utf8(written).expect("UTF-8")
    }

    #[test]
    fn a_command_that_is_quick_says_nothing_and_a_long_one_says_it_now_and_then() {
        assert_eq!(told(true, Duration::ZERO), "");
        assert_eq!(told(false, Duration::from_secs(1)), "");
        assert_eq!(told(true, Duration::from_secs(1)), "\r\x1b[Kone\r\x1b[K");
        assert_eq!(told(false, Duration::from_secs(6)), "one\n");
    }
}
