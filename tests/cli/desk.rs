//! A folder in which the program runs, and what it leaves behind.

use std::fs;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use serde_json::Value;
use soapgate::app::SystemClock;
use soapgate::domain::{AccountId, Answer, Credentials, Institution, Password};
use soapgate::identity::{Ask, Embedded, HashingPool, HashingSettings, IdentityService};
use soapgate::store::{Database, DatabaseUrl};
use tempfile::TempDir;

/// A folder with a `config.toml` in which the program runs.
pub(crate) struct Desk(pub(crate) TempDir);

/// What the program left behind.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.toml"), config).expect("a file");
        Self(folder)
    }

    pub(crate) fn run(&self, arguments: &str, input: &[u8]) -> Done {
        self.run_with(arguments, &[], input)
    }

    pub(crate) fn run_with(&self, arguments: &str, environment: &[(&str, &str)], input: &[u8]) -> Done {
        let mut child = Command::new(env!("CARGO_BIN_EXE_soapgate"))
            .args(arguments.split_whitespace())
            .env_clear()
            .envs(environment.iter().copied())
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        match stdin.write_all(input) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{error}"),
            _ => drop(stdin),
        }
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs what must succeed, and gives what it printed.
    pub(crate) fn ok(&self, arguments: &str, input: &[u8]) -> String {
        let done = self.run(arguments, input);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{arguments}");
        done.out
    }

    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(arguments, b"")).expect("JSON")
    }

    /// Runs what must fail, and compares how.
    pub(crate) fn fails(&self, arguments: &str, input: &[u8], code: i32, err: &str) {
        let done = self.run(arguments, input);
        assert_eq!((done.code, done.out.as_str(), done.err.trim_end()), (Some(code), "", err), "{arguments}");
    }

    /// What the embedded identity service says about a password.
    pub(crate) fn verify(&self, account: &str, password: &str) -> Answer {
        let url = DatabaseUrl::Sqlite(self.0.path().join("data/soapgate.db"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let database = Database::open(&url).await.expect("it opens");
            let pool = HashingPool::new(&HashingSettings::default()).expect("a pool");
            let service = Embedded::new("accounts", database.accounts(), pool.into(), std::sync::Arc::new(SystemClock));
            let institution = Institution::parse("01DEMO_INST").expect("a code");
            let account = AccountId::parse(&institution, account).expect("an identifier");
            let credentials = Credentials::new(account, Password::new(password.to_owned())).expect("credentials");
            let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
            let person = credentials.account();
            let ask =
                Ask { credentials: &credentials, person, source: [127, 0, 0, 1].into(), integration: None, deadline };
            service.verify(ask).await.expect("an answer").answer
        })
    }
}
