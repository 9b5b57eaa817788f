//! SIGKILL at random moments under load: what was said to be recorded is there, and the books are in order.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::books::check_books;
use crate::served::{BINARY, Folder, Served, sign_in};

/// How many times the server is killed: a tenth of the hundred that `tests/run full` asks for, unless this says it.
const KILLS: &str = "SOAPGATE_KILLS";
/// Where a series that failed is to be had again, as far as a machine lets it.
const SEED: &str = "SOAPGATE_KILLS_SEED";
/// Accounts that nobody was flagged for before, in every round.
const ACCOUNTS: usize = 200;
const CALLERS: usize = 4;
/// The longest time from a round's first flag to its kill.
const LONGEST_MS: u64 = 400;
/// Sign-ins as fast as they come, so that the kill falls among writes.
pub(crate) const FAST: &str = "[slow_down]\nstep = \"0s\"\n[hashing]\naccounts = 4\n\
                    [attempts]\nsource_rate = 100000\nintegration_rate = 100000\n";

/// Evenly spread numbers from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}

/// Kills a server as often as is asked for; `quiet` waits until nothing that a killed one began is still going on.
pub(crate) fn kill_again_and_again(folder: &Folder, quiet: impl AsyncFn()) {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().expect("a number"));
    let (kills, seed) = (number(KILLS).unwrap_or(10), number(SEED).unwrap_or(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut dice = Dice(seed);
    let (mut recorded, mut news) = (HashSet::new(), Vec::new());
    for kill in 0..kills {
        runtime.block_on(folder.add_legacy((0..ACCOUNTS).map(|n| format!("k{kill}-{n}"))));
        let before = recorded.len();
        recorded.extend(round(folder, kill, Duration::from_millis(dice.below(LONGEST_MS + 1))));
        let new = recorded.len() - before;
        assert!(new > 0, "kill {kill}: no new flag was recorded");
        news.push(new);
        runtime.block_on(quiet());
        let stored = stored(folder);
        let lost: Vec<&String> = recorded.difference(&stored).collect();
        assert!(lost.is_empty(), "kill {kill}: said to be recorded, and lost: {lost:?}");
        // The store opens, and its books are in order: whatever was written was written whole.
        assert_eq!(runtime.block_on(check_books(folder.database())), stored.len() as u64, "kill {kill}");
    }
    news.sort_unstable();
    let (least, most) = (news.first().expect("a kill"), news.last().expect("a kill"));
    let (median, all) = (news[news.len() / 2], recorded.len());
    let cut = news.iter().filter(|new| **new < ACCOUNTS).count();
    writeln!(
        std::io::stdout().lock(),
        "\n{kills} kills with {SEED}={seed}: {all} flags were said to be recorded and none was lost; {least} to {most} \
         new ones a round, {median} in the middle; {cut} kills came before all {ACCOUNTS} accounts of their round"
    )
    .expect("written");
    assert!(cut > 0, "every kill came when all was written: none of them showed anything");
}

/// Starts the server and kills it under load, so long after its first flag; gives the flags that it said to be recorded.
fn round(folder: &Folder, kill: u64, delay: Duration) -> HashSet<String> {
    let mut server = Served::start(folder);
    let mut recorded = HashSet::new();
    std::thread::scope(|threads| {
        for caller in 0..CALLERS {
            let address = server.soap.clone();
            threads.spawn(move || {
                // It ends when the server does.
                let mut call = caller;
                while sign_in(&address, &format!("k{kill}-{}", call % ACCOUNTS)).is_some() {
                    call += CALLERS;
                }
            });
        }
        recorded.insert(id(&server.log_line_of("flag.recorded")));
        std::thread::sleep(delay);
        server.kill();
    });
    recorded.extend(server.rest_of_log().iter().filter(|line| line["message"] == "flag.recorded").map(id));
    recorded
}

fn id(line: &Value) -> String {
    line["flag.id"].as_str().expect("an id").to_owned()
}

/// The flags that a command finds.
fn stored(folder: &Folder) -> HashSet<String> {
    let listing = Command::new(BINARY).args(["flags", "list", "--json", "--config"]).arg(folder.config()).output();
    let listed = listing.expect("the binary runs");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let flags: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let flags = flags.as_array().expect("an array");
    flags.iter().map(|flag| flag["id"].as_str().expect("an id").to_owned()).collect()
}
