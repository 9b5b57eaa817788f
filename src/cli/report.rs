//! `soapgate report`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::cli::arguments::ReportCommand;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::workplace::Workplace;
use crate::domain::AccountId;
use crate::operator::{ImportView, read_list};

pub(crate) async fn run(command: ReportCommand, workplace: &Workplace, out: &mut Output<'_>) -> Result<(), Failure> {
    let ReportCommand::Import { file, place, by, format } = command;
    let institution = workplace.institution(place.institution.as_ref())?;
    let probes: Vec<AccountId> = workplace
        .settings()
        .institutions
        .iter()
        .filter(|known| known.code == institution)
        .flat_map(|known| known.probe_accounts.clone())
        .collect();
    let mut progress = Progress::new();
    let (name, input) = open(&file)?;
    let list = read_list(&institution, &name, input, &mut |rows| progress.tell(|| format!("{rows} rows read")));
    let list = list.map_err(|problems| Failure::refused(problems.to_string()))?;
    let values: Vec<String> = list.left_out.values.iter().cloned().collect();
    let mut step = |some, total| progress.tell(|| format!("{some} of {total} accounts written"));
    let done = workplace.reports().import(&institution, list, &probes, &by, &mut step).await?;
    drop(progress);
    if format.json { Ok(out.json(&done)?) } else { tell(&name, &done, &values, out) }
}

/// The file, and what it is called in what is said of it.
fn open(file: &Path) -> Result<(String, Box<dyn Read>), Failure> {
    if file == Path::new("-") {
        return Ok(("standard input".to_owned(), Box::new(io::stdin())));
    }
    let name = file.display().to_string();
    match File::open(file) {
        Ok(file) => Ok((name, Box::new(file))),
        Err(error) => Err(Failure::refused(format!("{name}: cannot be read: {error}"))),
    }
}

fn tell(name: &str, done: &ImportView, values: &[String], out: &mut Output<'_>) -> Result<(), Failure> {
    let ImportView { institution, rows, listed, new, held, opened, reopened, closed, .. } = done;
    if done.repeated {
        return Ok(out.line(&format!("{name} was imported before for institution {institution}; nothing was changed"))?);
    }
    out.line(&format!("{listed} accounts of institution {institution} imported, from {rows} rows: {new} are new, {opened} flags were opened"))?;
    if *held > 0 {
        out.line(&format!("{held} signed in within the last 30 days and are not flagged: the list lags behind"))?;
    }
    if *reopened > 0 {
        out.line(&format!("{reopened} flags that were closed were opened again"))?;
    }
    if *closed > 0 {
        out.line(&format!(
            "{closed} flags stay closed: they were closed within the last 30 days, or dismissed although an earlier list had them"
        ))?;
    }
    let left_out = &done.left_out;
    let rows_out = left_out.not_internal + left_out.in_use;
    if rows_out > 0 {
        out.line(&format!(
            "{rows_out} rows left out: {} not internal, {} held by the identity service (these columns say {})",
            left_out.not_internal,
            left_out.in_use,
            values.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(", ")
        ))?;
    }
    if left_out.probe_accounts > 0 {
        out.line(&format!("{} accounts left out that monitoring signs in with", left_out.probe_accounts))?;
    }
    if !done.missing_columns.is_empty() {
        let missing = done.missing_columns.join("\" and \"");
        out.line(&format!("the file has no column \"{missing}\": every row was taken for one that counts"))?;
    }
    if !done.ignored_columns.is_empty() {
        out.line(&format!("columns that say nothing here: {}", done.ignored_columns.join(", ")))?;
    }
    Ok(())
}
