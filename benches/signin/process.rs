//! A server in a process of its own, and the CPU time that it took.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

/// A child process that serves; it ends with this value.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts this program with `arguments` and waits for its ready line.
    pub(crate) fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line).with_context(|| format!("ready line {line:?}"))?;
        let address = ready["soap"].as_str().and_then(|url| url.strip_prefix("http://")).context("an address")?;
        Ok(Self { address: address.parse()?, child })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// User and system time of each of its threads so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        let mut threads = HashMap::new();
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let task = task?;
            // A thread that ends meanwhile is one that hashed: no call of the load comes to it.
            let Ok(text) = std::fs::read_to_string(task.path().join("schedstat")) else { continue };
            threads.insert(task.file_name(), text.split(' ').next().context("a number")?.parse()?);
        }
        Ok(Cpu(threads))
    }
}

/// The kernel's nanoseconds by thread.
pub(crate) struct Cpu(HashMap<OsString, u64>);

impl Cpu {
    /// What the threads that are here now have spent since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let spent = |(thread, nanos): (&OsString, &u64)| nanos - earlier.0.get(thread).copied().unwrap_or(0);
        Duration::from_nanos(self.0.iter().map(spent).sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
