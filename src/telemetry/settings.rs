//! Settings of logs.

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Which events are written: the directives of `tracing`'s `EnvFilter`.
    pub filter: String,
    /// Whether each call gets its one line.
    pub calls: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".to_owned(), calls: true }
    }
}
