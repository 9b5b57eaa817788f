//! What is wrong with a configuration, all of it at once: file, line, key, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

/// Everything that is wrong with a configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    file: PathBuf,
    list: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    place: Place,
    key: String,
    text: String,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In the file as a whole: nothing in it is to blame.
    File,
    /// On this line.
    Line(usize),
    /// On this line, at this column: the text is no TOML there.
    Column(usize, usize),
    /// In this environment variable.
    Variable(String),
}

impl Problem {
    /// A problem at `place`; `key` is dotted and may be empty.
    pub(crate) fn new(place: Place, key: &str, text: impl Into<String>) -> Self {
        Self { place, key: key.to_owned(), text: text.into() }
    }

    /// The key it is about, dotted; empty when it is about the file.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Problems {
    /// The problems of `file`, in the order of their places.
    pub(crate) fn new(file: &Path, mut list: Vec<Problem>) -> Self {
        list.sort_by(|a, b| a.place.cmp(&b.place));
        Self { file: file.to_owned(), list }
    }

    /// One line per problem: `config.toml:12: server.listen: is …`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let file = self.file.display();
        self.list
            .iter()
            .map(|Problem { place, key, text }| {
                let place = match place {
                    Place::File => file.to_string(),
                    Place::Line(line) => format!("{file}:{line}"),
                    Place::Column(line, column) => format!("{file}:{line}:{column}"),
                    Place::Variable(name) => format!("environment: {name}"),
                };
                if key.is_empty() { format!("{place}: {text}") } else { format!("{place}: {key}: {text}") }
            })
            .collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}
