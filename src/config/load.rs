//! From a file and the environment to [`Settings`].

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::attempts::{read_rule, read_shield};
use crate::config::calls::{read_cache, read_flags, read_log, read_nonces, read_slow_down, read_usage};
use crate::config::checks::check;
use crate::config::database::read_database;
use crate::config::document::Document;
use crate::config::environment::Environment;
use crate::config::identities::{read_hashing, read_identities, read_institutions};
use crate::config::problem::{Place, Problem, Problems};
use crate::config::retention::read_retention;
use crate::config::routes::read_routes;
use crate::config::section::Section;
use crate::config::server::{read_data_dir, read_listen, read_server};
use crate::config::settings::Settings;

/// Reads `file` and lays `environment` over it: `SOAPGATE__SECTION__KEY`, entries of lists by name.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(file: &Path, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Settings, Problems> {
    let whole = |text: String| Problems::new(file, vec![Problem::new(Place::File, "", text)]);
    let text = fs::read(file).map_err(|error| whole(unreadable(&error)))?;
    let text = String::from_utf8(text).map_err(|_| whole("is not UTF-8; save it in UTF-8".to_owned()))?;
    let absolute = std::path::absolute(file).map_err(|error| whole(unreadable(&error)))?;
    parse(absolute, &text, environment).map_err(|problems| Problems::new(file, problems))
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "does not exist; write it, or name another with --config or SOAPGATE_CONFIG".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    }
}

/// Reads `text`, the content of `file`.
pub(crate) fn parse(
    file: PathBuf,
    text: &str,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Settings, Vec<Problem>> {
    let document = Document::parse(text, Environment::new(environment)?, file.parent().unwrap_or(Path::new("")))?;
    let settings = read(&document, file);
    let problems = document.close();
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

/// Reads every section; what is wrong is noted in `document`.
pub(crate) fn read(document: &Document<'_>, file: PathBuf) -> Settings {
    let root = Section::root(document);
    let server = root.section("server");
    let data_dir = read_data_dir(&server, file.parent().unwrap_or(Path::new("")));
    let (console, management) = (root.section("console"), root.section("management"));
    let default = Settings::new(file);
    let attempts = root.section("attempts");
    let identities = read_identities(&root, &read_rule(&attempts));
    let institutions = read_institutions(&root, &identities);
    let routes = read_routes(&root, &institutions);
    let mut settings = Settings {
        server: read_server(&server),
        console_listen: read_listen(&console, default.console_listen),
        management_listen: read_listen(&management, default.management_listen),
        database_url: read_database(&root.section("database"), &data_dir),
        data_dir,
        hashing: read_hashing(&root.section("hashing")),
        cache: read_cache(&root.section("cache")),
        nonces: read_nonces(&root.section("nonces")),
        flags: read_flags(&root.section("flags")),
        retention: read_retention(&root.section("retention")),
        shield: read_shield(&attempts),
        usage: read_usage(&root.section("usage")),
        slow_down: read_slow_down(&root.section("slow_down")),
        log: read_log(&root.section("log")),
        institutions,
        identities: Vec::new(),
        routes: Vec::new(),
        file: default.file,
    };
    check(document, &settings, &identities, &routes);
    settings.identities = identities.into_iter().map(|(_, identity)| identity).collect();
    settings.routes = routes.into_iter().map(|(_, route)| route).collect();
    settings
}
