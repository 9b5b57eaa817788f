//! The rules of `src/README.md`, read off the sources: layers, purity, size and head of files, names.

#![expect(clippy::expect_used, reason = "a test that cannot read the sources has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rows of the map, lowest first: a module imports from strictly lower rows only.
const ROWS: [&[&str]; 10] = [
    &["domain", "soap"],
    &["contract", "telemetry"],
    &["store"],
    &["identity"],
    &["gateway"],
    &["operator"],
    &["http"],
    &["config"],
    &["app"],
    &["cli"],
];
const PURE: [&str; 3] = ["domain", "soap", "contract"];
/// Words of I/O, of async, of clocks and of randomness.
const IMPURE: [&str; 14] = [
    "async fn",
    ".await",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "tokio::",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "getrandom",
    "sqlx",
];
const CATCH_ALL: [&str; 9] = ["util", "utils", "common", "helpers", "misc", "types", "manager", "service", "info"];
const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            found.insert(name, fs::read_to_string(&path).expect("a source"));
        }
    }
}

fn all(folders: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for folder in folders {
        let folder = root().join(folder);
        if folder.is_dir() {
            sources(&folder, &mut found);
        }
    }
    found
}

/// The first part of the path below `src`: `gateway` for `src/gateway/pipeline.rs`, empty for `src/lib.rs`.
fn module(name: &str) -> &str {
    name.strip_prefix("src/").and_then(|rest| rest.split_once('/')).map_or("", |(module, _)| module)
}

fn row(module: &str) -> usize {
    ROWS.iter().position(|row| row.contains(&module)).unwrap_or_else(|| panic!("{module} stands in no row of the map"))
}

fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.starts_with("//"))
}

/// What a source names of the crate: every `crate::x`, tests included.
fn imports(text: &str) -> Vec<&str> {
    code(text)
        .flat_map(|line| line.split("crate::").skip(1))
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn modules_import_downward_only() {
    let mut wrong = Vec::new();
    for (name, text) in all(&["src"]) {
        let own = module(&name);
        if own.is_empty() {
            continue;
        }
        for import in imports(&text) {
            if import != own && ROWS.iter().any(|row| row.contains(&import)) && row(import) >= row(own) {
                wrong.push(format!("{name} imports {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "upward imports:\n{}", wrong.join("\n"));
}

#[test]
fn the_check_of_imports_sees_them() {
    let text = "use crate::http::Handler;\n// crate::cli is only spoken of\nlet x = crate::domain::Password::new(y);";
    assert_eq!(imports(text), ["http", "domain"]);
}

#[test]
fn pure_modules_do_no_io_and_know_no_clock() {
    let mut wrong = Vec::new();
    for (name, text) in all(&["src"]) {
        if PURE.contains(&module(&name)) {
            for line in code(&text) {
                if let Some(word) = IMPURE.iter().find(|word| line.contains(**word)) {
                    wrong.push(format!("{name}: {word} in '{line}'"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "impure:\n{}", wrong.join("\n"));
}

#[test]
fn soap_knows_no_accounts_and_domain_no_xml() {
    for (name, text) in all(&["src"]) {
        let imports = imports(&text);
        match module(&name) {
            "soap" => assert!(imports.iter().all(|import| *import == "soap"), "{name} imports {imports:?}"),
            "domain" => assert!(imports.iter().all(|import| *import == "domain"), "{name} imports {imports:?}"),
            _ => {}
        }
    }
}

#[test]
fn every_file_is_short_says_what_it_holds_and_has_a_telling_name() {
    let mut wrong = Vec::new();
    for (name, text) in all(&["src", "tests", "benches"]) {
        if text.lines().count() > LINES_MAX {
            wrong.push(format!("{name} has {} lines", text.lines().count()));
        }
        let head = text.lines().next().unwrap_or_default();
        if !head.starts_with("//!") && !head.starts_with("#![doc = include_str!") {
            wrong.push(format!("{name} does not begin with //!"));
        }
        let stem = Path::new(&name).file_stem().expect("a name").to_string_lossy().into_owned();
        if CATCH_ALL.contains(&stem.as_str()) {
            wrong.push(format!("{name} has a catch-all name"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mod_files_hold_no_logic() {
    for (name, text) in all(&["src"]) {
        if name.ends_with("/mod.rs") {
            assert!(!code(&text).any(|line| line.contains("fn ") || line.contains("impl ")), "{name} holds logic");
        }
    }
}

#[test]
fn sources_use_crate_paths_and_no_globs() {
    let mut wrong = Vec::new();
    for (name, text) in all(&["src"]) {
        let mut in_tests = name.ends_with("tests.rs");
        for line in code(&text) {
            in_tests |= line.contains("mod tests");
            if !in_tests && line.starts_with("use ") && (line.contains("super::") || line.ends_with("::*;")) {
                wrong.push(format!("{name}: {line}"));
            }
            if line.contains("use crate::{") {
                wrong.push(format!("{name}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_names_every_module_in_its_row() {
    let map = fs::read_to_string(root().join("src/README.md")).expect("the map");
    for (number, modules) in ROWS.iter().enumerate() {
        let names = modules.iter().map(|module| format!("`{module}`")).collect::<Vec<_>>().join(", ");
        assert!(map.contains(&format!("| {number} | {names} |")), "the map has no row '| {number} | {names} |'");
    }
}
