//! The async runtime of a server.

use std::io;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// Worker threads: one for every two processors. A call needs a few microseconds here; waking another worker for it
/// costs as much again, and the other processors have passwords to hash.
#[must_use]
pub fn worker_threads() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get).div_ceil(2)
}

/// The runtime that a server runs in.
///
/// # Errors
/// When the system gives no threads.
pub fn server_runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(worker_threads()).enable_all().build()
}
