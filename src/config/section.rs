//! A typed reader of one table, key by key. It never stops at a mistake: it notes it and goes on with the default.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::config::document::{Document, join};
use crate::config::environment::{PREFIX, spell};
use crate::config::problem::Place;

/// One table of the configuration, present or not.
pub(crate) struct Section<'d> {
    document: &'d Document<'d>,
    table: Option<&'d DeTable<'d>>,
    key: String,
    /// What variables that set its keys begin with; `None` where no variable can.
    variable: Option<String>,
}

/// One way to write a choice.
pub(crate) enum Choice<T> {
    /// It means this.
    Means(&'static str, T),
    /// It is known and refused, with the reason.
    Refused(&'static str, &'static str),
}

#[derive(Clone, Copy)]
enum Raw<'d> {
    File(&'d DeValue<'d>),
    Variable(&'d str),
}

impl<'d> Section<'d> {
    /// The whole file.
    pub(crate) fn root(document: &'d Document<'d>) -> Self {
        Self { document, table: Some(document.root()), key: String::new(), variable: Some(PREFIX.to_owned()) }
    }

    /// The dotted key of the section itself.
    pub(crate) fn name(&self) -> &str {
        &self.key
    }

    /// The dotted key of `name` in this section.
    pub(crate) fn key(&self, name: &str) -> String {
        join(&self.key, name)
    }

    /// Notes a problem with the key `name`.
    pub(crate) fn complain(&self, name: &str, text: impl Into<String>) {
        self.document.complain(&self.key(name), text);
    }

    /// Whether `name` has a problem already.
    pub(crate) fn is_broken(&self, name: &str) -> bool {
        self.document.is_broken(&self.key(name))
    }

    /// Whether `name` stands in the file or the environment.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.document.is_given(&self.key(name))
    }

