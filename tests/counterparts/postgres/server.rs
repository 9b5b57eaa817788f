//! PostgreSQL servers for tests: the one that all share, and those that a test stops and freezes.

use std::process::Command;

use serde::Deserialize;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use crate::told;

/// A server. One that was made for a test ends with its value.
pub(crate) struct Postgres {
    name: Option<String>,
    url: String,
}

#[derive(Deserialize)]
struct Made {
    name: String,
    url: String,
}

impl Postgres {
    pub(crate) fn shared() -> Self {
        Self { name: None, url: told("SOAPGATE_TEST_POSTGRES") }
    }

    /// One of its own, for a test that stops it.
    pub(crate) fn make() -> Self {
        let Made { name, url } = serde_json::from_str(&control(&["make"])).expect("a server");
        Self { name: Some(name), url }
    }

    /// The url, with its password, of a new database.
    pub(crate) async fn database(&self) -> String {
        sqlx::any::install_default_drivers();
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("random numbers");
        let name = format!("nodes_{:016x}", u64::from_be_bytes(random));
        let mut connection = AnyConnection::connect(&self.url).await.expect("the server answers");
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("made");
        connection.close().await.expect("closed");
        let (server, _) = self.url.rsplit_once('/').expect("a url with a database");
        format!("{server}/{name}")
    }

    /// Starts, stops, freezes or thaws one of its own.
    pub(crate) fn act(&self, verb: &str) {
        control(&[verb, self.name.as_deref().expect("nobody stops what all share")]);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.name.is_some() {
            self.act("kill");
        }
    }
}

fn control(arguments: &[&str]) -> String {
    let command: Vec<String> = serde_json::from_str(&told("SOAPGATE_TEST_POSTGRES_CONTROL")).expect("a command");
    let (program, first) = command.split_first().expect("a program");
    let done = Command::new(program).args(first).args(arguments).output().expect("it runs");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}
