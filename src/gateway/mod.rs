//! The one use case: a call and its reply. No sockets, no SQL.

mod route;
mod settings;

pub use crate::contract::AccountSource;
pub use route::{
    ContractKind, FaultStatus, IntegrationCheck, IntegrationRule, MustChangeRule, OutageRule, RefusalForm,
    RouteSettings,
};
pub use settings::{CacheSettings, FlagSettings, InstitutionSettings, NonceSettings, SlowDownSettings};
