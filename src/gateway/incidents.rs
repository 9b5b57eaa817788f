//! Making incident ids.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::IncidentId;

/// Makes ids that nobody outside can foretell and that never repeat within a process: a counter under a random key.
pub(crate) struct Incidents {
    key: [u8; 32],
    count: AtomicU64,
}

impl Incidents {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, count: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> IncidentId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let hash = blake3::keyed_hash(&self.key, &count.to_le_bytes());
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&hash.as_bytes()[..10]);
        IncidentId::from_random(bytes)
    }
}
