//! The two databases: new SQLite files in a temporary folder, SQLite files in a folder that is kept, or databases of a
//! PostgreSQL. Those that are kept are used again as the run before left them.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use soapgate::store::{Database, DatabaseUrl};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use crate::{books, fill};

const FOLDER: &str = "SOAPGATE_BENCH_FOLDER";
/// The url of any database of a server on which others may be made.
const SERVER: &str = "SOAPGATE_BENCH_POSTGRES";

/// A database with its flags.
pub(crate) struct Filled {
    pub(crate) url: String,
    pub(crate) database: Database,
    /// How many it was filled with.
    pub(crate) flags: u64,
    /// How many there are.
    pub(crate) counted: u64,
}

/// The database with so many flags. `folder` is for those that nobody keeps.
pub(crate) async fn open(flags: u64, folder: &Path) -> anyhow::Result<Filled> {
    let name = format!("flags_{flags}");
    let url = match (std::env::var(SERVER), std::env::var(FOLDER)) {
        (Ok(server), _) => on_server(&server, &name).await?,
        (Err(_), Ok(kept)) => in_folder(Path::new(&kept), &name),
        (Err(_), Err(_)) => in_folder(folder, &name),
    };
    let started = Instant::now();
    let database =
        Database::open(&DatabaseUrl::parse(&url)?).await.with_context(|| format!("the database for {flags} flags"))?;
    let mut counted = books::check_books(&url).await;
    if counted == 0 {
        fill::fill(&url, flags).await?;
        counted = books::check_books(&url).await;
        ensure!(counted == flags, "{counted} flags where {flags} were to be");
        println!("{flags} flags filled in {:.0} s", started.elapsed().as_secs_f64());
    }
    Ok(Filled { url, database, flags, counted })
}

fn in_folder(folder: &Path, name: &str) -> String {
    format!("sqlite:{}", folder.join(format!("{name}.db")).display())
}

async fn on_server(server: &str, name: &str) -> anyhow::Result<String> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(server).await?;
    let known = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(name.to_owned());
    if known.fetch_optional(&mut connection).await?.is_none() {
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
    }
    connection.close().await?;
    let (address, _) = server.rsplit_once('/').context("the url of a database")?;
    Ok(format!("{address}/{name}"))
}
