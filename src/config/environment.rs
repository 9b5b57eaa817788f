//! The environment over the file: `SOAPGATE__SECTION__KEY`, entries of lists by name.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use crate::config::document::nearest;
use crate::config::problem::{Place, Problem};

/// What every variable of ours begins with. (`SOAPGATE_CONFIG` has one underscore: it is the command line's.)
pub(crate) const PREFIX: &str = "SOAPGATE";

/// The variables that begin with `SOAPGATE__`.
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    asked: RefCell<BTreeSet<String>>,
    unserved: RefCell<BTreeSet<String>>,
    entries: RefCell<BTreeSet<String>>,
}

impl Environment {
    /// Takes the variables that begin with `SOAPGATE__`.
    ///
    /// # Errors
    /// Those that are not UTF-8.
    pub(crate) fn new(all: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, Vec<Problem>> {
        let mut variables = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, value) in all {
            let shown = name.to_string_lossy().into_owned();
            if !shown.starts_with("SOAPGATE__") {
                continue;
            }
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => drop(variables.insert(name, value)),
                _ => problems.push(Problem::new(Place::Variable(shown), "", "is not UTF-8; write it in UTF-8")),
            }
        }
        if problems.is_empty() {
            Ok(Self { variables, asked: RefCell::default(), unserved: RefCell::default(), entries: RefCell::default() })
        } else {
            Err(problems)
        }
    }

    /// The value of a variable that a key can be set by.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.variables.get(name).map(String::as_str)
    }

    /// The variables that would set `name` or something in it, which is not served yet.
    pub(crate) fn unserved(&self, name: &str) -> Vec<String> {
        self.unserved.borrow_mut().insert(name.to_owned());
        self.variables.keys().filter(|variable| is_within(variable, name)).cloned().collect()
    }

    /// Notes the entry of a list whose keys variables beginning with `prefix` set; false when another entry has the
    /// same prefix and there is a variable that could mean either.
    pub(crate) fn enter(&self, prefix: &str) -> bool {
        let is_new = self.entries.borrow_mut().insert(prefix.to_owned());
        is_new || !self.variables.keys().any(|variable| is_within(variable, prefix))
    }

    /// The variables that nobody asked for, and what to do about each.
    pub(crate) fn unused(&self) -> Vec<(String, String)> {
        let asked = self.asked.borrow();
        let unserved = self.unserved.borrow();
        self.variables
            .keys()
            .filter(|name| !asked.contains(*name) && !unserved.iter().any(|kept| is_within(name, kept)))
            .map(|name| (name.clone(), self.advice(name, &asked)))
            .collect()
    }

    fn advice(&self, name: &str, asked: &BTreeSet<String>) -> String {
        if is_within(name, "SOAPGATE__ROUTE") {
            return "routes have no name to be set by; write them in the file".to_owned();
        }
        if let Some(meant) = nearest(name, asked.iter().map(String::as_str)) {
            return format!("sets no key; did you mean {meant}?");
        }
        for list in ["INSTITUTION", "IDENTITY"] {
            let list = format!("{PREFIX}__{list}");
            if is_within(name, &list) {
                let entries = self.entries.borrow();
                let known: Vec<&str> =
                    entries.iter().filter(|entry| is_within(entry, &list)).map(String::as_str).collect();
                return format!(
                    "sets no key of an entry in the file; variables of entries begin with {}",
                    if known.is_empty() { format!("{list}__<NAME>__") } else { format!("{}__", known.join("__ or ")) }
                );
            }
        }
        "sets no key; write SOAPGATE__<SECTION>__<KEY>, such as SOAPGATE__SERVER__LISTEN".to_owned()
    }
}

/// How the name of an entry stands in a variable: upper case, and `_` for all but ASCII letters and digits.
pub(crate) fn spell(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

fn is_within(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("__"))
}
