//! One configuration as it is being read: the parsed text, the environment over it, and what was found wrong so far.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::config::environment::Environment;
use crate::config::problem::{Place, Problem};

/// A parsed configuration. Sections borrow it and note in it what they ask for, so that the keys which nobody asked for
/// are known in the end: the code that reads a key is the only list of keys there is.
pub(crate) struct Document<'t> {
    text: &'t str,
    root: DeTable<'t>,
    environment: Environment,
    /// The folder of the file: paths in it are relative to that.
    folder: PathBuf,
    notes: RefCell<Notes>,
}

#[derive(Default)]
struct Notes {
    problems: Vec<Problem>,
    /// Where the values of dotted keys stand; of a section, its header.
    places: BTreeMap<String, Place>,
    /// Dotted keys that were asked for, present or not.
    known: BTreeSet<String>,
    /// Dotted keys that are kept for what is not served yet.
    unserved: BTreeSet<String>,
    /// Sections that were opened; only in these can a key be unknown.
    opened: BTreeSet<String>,
}

impl<'t> Document<'t> {
    /// Parses `text`, the content of a file in `folder`.
    ///
    /// # Errors
    /// Every place where it is no TOML.
    pub(crate) fn parse(text: &'t str, environment: Environment, folder: &Path) -> Result<Self, Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let (root, folder) = (root.into_inner(), folder.to_owned());
            return Ok(Self { text, root, environment, folder, notes: RefCell::default() });
        }
        // Only the message: the error's own rendering quotes the line, which may hold a secret.
        let problem = |error: &toml::de::Error| {
            let place = error.span().map_or(Place::File, |span| {
                let (line, column) = position(text, span.start);
                Place::Column(line, column)
            });
            let message = error.message().trim_end_matches(", expected nothing");
            Problem::new(place, "", format!("is not TOML: {message}"))
        };
        Err(errors.iter().map(problem).collect())
    }

    /// The whole file as a table.
    pub(crate) fn root(&self) -> &DeTable<'t> {
        &self.root
    }

    /// A path that stands in the file.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// The environment laid over it.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The line on which `offset` stands.
    pub(crate) fn line(&self, offset: usize) -> Place {
        Place::Line(position(self.text, offset).0)
    }

    /// Notes that `key` was asked for.
    pub(crate) fn ask(&self, key: String) {
        self.notes.borrow_mut().known.insert(key);
    }

    /// Notes that `key` is kept for what is not served yet.
    pub(crate) fn keep_back(&self, key: String) {
        self.notes.borrow_mut().unserved.insert(key);
    }

    /// Notes where the value of `key` stands.
    pub(crate) fn locate(&self, key: &str, place: Place) {
        self.notes.borrow_mut().places.insert(key.to_owned(), place);
    }

    /// Notes that the section `key` is read key by key.
    pub(crate) fn open(&self, key: &str) {
        self.notes.borrow_mut().opened.insert(key.to_owned());
    }

    /// Notes that keys of the section `key` are not to be judged.
    pub(crate) fn shut(&self, key: &str) {
        self.notes.borrow_mut().opened.remove(key);
    }

    /// Notes a problem with `key`, where its value stands or else its section. A key that has a problem already keeps
    /// that one: what follows from a broken value would only mislead.
    pub(crate) fn complain(&self, key: &str, text: impl Into<String>) {
        if !self.is_broken(key) {
            let place = self.place(key);
            self.notes.borrow_mut().problems.push(Problem::new(place, key, text));
        }
    }

    /// Notes a problem that has a place of its own.
    pub(crate) fn complain_at(&self, place: Place, key: &str, text: impl Into<String>) {
        self.notes.borrow_mut().problems.push(Problem::new(place, key, text));
    }

    /// Whether `key` has a problem already.
    pub(crate) fn is_broken(&self, key: &str) -> bool {
        self.notes.borrow().problems.iter().any(|problem| problem.key() == key)
    }

    /// Whether `key` stands in the file or the environment.
    pub(crate) fn is_given(&self, key: &str) -> bool {
        self.notes.borrow().places.contains_key(key)
    }

    fn place(&self, key: &str) -> Place {
        let notes = self.notes.borrow();
        let mut key = key;
        loop {
            match notes.places.get(key) {
                Some(place) => return place.clone(),
                None if key.is_empty() => return Place::File,
                None => key = parent(key),
            }
        }
    }

    /// Names every key that nobody asked for and every variable that names none, and hands over all problems.
    pub(crate) fn close(self) -> Vec<Problem> {
        let mut unknown = Vec::new();
        self.find_unknown("", &self.root, &mut unknown);
        for (place, key, text) in unknown {
            self.complain_at(place, &key, text);
        }
        for (name, text) in self.environment.unused() {
            self.complain_at(Place::Variable(name), "", text);
        }
        self.notes.into_inner().problems
    }

    fn find_unknown(&self, section: &str, table: &DeTable<'t>, unknown: &mut Vec<(Place, String, String)>) {
        let notes = self.notes.borrow();
        for (name, value) in table {
            let key = join(section, name.get_ref());
            if notes.unserved.contains(&key) {
                continue;
            }
            if !notes.known.contains(&key) {
                let place = self.line(name.span().start);
                unknown.push((place, key.escape_debug().to_string(), advice(section, name.get_ref(), &notes.known)));
                continue;
            }
            match value.get_ref() {
                DeValue::Table(inner) if notes.opened.contains(&key) => self.find_unknown(&key, inner, unknown),
                DeValue::Array(entries) => {
                    for (index, entry) in entries.iter().enumerate() {
                        let key = format!("{key}[{index}]");
                        if let (DeValue::Table(inner), true) = (entry.get_ref(), notes.opened.contains(&key)) {
                            self.find_unknown(&key, inner, unknown);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Every key that was asked for, with `[]` in the place of indices.
    #[cfg(test)]
    pub(crate) fn known(&self) -> BTreeSet<String> {
        let pattern = |key: &String| {
            key.split('[')
                .map(|part| part.split_once(']').map_or(part, |(_, rest)| rest))
                .collect::<Vec<_>>()
                .join("[]")
        };
        self.notes.borrow().known.iter().map(pattern).collect()
    }
}

/// The dotted key of `name` in `section`.
pub(crate) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

fn parent(key: &str) -> &str {
    key.rsplit_once(['.', '[']).map_or("", |(parent, _)| parent)
}

/// The candidate that was most likely meant by `given`.
pub(crate) fn nearest<'c>(given: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(given, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .map(|(_, candidate)| candidate)
}

fn advice(section: &str, name: &str, known: &BTreeSet<String>) -> String {
    let siblings: Vec<&str> =
        known.iter().filter(|key| parent(key) == section).filter_map(|key| key.rsplit('.').next()).collect();
    match nearest(name, siblings.iter().copied()) {
        Some(meant) => format!("is no key here; did you mean '{meant}'?"),
        None => format!("is no key here; known are {}", siblings.join(", ")),
    }
}

/// Line and column, both from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
