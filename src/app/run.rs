//! `serve`: from settings to a server that runs until a signal ends it.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::harden::forbid_core_dumps;
use crate::app::panics::log_panics;
use crate::app::server::Server;
use crate::config::Settings;
use crate::telemetry::start_log;

/// The one line on standard output by which other programs find a server that is ready.
#[derive(Serialize)]
struct ReadyLine<'a> {
    ready: bool,
    soap: String,
    management: String,
    config: &'a Path,
}

/// Serves until SIGTERM or SIGINT; SIGHUP reloads the configuration.
///
/// # Errors
/// When it cannot start or cannot end in order.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let _log = start_log(&settings.log)?;
    run(settings, |_| Ok(())).await
}

/// Starts a server, says so on standard output, lets `greet` say more, and runs it to its end.
pub(crate) async fn run(settings: Settings, greet: impl FnOnce(&Server) -> anyhow::Result<()>) -> anyhow::Result<()> {
    forbid_core_dumps()?;
    log_panics();
    // Caught from the first moment, so that none of them ends the process half-way.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let file = settings.file.clone();
    let mut server = Server::start(settings).await?;
    let ready = ReadyLine {
        ready: true,
        soap: format!("http://{}", server.soap),
        management: format!("http://{}", server.management),
        config: &file,
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&ready)?)?;
    greet(&server)?;
    let mut failed = false;
    loop {
        tokio::select! {
            _ = hang_up.recv() => server.reload(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = server.part_ended() => {
                tracing::error!("server.part_ended");
                failed = true;
                break;
            }
        }
    }
    tracing::info!("server.stopping");
    tokio::select! {
        stopped = server.stop() => stopped.and_then(|()| {
            anyhow::ensure!(!failed, "a part of the server ended by itself; its log says which");
            Ok(())
        }),
        _ = terminate.recv() => anyhow::bail!("stopped at once by a second signal"),
        _ = interrupt.recv() => anyhow::bail!("stopped at once by a second signal"),
    }
}
