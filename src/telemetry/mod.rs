//! Names of metrics and log fields, health, the log's set-up, the tag that stands for an account.

mod account_tag;
mod flag_metrics;
mod health;
mod log;
mod log_writer;
mod metrics;
mod settings;

pub use account_tag::account_tag;
pub use flag_metrics::{DroppedFlag, FlagMetrics};
pub use health::{Component, ComponentView, Health, Status};
pub use log::{LogGuard, start_log};
pub use metrics::{CallKind, Metrics, RouteMetrics};
pub use settings::LogSettings;
