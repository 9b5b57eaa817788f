//! What a panic leaves in the log: where it happened, as a line like any other. Never its text, which nobody can vouch for.

use std::panic::Location;

/// Makes panics leave one line in the log from now on.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(Location::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        tracing::error!(panic.place = place, panic.thread = thread, "panic");
    }));
}
