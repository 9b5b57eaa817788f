//! What a cached sign-in costs beside a bare hyper server: CPU per call, each server in a process of its own, read
//! from the system. Run with `cargo bench --bench signin`; `-- tenth` makes fewer calls.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod bare;
mod gateway;
mod load;
mod process;
mod steps;

use std::process::ExitCode;

use crate::process::Server;

/// What a cached sign-in may cost beside the bare server, without and with its line in the log.
const BAR_QUIET: f64 = 2.0;
const BAR_LOGGED: f64 = 3.0;

struct Plan {
    rounds: usize,
    calls: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve-bare"] => bare::serve().map(|()| ExitCode::SUCCESS),
        ["--serve-gateway", config] => gateway::serve(config).map(|()| ExitCode::SUCCESS),
        _ => {
            let short = arguments.iter().any(|argument| argument == "tenth");
            compare(&if short { Plan { rounds: 5, calls: 8_000 } } else { Plan { rounds: 15, calls: 20_000 } })
        }
    }
}

fn compare(plan: &Plan) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let quiet = gateway::prepare(&folder.path().join("quiet"), gateway::Line::Off, &runtime)?;
    let logged = gateway::prepare(&folder.path().join("logged"), gateway::Line::On, &runtime)?;
    let servers = [
        ("bare hyper server", Server::start(&["--serve-bare"])?),
        ("cached sign-in, no line", Server::start(&["--serve-gateway", &quiet])?),
        ("cached sign-in, one line a call", Server::start(&["--serve-gateway", &logged])?),
    ];
    for (_, server) in &servers {
        runtime.block_on(load::run(server.address(), plan.calls / 4))?;
    }
    let mut micros = vec![Vec::new(); servers.len()];
    for _ in 0..plan.rounds {
        for ((_, server), measured) in servers.iter().zip(&mut micros) {
            let before = server.cpu()?;
            runtime.block_on(load::run(server.address(), plan.calls))?;
            let spent = server.cpu()?.saturating_sub(before);
            measured.push(spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(plan.calls)?));
        }
    }
    println!("CPU per call (user and system), {} rounds of {} calls each, in turn:", plan.rounds, plan.calls);
    println!("{:<34} {:>9} {:>9} {:>9} {:>7}", "", "min us", "median us", "max us", "ratio");
    let mut ratios = Vec::new();
    for ((name, _), measured) in servers.iter().zip(&micros) {
        let mut paired: Vec<f64> = measured.iter().zip(&micros[0]).map(|(own, bare)| own / bare).collect();
        let ratio = median(&mut paired);
        let mut sorted = measured.clone();
        let middle = median(&mut sorted);
        println!("{name:<34} {:>9.2} {middle:>9.2} {:>9.2} {ratio:>7.2}", sorted[0], sorted[sorted.len() - 1]);
        ratios.push(ratio);
    }
    steps::print()?;
    let held = ratios[1] <= BAR_QUIET && ratios[2] <= BAR_LOGGED;
    println!("bars: at most {BAR_QUIET:.1} without the line, at most {BAR_LOGGED:.1} with it");
    println!("{} passed, {} failed, 0 skipped", u8::from(held), u8::from(!held));
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The middle value; sorts `values`.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
