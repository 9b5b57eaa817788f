//! `soapgate flags`.

use crate::cli::arguments::FlagsCommand;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::workplace::Workplace;
use crate::operator::FlagView;

pub(crate) async fn run(command: FlagsCommand, place: &Workplace, out: &mut Output<'_>) -> Result<(), Failure> {
    let FlagsCommand::List { format } = command;
    let list = place.flags().list().await?;
    if format.json {
        return Ok(out.json(&list)?);
    }
    if list.is_empty() {
        return Ok(out.line("no flags")?);
    }
    let head = ["SEVERITY", "ACCOUNT", "INSTITUTION", "STATE", "REASONS", "COUNT", "LAST SEEN", "INTEGRATIONS", "ID"];
    Ok(out.table(head, &list.iter().map(row).collect::<Vec<_>>())?)
}

fn row(flag: &FlagView) -> [String; 9] {
    [
        flag.severity.to_owned(),
        flag.account.clone(),
        flag.institution.clone(),
        flag.state.to_owned(),
        flag.reasons.join(", "),
        flag.count.to_string(),
        flag.last_seen.clone(),
        flag.integrations.join(", "),
        flag.id.clone(),
    ]
}