    /// The table `name` in this one.
    pub(crate) fn section(&self, name: &str) -> Section<'d> {
        let key = self.key(name);
        self.document.ask(key.clone());
        let variable = self.variable.as_ref().map(|prefix| format!("{prefix}__{}", spell(name)));
        let found = self.table.and_then(|table| table.get_key_value(name));
        let table = found.and_then(|(name, value)| {
            self.document.locate(&key, self.document.line(name.span().start));
            let table = value.get_ref().as_table();
            if table.is_none() {
                let text = format!("is {}; write a table", kind(value.get_ref()));
                self.document.complain(&key, text);
            }
            table
        });
        self.document.open(&key);
        Section { document: self.document, table, key, variable }
    }

    /// The entries of the list of tables `name`. No variable sets their keys until [`Section::enter`].
    pub(crate) fn entries(&self, name: &str) -> Vec<Section<'d>> {
        let list = self.key(name);
        self.document.ask(list.clone());
        let Some((at, value)) = self.table.and_then(|table| table.get_key_value(name)) else { return Vec::new() };
        self.document.locate(&list, self.document.line(at.span().start));
        let Some(array) = value.get_ref().as_array() else {
            self.complain(name, format!("is {}; write [[{list}]] above each entry", kind(value.get_ref())));
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (index, entry) in array.iter().enumerate() {
            let key = format!("{list}[{index}]");
            self.document.locate(&key, self.document.line(entry.span().start));
            if let Some(table) = entry.get_ref().as_table() {
                self.document.open(&key);
                entries.push(Section { document: self.document, table: Some(table), key, variable: None });
            } else {
                let text = format!("is {}; write [[{list}]] above each entry", kind(entry.get_ref()));
                self.document.complain(&key, text);
            }
        }
        entries
    }

    /// From here on variables that begin with `SOAPGATE__LIST__NAME__` set this entry's keys.
    pub(crate) fn enter(&mut self, list: &str, name: &str) {
        let prefix = format!("{PREFIX}__{}__{}", spell(list), spell(name));
        if !self.document.environment().enter(&prefix) {
            let text = format!("stands for more than one [[{list}]]; rename one of them");
            self.document.complain_at(Place::Variable(format!("{prefix}__…")), "", text);
        }
        self.variable = Some(prefix);
    }

    /// A path that stands in the file, against the file's folder.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.document.resolve(path)
    }

    /// Refuses `name`, which is kept for what is not served yet, or only elsewhere.
    pub(crate) fn refuse(&self, name: &str, text: &str) {
        let key = self.key(name);
        self.document.keep_back(key.clone());
        if let Some((at, _)) = self.table.and_then(|table| table.get_key_value(name)) {
            self.document.complain_at(self.document.line(at.span().start), &key, text);
        }
        if let Some(prefix) = &self.variable {
            for variable in self.document.environment().unserved(&format!("{prefix}__{}", spell(name))) {
                self.document.complain_at(Place::Variable(variable), &key, text);
            }
        }
    }

    /// Lets every key of this section pass that nobody asks for: nobody can say what they mean.
    pub(crate) fn skip(&self) {
        self.document.shut(&self.key);
        if let Some(prefix) = &self.variable {
            self.document.environment().unserved(prefix);
        }
    }

    /// A text.
    pub(crate) fn text(&self, name: &str, write: &str) -> Option<String> {
        match self.raw(name)? {
            Raw::Variable(text) => Some(text.to_owned()),
            Raw::File(value) => match value.as_str() {
                Some(text) => Some(text.to_owned()),
                None => self.wrong(name, &kind(value), write),
            },
        }
    }

    /// A text that must be there; `write` says what.
    pub(crate) fn required_text(&self, name: &str, write: &str) -> Option<String> {
        let text = self.text(name, write);
        if text.is_none() {
            self.complain(name, format!("is missing; write {write}"));
        }
        text.filter(|text| !text.is_empty() || self.wrong::<()>(name, "empty", write).is_some())
    }

    /// A list of texts; in the environment they are divided by commas.
    pub(crate) fn texts(&self, name: &str, write: &str) -> Option<Vec<String>> {
        let array = match self.raw(name)? {
            Raw::Variable(text) => {
                return Some(
                    text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect(),
                );
            }
            Raw::File(value) => value.as_array().or_else(|| self.wrong(name, &kind(value), write))?,
        };
        let texts = array.iter().map(|entry| entry.get_ref().as_str().map(str::to_owned)).collect();
        match texts {
            Some(texts) => Some(texts),
            None => self.wrong(name, "a list of other things than strings", write),
        }
    }

    /// `true` or `false`.
    pub(crate) fn switch(&self, name: &str, default: bool) -> bool {
        let write = "true or false";
        let read = self.raw(name).and_then(|raw| match raw {
            Raw::Variable(text) => text.parse().ok().or_else(|| self.wrong(name, &quote(text), write)),
            Raw::File(value) => value.as_bool().or_else(|| self.wrong(name, &kind(value), write)),
        });
        read.unwrap_or(default)
    }

    /// A whole number within `range`.
    pub(crate) fn count<T>(&self, name: &str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Copy + Display + PartialOrd + TryFrom<u64>,
    {
        self.optional_count(name, range).unwrap_or(default)
    }

    /// A whole number within `range`, if there is one.
    pub(crate) fn optional_count<T>(&self, name: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: Copy + Display + PartialOrd + TryFrom<u64>,
    {
        let write = format!("a whole number from {} to {}", range.start(), range.end());
        let (number, shown) = match self.raw(name)? {
            Raw::Variable(text) => (text.parse().ok(), quote(text)),
            Raw::File(value) => match value.as_integer() {
                Some(integer) => (u64::from_str_radix(integer.as_str(), integer.radix()).ok(), integer.to_string()),
                None => return self.wrong(name, &kind(value), &write),
            },
        };
        let number = number.and_then(|number: u64| T::try_from(number).ok()).filter(|number| range.contains(number));
        number.or_else(|| self.wrong(name, &shown, &write))
    }

    /// A span of time within `range`.
    pub(crate) fn span(&self, name: &str, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        let show = |span: &Duration| humantime::format_duration(*span).to_string();
        let write = format!(
            "a span from \"{}\" to \"{}\", such as \"{}\"",
            show(range.start()),
            show(range.end()),
            show(&default)
        );
        let parse = |text: &str| {
            let span = humantime::parse_duration(text).ok().filter(|span| range.contains(span));
            span.or_else(|| self.wrong(name, &quote(text), &write))
        };
        let read = self.raw(name).and_then(|raw| match raw {
            Raw::Variable(text) => parse(text),
            Raw::File(value) => match value.as_str() {
                Some(text) => parse(text),
                None => self.wrong(name, &kind(value), &write),
            },
        });
        read.unwrap_or(default)
    }

    /// An address and a port.
    pub(crate) fn address(&self, name: &str, default: SocketAddr) -> SocketAddr {
        let write = format!("an address and a port, such as \"{default}\"");
        let text = self.text(name, &write);
        text.and_then(|text| text.parse().ok().or_else(|| self.wrong(name, &quote(&text), &write))).unwrap_or(default)
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[Choice<T>]) -> Option<T> {
        let write = choice_list(choices);
        let word = self.text(name, &write)?;
        self.chosen(name, &word, choices)
    }

    /// What `word`, a value of `name`, stands for.
    pub(crate) fn chosen<T: Copy>(&self, name: &str, word: &str, choices: &[Choice<T>]) -> Option<T> {
        for choice in choices {
            match choice {
                Choice::Means(known, value) if *known == word => return Some(*value),
                Choice::Refused(known, why) if *known == word => {
                    let text = format!("\"{word}\" {why}; write {}", choice_list(choices));
                    self.complain(name, text);
                    return None;
                }
                Choice::Means(..) | Choice::Refused(..) => {}
            }
        }
        self.wrong(name, &quote(word), &choice_list(choices))
    }

    /// Notes that `name` is `what` and that `write` would be right.
    pub(crate) fn wrong<T>(&self, name: &str, what: &str, write: &str) -> Option<T> {
        self.complain(name, format!("is {what}; write {write}"));
        None
    }

    fn raw(&self, name: &str) -> Option<Raw<'d>> {
        let key = self.key(name);
        self.document.ask(key.clone());
        if let Some(prefix) = &self.variable {
            let variable = format!("{prefix}__{}", spell(name));
            if let Some(text) = self.document.environment().value(&variable) {
                self.document.locate(&key, Place::Variable(variable));
                return Some(Raw::Variable(text));
            }
        }
        let (at, value) = self.table?.get_key_value(name)?;
        self.document.locate(&key, self.document.line(at.span().start));
        Some(Raw::File(value.get_ref()))
    }
}

/// A text in quotes, cut when it is long.
pub(crate) fn quote(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().count() > SHOWN {
        format!("\"{}…\"", text.chars().take(SHOWN).collect::<String>().escape_debug())
    } else {
        format!("\"{}\"", text.escape_debug())
    }
}

fn kind(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn choice_list<T>(choices: &[Choice<T>]) -> String {
    let words: Vec<String> = choices
        .iter()
        .filter_map(|choice| match choice {
            Choice::Means(word, _) => Some(format!("\"{word}\"")),
            Choice::Refused(..) => None,
        })
        .collect();
    words.join(" or ")
}
