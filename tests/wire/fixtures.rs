//! The pairs of requests and replies on disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp, Unit};

/// A request and where its reply stands.
pub(crate) struct Fixture {
    pub(crate) name: String,
    /// What the index says of it.
    pub(crate) shows: String,
    pub(crate) request: Vec<u8>,
    pub(crate) reply_file: PathBuf,
}

impl Fixture {
    pub(crate) fn method(&self) -> &str {
        let end = self.request.iter().position(|byte| *byte == b' ').unwrap_or_default();
        std::str::from_utf8(&self.request[..end]).unwrap_or_default()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire")
}

/// The areas, in order.
pub(crate) fn folders() -> Vec<String> {
    let entries = fs::read_dir(root()).expect("the folder of the fixtures").map(|entry| entry.expect("an entry"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names: BTreeSet<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.into_iter().collect()
}

/// The fixtures of an area, in the order of its index, with times put in.
pub(crate) fn open(area: &str) -> Vec<Fixture> {
    let folder = root().join(area);
    index(&folder)
        .into_iter()
        .map(|line| Fixture {
            request: timed(&fs::read(folder.join(format!("{}.http", line.name))).expect("a request")),
            reply_file: folder.join(format!("{}.reply", line.name)),
            name: line.name,
            shows: line.shows,
        })
        .collect()
}

/// A line of an index: `name: what it shows`, or `name [length]: …` where the length itself is the subject. Lines that
/// begin with `#` are headings.
struct IndexLine {
    name: String,
    shows: String,
    about_length: bool,
}

fn index(folder: &Path) -> Vec<IndexLine> {
    let text = fs::read_to_string(folder.join("index.txt")).expect("an index");
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, shows) = line.split_once(": ").unwrap_or((line, ""));
            let bare = name.strip_suffix(" [length]");
            IndexLine { name: bare.unwrap_or(name).to_owned(), shows: shows.to_owned(), about_length: bare.is_some() }
        })
        .collect()
}

/// What is wrong with the files of an area: orphans, missing ones, lengths that are not the body's.
pub(crate) fn problems(area: &str) -> Vec<String> {
    let folder = root().join(area);
    let lines = index(&folder);
    let mut problems = Vec::new();
    let mut expected = BTreeSet::from(["index.txt".to_owned()]);
    for IndexLine { name, shows, about_length } in &lines {
        let fresh = expected.insert(format!("{name}.http")) && expected.insert(format!("{name}.reply"));
        if !fresh {
            problems.push(format!("{area}/index.txt names {name} twice"));
        }
        if shows.is_empty() {
            problems.push(format!("{area}/index.txt does not say what {name} shows"));
        }
        let request = fs::read(folder.join(format!("{name}.http"))).unwrap_or_default();
        if !about_length && !length_is_right(&request) {
            problems.push(format!("{area}/{name}.http has a Content-Length that is not its body's"));
        }
    }
    let entries = fs::read_dir(&folder).expect("a folder");
    let found: BTreeSet<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    problems.extend(expected.difference(&found).map(|file| format!("{area}/{file} is missing")));
    problems.extend(found.difference(&expected).map(|file| format!("{area}/{file} stands in no index")));
    problems
}

/// Whether a request says the length of its body once, or has neither.
fn length_is_right(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let mut said = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
    let length = said.next().map_or(Some(0), |said| said.parse().ok());
    said.next().is_none() && length == Some(request.len() - end - 4)
}

/// Puts the time in for every `{now minus 00000240}` and `{now plus 000000090}`, which are as long as it.
fn timed(request: &[u8]) -> Vec<u8> {
    const LENGTH: usize = "2026-11-22T12:00:00Z".len();
    let mut request = request.to_vec();
    let places = request.windows(LENGTH).enumerate().filter_map(|(at, window)| {
        let inner = window.strip_prefix(b"{now ")?.strip_suffix(b"}")?;
        Some((at, std::str::from_utf8(inner).ok()?.to_owned()))
    });
    for (at, inner) in places.collect::<Vec<_>>() {
        let (direction, seconds) = inner.split_once(' ').expect("a direction and seconds");
        let seconds: i64 = seconds.parse().expect("a number");
        let seconds = if direction == "minus" { -seconds } else { seconds };
        let now = Timestamp::now().round(Unit::Second).expect("a time");
        let time = (now + SignedDuration::from_secs(seconds)).to_string();
        request[at..at + LENGTH].copy_from_slice(time.as_bytes());
    }
    request
}
