//! The one use case: a call and its reply. No sockets, no SQL. `pipeline` is where to begin.

mod call;
mod flagging;
mod incidents;
mod message;
mod nonces;
mod outcome;
mod pipeline;
mod question;
mod replies;
mod route;
mod settings;
mod slow_down;
mod state;
mod table;
mod verify;

pub use crate::contract::AccountSource;
pub use call::{Body, Call, Presented, Reply};
pub use flagging::{AcceptedReceiver, FlagReceiver, write_flags};
pub use outcome::{CallError, Outcome, Stranger};
pub use route::{
    ContractKind, FaultStatus, IntegrationCheck, IntegrationRule, MustChangeRule, OutageRule, RefusalForm,
    RouteSettings,
};
pub use settings::{CacheSettings, FlagSettings, InstitutionSettings, NonceSettings, SlowDownSettings};
pub use state::{Gateway, GatewayKeys, GatewaySettings, Queues};
pub use table::{Endpoint, InstitutionPlan, Mark, Place, RouteTable};
