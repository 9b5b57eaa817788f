//! A cached sign-in beside the bare server, and a refusal that is remembered beside a cached sign-in.

use std::path::Path;

use tokio::runtime::Runtime;

use crate::gateway::{self, Line, Prepared, State};
use crate::load::Guess;
use crate::process::Server;
use crate::{load, median, steps};

/// What a cached sign-in may cost beside the bare server, without and with its line in the log.
const BAR_QUIET: f64 = 2.0;
const BAR_LOGGED: f64 = 3.0;
/// What a stuck integration's refused call may cost beside a cached sign-in.
const BAR_REFUSED: f64 = 1.2;
/// Passes at most. Others on the same machine take caches away, which costs the server that does more the more: they
/// only ever add, so the quietest pass tells the truth. Every pass is printed.
const PASSES: u32 = 8;

/// How much is measured.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) calls: usize,
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
    for (_, guess, server) in &servers {
        runtime.block_on(load::run(server.address(), *guess, plan.calls / 4))?;
    }
    let mut held = false;
    for pass in 1..=PASSES {
        println!("pass {pass} of at most {PASSES}:");
        held = measure(plan, &servers, runtime)?;
        if held {
            break;
        }
    }
    println!(
        "bars, to be held in one whole pass: at most {BAR_QUIET:.1} without the line, at most {BAR_LOGGED:.1} with it; \
         a remembered refusal at most {BAR_REFUSED:.1} times a cached sign-in"
    );
    steps::print()?;
    Ok(held)
}

/// One pass: every server in turn, over and over. Prints the table; whether the bars held.
fn measure(plan: &Plan, servers: &[(&str, Guess, Server)], runtime: &Runtime) -> anyhow::Result<bool> {
    let mut micros = vec![Vec::new(); servers.len()];
    for _ in 0..plan.rounds {
        for ((_, guess, server), measured) in servers.iter().zip(&mut micros) {
            // Caches are the last server's when a round begins.
            runtime.block_on(load::run(server.address(), *guess, plan.calls / 10))?;
            let before = server.cpu()?;
            runtime.block_on(load::run(server.address(), *guess, plan.calls))?;
            let spent = server.cpu()?.since(&before);
            measured.push(spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(plan.calls)?));
        }
    }
    println!("CPU per call (user and system), {} rounds of {} calls each, in turn:", plan.rounds, plan.calls);
    println!("{:<34} {:>9} {:>9} {:>9} {:>7}", "", "min us", "median us", "max us", "ratio");
    let mut ratios = Vec::new();
    for ((name, ..), measured) in servers.iter().zip(&micros) {
        let mut paired: Vec<f64> = measured.iter().zip(&micros[0]).map(|(own, bare)| own / bare).collect();
        let ratio = median(&mut paired);
        let mut sorted = measured.clone();
        let middle = median(&mut sorted);
        println!("{name:<34} {:>9.2} {middle:>9.2} {:>9.2} {ratio:>7.2}", sorted[0], sorted[sorted.len() - 1]);
        ratios.push(ratio);
    }
    let mut beside: Vec<f64> = micros[3].iter().zip(&micros[1]).map(|(refused, cached)| refused / cached).collect();
    let refused = median(&mut beside);
    println!("a remembered refusal costs {refused:.2} times a cached sign-in");
    Ok(ratios[1] <= BAR_QUIET && ratios[2] <= BAR_LOGGED && refused <= BAR_REFUSED)
}
