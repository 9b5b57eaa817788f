//! Listing every flag there is: the memory of a process that does nothing else, read from the system.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, ensure};
use soapgate::app::SystemClock;
use soapgate::operator::Flags;
use soapgate::store::{Database, DatabaseUrl, FlagFilter, FlagOrder};

use crate::databases::Filled;

/// Has this program list all flags of the database that the variable names: an argument would show its password.
pub(crate) const LIST_ALL: &str = "--list-all";
const URL: &str = "SOAPGATE_BENCH_LIST";

/// How much more memory the large database may take. Nothing that grows with the number of flags stays below it.
const BAR: f64 = 1.5;

/// Measures; whether the bar held.
pub(crate) fn compare(small: &Filled, large: &Filled) -> anyhow::Result<bool> {
    let (of_small, of_large) = (peak_kib(small)?, peak_kib(large)?);
    let ratio = f64::from(of_large) / f64::from(of_small);
    println!("peak memory of listing all: small {of_small} KiB, large {of_large} KiB, ratio {ratio:.2}");
    println!("bar: at most {BAR:.1}");
    Ok(ratio <= BAR)
}

fn peak_kib(filled: &Filled) -> anyhow::Result<u32> {
    let done = Command::new(std::env::current_exe()?).arg(LIST_ALL).env(URL, &filled.url).output()?;
    ensure!(done.status.success(), "listing failed: {}", String::from_utf8_lossy(&done.stderr));
    let said = String::from_utf8(done.stdout)?;
    let (listed, peak) = said.trim().split_once(' ').context("two numbers")?;
    ensure!(listed.parse::<u64>()? >= filled.flags, "{listed} listed of {}", filled.flags);
    Ok(peak.parse()?)
}

/// Lists all flags, and prints how many they were and the most memory that it took, in KiB.
pub(crate) async fn list_all() -> anyhow::Result<()> {
    let database = Database::open(&DatabaseUrl::parse(&std::env::var(URL)?)?).await?;
    let mut listed = 0_usize;
    let count = |page: Vec<_>| listed += page.len();
    Flags::new(&database, Arc::new(SystemClock)).all(&FlagFilter::default(), FlagOrder::default(), count).await?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the peak")?;
    println!("{listed} {}", peak.trim().trim_end_matches(" kB"));
    Ok(())
}
