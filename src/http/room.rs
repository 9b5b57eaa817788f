//! Room for calls: so many at once, and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::gateway::Gateway;

/// The gateway, and how many calls it may have at once. Counted by one number, since every call comes here and nobody
/// ever waits.
pub(crate) struct Room {
    gateway: Arc<Gateway>,
    most: usize,
    taken: AtomicUsize,
}

/// A call's place in the room, and its way to the gateway.
pub(crate) struct Permit(Arc<Room>);

impl Room {
    pub(crate) fn new(gateway: Arc<Gateway>, most: usize) -> Self {
        Self { gateway, most, taken: AtomicUsize::new(0) }
    }

    pub(crate) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// A place, if there is one.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Permit> {
        let permit = Permit(Arc::clone(self));
        // Who comes too late is counted for a moment too, and out again when the permit is dropped.
        (self.taken.fetch_add(1, Ordering::AcqRel) < self.most).then_some(permit)
    }
}

impl Permit {
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.0.gateway
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}
