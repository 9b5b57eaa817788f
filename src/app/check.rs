//! `check`: what `serve` needs beside the configuration and the store.

use crate::config::Settings;
use crate::contract::check_documents;

/// One thing that `check` looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// What is wrong with it, as a lower-case fragment.
    pub problem: Option<String>,
}

/// Looks at everything that `serve` needs beside the configuration and the store: the WSDL documents.
#[must_use]
pub fn check(_: &Settings) -> Vec<Check> {
    check_documents()
        .into_iter()
        .map(|(name, checked)| Check {
            name: format!("wsdl {name}"),
            problem: checked.err().map(|error| error.to_string()),
        })
        .collect()
}
