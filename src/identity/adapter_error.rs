//! Why an adapter cannot be made of its settings.

use std::path::Path;

/// Why an adapter cannot be made of its settings. Says what to do about it; never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AdapterError(String);

impl AdapterError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn ca_file(file: &Path, problem: impl std::fmt::Display) -> Self {
        Self(format!("ca_file {}: {problem}; name a file with certificates in PEM", file.display()))
    }
}
