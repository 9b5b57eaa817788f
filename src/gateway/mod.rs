//! The one use case: a call and its reply. No sockets, no SQL. `pipeline` is where to begin.

mod attempts;
mod call;
mod canary;
mod digests;
mod flagging;
mod generations;
mod heard;
mod incidents;
mod leftovers;
mod lifecycle;
mod message;
mod nonces;
mod outcome;
mod pipeline;
mod question;
mod replies;
mod route;
mod second_look;
mod settings;
mod slow_down;
mod state;
mod table;
mod usage;
mod verify;
#[cfg(test)]
mod verify_tests;

pub use crate::contract::AccountSource;
pub use attempts::{LedgerReceiver, keep_ledger};
pub use call::{Body, Call, Presented, Reply};
pub use canary::Canaries;
pub use flagging::{AcceptedReceiver, FlagReceiver, FlagWriter};
pub use leftovers::{LEFTOVERS, Leftovers};
pub use lifecycle::{LifecycleFields, LifecycleSettings};
pub use outcome::{CallError, Outcome, Stranger};
pub use question::IdentityUse;
pub use route::{
    ContractKind, FaultStatus, IntegrationCheck, IntegrationRule, MustChangeRule, OutageRule, RefusalForm,
    RouteSettings,
};
pub use settings::{
    CALLERS_WAIT, CacheSettings, FlagSettings, IdentityChoice, InstitutionSettings, NonceSettings, RateSettings,
    ShieldSettings, SlowDownSettings, UsageSettings,
};
pub use state::{Gateway, GatewayKeys, GatewaySettings, Queues};
pub use table::{Endpoint, InstitutionPlan, Mark, Place, RouteTable};
pub use usage::{UsageKeeper, UserAgent, keep_usage};
