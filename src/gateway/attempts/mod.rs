//! The lock-out shield: what stands between a call and the identity service that may count a wrong password against
//! its account. `shield` is where to begin; the rules are `domain`'s.

mod beginning;
mod entry;
mod ledger;
mod memory;
mod presence;
mod rates;
mod shield;

pub use ledger::{LedgerReceiver, keep_ledger};
pub(crate) use rates::CallerRates;
pub(crate) use shield::Shield;
