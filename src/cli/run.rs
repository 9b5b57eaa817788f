//! From the command line to an exit code.

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use crate::app::{self, DemoListeners, forbid_core_dumps};
use crate::cli::arguments::{Arguments, Command};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::workplace::{Workplace, load_settings};
use crate::cli::{accounts, check, flags, integrations, report};

/// Does what `arguments`, the program's name first, ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are asked for, and are no error. Where nobody reads any more there is nobody to tell.
            let _ = error.print();
            return end(if error.use_stderr() { Exit::Usage } else { Exit::Ok });
        }
    };
    match perform(arguments) {
        Ok(()) | Err(Failure::OutputClosed) => end(Exit::Ok),
        Err(Failure::Told(exit, text)) => {
            if !text.is_empty() {
                let _ = writeln!(io::stderr(), "{text}");
            }
            end(exit)
        }
    }
}

fn end(exit: Exit) -> ExitCode {
    ExitCode::from(exit.code())
}

fn perform(arguments: Arguments) -> Result<(), Failure> {
    let config = arguments.config;
    match arguments.command {
        Command::Serve => serve(app::serve(load_settings(&config)?)),
        Command::Demo(listeners) => serve(app::demo(DemoListeners {
            soap: listeners.listen,
            console: listeners.console,
            management: listeners.management,
        })),
        Command::Check(arguments) => command(async |out| check::run(&config, arguments, out).await),
        Command::Accounts(verb) => at_work(&config, async |place, out| accounts::run(verb, place, out).await),
        Command::Integrations(verb) => at_work(&config, async |place, out| integrations::run(verb, place, out).await),
        Command::Flags(verb) => at_work(&config, async |place, out| flags::run(verb, place, out).await),
        Command::Report(verb) => at_work(&config, async |place, out| report::run(verb, place, out).await),
    }
}

fn serve(server: impl Future<Output = anyhow::Result<()>>) -> Result<(), Failure> {
    let runtime = app::server_runtime().map_err(|error| no_runtime(&error))?;
    runtime.block_on(server).map_err(|error| Failure::of_chain(&error))
}

fn at_work(
    config: &Path,
    work: impl AsyncFnOnce(&Workplace, &mut Output<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    command(async |out| {
        let place = Workplace::open(config).await?;
        let done = work(&place, out).await;
        place.close().await;
        done
    })
}

fn command(work: impl AsyncFnOnce(&mut Output<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| no_runtime(&error))?;
    // Secrets pass through commands too.
    forbid_core_dumps().map_err(|error| Failure::of_chain(&error))?;
    let mut writer = BufWriter::new(io::stdout().lock());
    let done = runtime.block_on(work(&mut Output::new(&mut writer)));
    // What was written before a failure is shown as well.
    let flushed = writer.flush().map_err(Failure::from);
    done.and(flushed)
}

fn no_runtime(error: &io::Error) -> Failure {
    Failure::refused(format!("the system gives no threads: {error}"))
}
