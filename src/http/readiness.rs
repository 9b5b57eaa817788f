//! What keeps the server from being ready.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

const UNTRIED: u8 = 0;
const FIT: u8 = 1;
const UNFIT: u8 = 2;

/// Latches that are set as the server goes through its life.
#[derive(Default)]
pub struct Readiness {
    started: AtomicBool,
    stopping: AtomicBool,
    canaries: AtomicU8,
}

impl Readiness {
    /// Configuration, store and listeners are there.
    pub fn started(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// Canaries came back; `all_fit` when no route is out of service.
    pub fn canaries(&self, all_fit: bool) {
        self.canaries.store(if all_fit { FIT } else { UNFIT }, Ordering::Release);
    }

    /// The server is on its way down.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether the server has started.
    ///
    /// # Errors
    /// What it still waits for.
    pub(crate) fn has_started(&self) -> Result<(), &'static str> {
        if self.started.load(Ordering::Acquire) { Ok(()) } else { Err("starting\n") }
    }

    /// Whether calls may be sent here.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn is_ready(&self) -> Result<(), &'static str> {
        if self.stopping.load(Ordering::Acquire) {
            return Err("stopping\n");
        }
        self.has_started()?;
        match self.canaries.load(Ordering::Acquire) {
            FIT => Ok(()),
            UNTRIED => Err("starting: the first canaries are under way\n"),
            _ => Err("a canary was let in\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_between_its_first_canaries_and_its_stop() {
        let readiness = Readiness::default();
        assert!(readiness.is_ready().is_err() && readiness.has_started().is_err());
        readiness.started();
        assert!(readiness.is_ready().is_err() && readiness.has_started().is_ok());
        readiness.canaries(true);
        assert_eq!(readiness.is_ready(), Ok(()));
        readiness.canaries(false);
        assert_eq!(readiness.is_ready(), Err("a canary was let in\n"));
        readiness.canaries(true);
        readiness.stopping();
        assert_eq!(readiness.is_ready(), Err("stopping\n"));
        assert_eq!(readiness.has_started(), Ok(()));
    }
}
