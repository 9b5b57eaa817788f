//! What the process gives up before it sees a password.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Switches core dumps off, and with them what another process of the same user could read of this one's memory: a
/// core file would hold passwords.
///
/// # Errors
/// When the system refuses.
pub(crate) fn forbid_core_dumps() -> anyhow::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
