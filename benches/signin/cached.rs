//! A cached sign-in beside the bare server, and a refusal that is remembered beside a cached sign-in.

use std::path::Path;

use tokio::runtime::Runtime;

use crate::gateway::{self, Line, Prepared, State};
use crate::load::{Guess, Load};
use crate::process::Server;
use crate::{load, median, steps};

/// What a cached sign-in may cost beside the bare server, without and with its line in the log.
const BAR_QUIET: f64 = 2.0;
const BAR_LOGGED: f64 = 3.0;
/// What a stuck integration's refused call may cost beside a cached sign-in.
const BAR_REFUSED: f64 = 1.2;
/// The share of a server's rounds that lie below the one that stands for it: the fifth lowest of a hundred. Others on
/// the same machine only ever add to CPU time, so the low end tells what a call costs by itself; that a few more lie
/// below keeps one odd round from deciding.
///
/// Every round is made and counted, whatever the others said: nothing is measured again because it failed.
const LOW_PERCENT: usize = 5;
/// Calls before the first round: integration and account are remembered, and memory is where it stays.
const WARM_UP: usize = 4_000;

/// What becomes of the ratios to the bare server. They depend on the machine: nearly all that the bare server takes is
/// the kernel's time for the network, nearly all that the gateway adds is its own, and one machine is quick at the one
/// and slow at the other (1.9 and 2.8 were seen of the same program).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// The bars have to be held: in a whole run, for which a machine is chosen.
    Held,
    /// They are told, on whatever machine a change is checked.
    Told,
}

/// How much is measured: so many rounds, every server in turn. A round is short, so that many are quiet, and a multiple
/// of the 256 calls after which who called is counted, so that this work is in each of them.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) calls: usize,
    pub(crate) beside_bare: Judged,
}

/// Measures, prints the table and where the time goes; whether the bars held.
pub(crate) fn compare(plan: &Plan, folder: &Path, runtime: &Runtime) -> anyhow::Result<bool> {
    let accounts = [Prepared { user: load::USER.to_owned(), password: Some(load::PASSWORD), state: State::Good }];
    let quiet = gateway::prepare(&folder.join("quiet"), Line::Off, &accounts, runtime)?;
    let logged = gateway::prepare(&folder.join("logged"), Line::On, &accounts, runtime)?;
    let stuck = gateway::prepare(&folder.join("stuck"), Line::Off, &accounts, runtime)?;
    let servers = [
        ("bare hyper server", Guess::Right, Server::start(&["--serve-bare"])?),
        ("cached sign-in, no line", Guess::Right, Server::start(&["--serve-gateway", &quiet])?),
        ("cached sign-in, one line a call", Guess::Right, Server::start(&["--serve-gateway", &logged])?),
        ("remembered refusal, no line", Guess::Wrong, Server::start(&["--serve-gateway", &stuck])?),
    ];
    let mut running = Vec::new();
    for (name, guess, server) in servers {
        let mut load = runtime.block_on(Load::connect(server.address(), guess))?;
        runtime.block_on(load.run(WARM_UP))?;
        running.push(Running { name, server, load, micros: Vec::new() });
    }
    for _ in 0..plan.rounds {
        for running in &mut running {
            runtime.block_on(running.round(plan.calls))?;
        }
    }
    let held = judge(plan, &running);
    drop(running);
    steps::print()?;
    Ok(held)
}

/// A server, its load, and what a call of it cost in each round.
struct Running {
    name: &'static str,
    server: Server,
    load: Load,
    micros: Vec<f64>,
}

impl Running {
    async fn round(&mut self, calls: usize) -> anyhow::Result<()> {
        // Caches are the last server's when a round begins.
        self.load.run(calls / 4).await?;
        let before = self.server.cpu()?;
        self.load.run(calls).await?;
        let spent = self.server.cpu()?.since(&before);
        self.micros.push(spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(calls)?));
        Ok(())
    }
}

/// Prints every figure; whether the bars held.
fn judge(plan: &Plan, running: &[Running]) -> bool {
    println!("CPU per call (user and system), {} rounds of {} calls each, in turn:", plan.rounds, plan.calls);
    println!("{:<34} {:>9} {:>9} {:>9} {:>9} {:>7}", "", "min us", "low us", "median us", "max us", "ratio");
    let mut low = Vec::new();
    for Running { name, micros, .. } in running {
        let mut sorted = micros.clone();
        let middle = median(&mut sorted);
        let own = sorted[sorted.len() * LOW_PERCENT / 100];
        low.push(own);
        let (first, last, ratio) = (sorted[0], sorted[sorted.len() - 1], own / low[0]);
        println!("{name:<34} {first:>9.2} {own:>9.2} {middle:>9.2} {last:>9.2} {ratio:>7.2}");
    }
    println!("low: {LOW_PERCENT} % of the rounds lie below; the ratio is that of the lows. Every round, us:");
    for Running { name, micros, .. } in running {
        let every: Vec<String> = micros.iter().map(|micros| format!("{micros:.2}")).collect();
        println!("  {name}: {}", every.join(" "));
    }
    let (quiet, logged, refused) = (low[1] / low[0], low[2] / low[0], low[3] / low[1]);
    println!("a remembered refusal costs {refused:.2} times a cached sign-in");
    let is_cheap = quiet <= BAR_QUIET && logged <= BAR_LOGGED;
    println!(
        "bars beside the bare server: at most {BAR_QUIET:.1} without the line, at most {BAR_LOGGED:.1} with it: {}",
        match (is_cheap, plan.beside_bare) {
            (true, _) => "held",
            (false, Judged::Held) => "NOT HELD",
            (false, Judged::Told) => "not held on this machine; a whole run fails by it",
        }
    );
    let is_even = refused <= BAR_REFUSED;
    let told = if is_even { "held" } else { "NOT HELD" };
    println!("bar of a remembered refusal: at most {BAR_REFUSED:.1} times a cached sign-in: {told}");
    is_even && (is_cheap || plan.beside_bare == Judged::Told)
}
