//! A server process with a folder of its own, and calls to it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sqlx::{AnyConnection, Connection as _};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_soapgate");
/// How long anything may take before a test gives it up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const INTEGRATION: &str = "AlmaSDK-test-institutionCode-01TEST_INST";
const SECRET: &str = "integration-test-1";
pub(crate) const PASSWORD: &str = "right password 1";

/// A folder with a configuration, an integration, the account `reader` and the account `legacy`, without a password.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    database: String,
}

impl Folder {
    /// `server` is the configuration's `server` line; empty for a free port.
    pub(crate) fn new(server: &str) -> Self {
        Self::with(server, "")
    }

    /// The same with further sections.
    pub(crate) fn with(server: &str, more: &str) -> Self {
        Self::on(None, server, more)
    }

    /// The same in the database at a url.
    pub(crate) fn on(database: Option<String>, server: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let own = || format!("sqlite:{}", folder.path().join("data/soapgate.db").display());
        let database = database.unwrap_or_else(own);
        let folder = Self { folder, database };
        let server = if server.is_empty() { "server = { listen = \"127.0.0.1:0\" }\n" } else { server };
        folder.write(&format!(
            "{server}management = {{ listen = \"127.0.0.1:0\" }}\n\
             [database]\nurl = \"{}\"\n\
             [[identity]]\nname = \"accounts\"\nkind = \"embedded\"\n\
             [[institution]]\ncode = \"01TEST_INST\"\nidentity = \"accounts\"\n[[route]]\ncontract = \"alma\"\n{more}",
            folder.database
        ));
        folder.command(&["integrations", "add", INTEGRATION], SECRET);
        folder.command(&["accounts", "add", "reader"], PASSWORD);
        folder.command(&["accounts", "add", "legacy", "--no-password"], "");
        folder
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// The url of its database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    pub(crate) fn write(&self, config: &str) {
        std::fs::write(self.config(), config).expect("a file");
    }

    /// Adds accounts without a password, of which every sign-in flags.
    pub(crate) async fn add_legacy(&self, identifiers: impl Iterator<Item = String>) {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.database).await.expect("the database");
        let mut write = connection.begin().await.expect("a write");
        for identifier in identifiers {
            let add = "INSERT INTO account (institution, identifier, must_change, locked, disabled, created_at, \
                       changed_at) VALUES ('01TEST_INST', $1, 0, 0, 0, 0, 0)";
            sqlx::query(add).bind(identifier).execute(&mut *write).await.expect("added");
        }
        write.commit().await.expect("written");
        connection.close().await.expect("closed");
    }

    pub(crate) fn command(&self, arguments: &[&str], input: &str) {
        let mut child = Command::new(BINARY)
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary runs");
        // A command that reads nothing may have ended before this.
        match writeln!(child.stdin.take().expect("a pipe"), "{input}") {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{error}"),
            Ok(()) | Err(_) => {}
        }
        assert!(child.wait().expect("it ends").success(), "{arguments:?}");
    }
}

/// A running server. It is killed when a test leaves it behind.
pub(crate) struct Served {
    child: Child,
    log: Receiver<String>,
    /// `host:port` of the SOAP listener.
    pub(crate) soap: String,
    management: String,
}

impl Served {
    pub(crate) fn start(folder: &Folder) -> Self {
        let mut child = Command::new(BINARY)
            .args(["serve", "--config"])
            .arg(folder.config())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let (sender, log) = channel();
        let errors = BufReader::new(child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a ready line");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        let address =
            |key: &str| ready[key].as_str().and_then(|url| url.strip_prefix("http://")).expect("an address").to_owned();
        Self { soap: address("soap"), management: address("management"), child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("it is gone");
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }

    pub(crate) fn log_line(&self) -> Value {
        let line = self.log.recv_timeout(PATIENCE).expect("a line");
        serde_json::from_str(&line).expect("every line is JSON")
    }

    /// The next line with this message.
    pub(crate) fn log_line_of(&self, message: &str) -> Value {
        loop {
            let line = self.log_line();
            if line["message"] == message {
                return line;
            }
        }
    }

    /// What it still wrote before it ended; a line that a kill cut in two is no line.
    pub(crate) fn rest_of_log(&self) -> Vec<Value> {
        self.log.iter().filter_map(|line| serde_json::from_str(&line).ok()).collect()
    }

    /// Status and body of a page of the management listener.
    pub(crate) fn management(&self, path: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        let reply = exchange(&self.management, &request).expect("the management listener answers");
        let status = reply.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status");
        (status, reply.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Most tests have seen it end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Signs `user` in with the password of `reader`; the reply, or `None` when the server is not there.
pub(crate) fn sign_in(address: &str, user: &str) -> Option<String> {
    let body = format!(
        "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><a:authenticateUser \
         xmlns:a=\"http://alma.exlibris.com/\"><arg0>{user}</arg0><arg1>{PASSWORD}</arg1></a:authenticateUser>\
         </S:Body></S:Envelope>"
    );
    let request = format!(
        "POST /almaws/repository/UserAuthenticationWebServices HTTP/1.1\r\nHost: test\r\nContent-Type: text/xml\r\n\
         Connection: close\r\nAuthorization: Basic {}\r\nContent-Length: {}\r\n\r\n{body}",
        STANDARD.encode(format!("{INTEGRATION}:{SECRET}")),
        body.len()
    );
    exchange(address, &request)
}

fn exchange(address: &str, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    (!reply.is_empty()).then_some(reply)
}
