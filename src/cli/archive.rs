//! `soapgate backup` and `soapgate restore`.

use std::io::{self, Write};

use crate::cli::arguments::{BackupArguments, RestoreArguments};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::workplace::Workplace;
use crate::operator::Standing;

/// After so many rows the next line about progress is due.
const EVERY: u64 = 100_000;

pub(crate) async fn backup(arguments: BackupArguments, place: &Workplace, out: &mut Output<'_>) -> Result<(), Failure> {
    let standing = if arguments.force { Standing::Replace } else { Standing::Keep };
    let made = place.archives().backup(&arguments.file, standing, progress("copied")).await?;
    if arguments.format.json {
        return Ok(out.json(&made)?);
    }
    let (rows, tables, bytes) = (made.rows, made.tables.len(), made.bytes);
    Ok(out.line(&format!("{rows} rows of {tables} tables copied to {} ({bytes} bytes)", made.file))?)
}

pub(crate) async fn restore(
    arguments: RestoreArguments,
    place: &Workplace,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let restored = place.archives().restore(&arguments.file, progress("restored")).await?;
    if arguments.format.json {
        return Ok(out.json(&restored)?);
    }
    let (rows, made_at) = (restored.rows, &restored.made_at);
    Ok(out.line(&format!("{rows} rows restored from {}, a backup of {made_at}", restored.file))?)
}

/// Tells on standard error how far a long run has come.
fn progress(done: &'static str) -> impl FnMut(u64) {
    let mut next = EVERY;
    move |rows| {
        if rows >= next {
            next = rows - rows % EVERY + EVERY;
            // Where nobody reads any more there is nobody to tell.
            let _ = writeln!(io::stderr(), "{rows} rows {done} so far");
        }
    }
}
