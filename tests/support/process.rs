//! The built program as a process of its own, for what can only be seen from outside: its log, its files, its memory.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::gateway::{Population, prepare};

/// A running `soapgate serve`. It is killed when a test leaves it behind.
pub(crate) struct ServerProcess {
    pub(crate) soap: SocketAddr,
    pub(crate) management: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl ServerProcess {
    pub(crate) async fn start(config: &str, populations: &[Population]) -> Self {
        let (folder, _) = prepare(config, populations, |_| {}).await;
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_soapgate"))
            .args(["serve", "--config"])
            .arg(folder.path().join("config.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("the ready line");
        let address = |key: &str| {
            let url = ready[key].as_str().and_then(|url| url.strip_prefix("http://"));
            url.and_then(|address| address.parse().ok()).expect("an address")
        };
        Self { soap: address("soap"), management: address("management"), child, folder }
    }

    /// The most memory that it had so far, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// What was logged so far.
    pub(crate) fn log(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("log")).expect("the log")
    }

    /// Every file of the database.
    pub(crate) fn database_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.folder.path().join("data")).expect("the data folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("a signal");
        assert!(self.child.wait().expect("an end").success());
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
