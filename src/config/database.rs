//! Reads `[database]`.

use std::path::Path;

use crate::config::secrets::read_secret;
use crate::config::section::Section;
use crate::config::settings::DATABASE_FILE;
use crate::store::{DatabaseUrl, PostgresUrl};

const DATABASE: &str = "\"sqlite:soapgate.db\" or \"postgres://user@host/database\"";

/// Reads `[database]` against the data folder. The url is never shown: a password may stand in it.
pub(crate) fn read_database(section: &Section<'_>, data_dir: &Path) -> DatabaseUrl {
    let default = || DatabaseUrl::Sqlite(data_dir.join(DATABASE_FILE));
    let text = section.text("url", DATABASE);
    let password = read_secret(section, "password");
    let key = if section.is_given("password") { "password" } else { "password_file" };
    match text {
        Some(text) if PostgresUrl::is_meant(&text) => match (PostgresUrl::parse(&text), password) {
            (Ok(url), None) => DatabaseUrl::Postgres(url),
            (Ok(url), Some(_)) if url.has_password() => {
                section.complain(key, "stands beside a password in database.url; write one of them");
                default()
            }
            (Ok(url), Some(password)) => DatabaseUrl::Postgres(url.with_password(password.expose())),
            (Err(problem), _) => {
                section.complain("url", problem);
                default()
            }
        },
        text => {
            if password.is_some() {
                section.complain(key, "is for a PostgreSQL; leave it out");
            }
            read_file(section, text.as_deref(), data_dir).unwrap_or_else(default)
        }
    }
}

fn read_file(section: &Section<'_>, url: Option<&str>, data_dir: &Path) -> Option<DatabaseUrl> {
    if data_dir.to_str().is_none_or(|folder| folder.contains(['?', '\0'])) {
        let folder = data_dir.display();
        section.complain(
            "url",
            format!("lies in '{folder}', which no address of a database can name; set server.data_dir"),
        );
    }
    let Some(path) = url?.strip_prefix("sqlite:") else {
        section.complain("url", format!("names no database that is served; write {DATABASE}"));
        return None;
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.contains(":memory:") {
        section.complain("url", format!("names a database that forgets all accounts and flags; write {DATABASE}"));
    } else if path.contains(['?', '\0']) {
        section.complain("url", format!("has a query, which soapgate sets itself; write {DATABASE}"));
    } else if path.trim().is_empty() || path.ends_with('/') {
        section.complain("url", format!("names no file; write {DATABASE}"));
    } else {
        return Some(DatabaseUrl::Sqlite(data_dir.join(path)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{check, settings};

    #[test]
    fn a_database_is_an_sqlite_file_or_a_postgresql_and_its_address_is_not_shown() {
        let cases = [
            ("mysql://u:s3cret@h/db", "names no database that is served"),
            ("soapgate.db", "names no database that is served"),
            ("sqlite::memory:", "names a database that forgets all accounts and flags"),
            ("sqlite:x.db?mode=ro", "has a query, which soapgate sets itself"),
            ("sqlite:", "names no file"),
            ("sqlite:data/", "names no file"),
        ];
        for (url, problem) in cases {
            let line = format!(
                "c:2: database.url: {problem}; write \"sqlite:soapgate.db\" or \"postgres://user@host/database\""
            );
            check(&format!("[database]\nurl = \"{url}\"\n"), &[&line]);
        }
        let clear = "lets hashes of passwords cross the network in clear; \
             leave sslmode out, or write verify-full, verify-ca or require";
        check(
            "[database]\nurl = \"postgres://u:s3cret@h/db?sslmode=prefer\"\n",
            &[&format!("c:2: database.url: {clear}")],
        );
    }

    #[test]
    fn the_password_of_a_postgresql_stands_in_its_address_or_beside_it_and_is_never_shown() {
        let whole = "database = { url = \"postgres://u:s3cret@h/db\" }\n";
        let beside = "database = { url = \"postgresql://u@h/db\", password = \"s3cret\" }\n";
        for text in [whole, beside] {
            let settings = settings(text, &[]);
            let DatabaseUrl::Postgres(url) = &settings.database_url else { panic!("{text}") };
            assert!(url.has_password(), "{text}");
            assert!(!format!("{settings:?} {}", settings.database_url).contains("s3cret"), "{text}");
        }
        let variable =
            settings("database.url = \"sqlite:x.db\"\n", &[("SOAPGATE__DATABASE__URL", "postgres://u:p@h/db")]);
        assert_eq!(variable.database_url.to_string(), "postgres://u@h/db");
        check(
            "database = { url = \"postgres://u:s3cret@h/db\", password = \"other\" }\n",
            &["c:1: database.password: stands beside a password in database.url; write one of them"],
        );
        check("database.password = \"s3cret\"\n", &["c:1: database.password: is for a PostgreSQL; leave it out"]);
    }

    #[test]
    fn a_data_folder_that_no_address_can_name_is_refused() {
        check(
            "[server]\ndata_dir = \"/srv/what?\"\n[database]\n",
            &["c:3: database.url: lies in '/srv/what?', which no address of a database can name; set server.data_dir"],
        );
    }
}
