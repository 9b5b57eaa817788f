//! What was flagged beside what had to be: the table, and what is wrong in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use soapgate::operator::FlagView;

use crate::population::{Account, Kind};

/// One line of the table: accounts of one kind, and the reasons they were flagged for.
type Cell = (Kind, bool, String);

/// What the month showed.
pub(crate) struct Confusion {
    cells: BTreeMap<Cell, usize>,
    /// Accounts that are flagged otherwise than they must be.
    pub(crate) wrong: Vec<String>,
    healthy: usize,
    healthy_flagged: usize,
    knowable: usize,
    right: usize,
    silent: usize,
}

/// Compares.
pub(crate) fn compare(accounts: &[Account], flags: &[FlagView]) -> Confusion {
    let found: BTreeMap<(&str, &str), &FlagView> =
        flags.iter().map(|flag| ((flag.institution.as_str(), flag.account.as_str()), flag)).collect();
    let mut confusion = Confusion {
        cells: BTreeMap::new(),
        wrong: Vec::new(),
        healthy: 0,
        healthy_flagged: 0,
        knowable: 0,
        right: 0,
        silent: 0,
    };
    assert_eq!(found.len(), flags.len(), "an account has one flag");
    for account in accounts {
        let flag = found.get(&(account.institution, &*account.id));
        let reasons: BTreeSet<&str> = flag.iter().flat_map(|flag| flag.reasons.iter().copied()).collect();
        let told = reasons.iter().copied().collect::<Vec<_>>().join(" ");
        *confusion.cells.entry((account.kind, account.is_silent, told)).or_default() += 1;
        let expected = account.expected();
        match (account.kind.is_need(), account.is_silent) {
            (false, _) => {
                confusion.healthy += 1;
                confusion.healthy_flagged += usize::from(flag.is_some());
            }
            (true, true) => confusion.silent += 1,
            (true, false) => {
                confusion.knowable += 1;
                confusion.right += usize::from(reasons == expected && flag.is_some());
            }
        }
        if let Some(problem) = problem(account, flag.copied(), &reasons, &expected) {
            confusion.wrong.push(format!("{} ({:?}): {problem}", account.id, account.kind));
        }
    }
    let known: BTreeSet<(&str, &str)> = accounts.iter().map(|account| (account.institution, &*account.id)).collect();
    confusion.wrong.extend(
        found.keys().filter(|key| !known.contains(*key)).map(|(_, name)| format!("{name}: flagged, and no account")),
    );
    confusion
}

/// What is wrong with an account's flag, or with there being none.
fn problem(
    account: &Account,
    flag: Option<&FlagView>,
    reasons: &BTreeSet<&str>,
    expected: &BTreeSet<&str>,
) -> Option<String> {
    let flag = match flag {
        None if expected.is_empty() => return None,
        None => return Some(format!("no flag, instead of {expected:?}")),
        Some(_) if reasons != expected => return Some(format!("{reasons:?} instead of {expected:?}")),
        Some(flag) => flag,
    };
    let state = if account.is_mended { "resolved" } else { "open" };
    if flag.state != state {
        return Some(format!("{} instead of {state}", flag.state));
    }
    let severity = match account.kind {
        Kind::ReportedUnseen => "low",
        Kind::Reported | Kind::ReportedByBarcode | Kind::ReportedWeak => "high",
        Kind::BrokenIntegration => "critical",
        _ => flag.severity,
    };
    (flag.severity != severity).then(|| format!("severity {} instead of {severity}", flag.severity))
}

impl Confusion {
    /// The table as text.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |kind: &str, told: &str, count: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{kind:<42} {told:<36} {count:>8}");
        };
        line("WHAT IS THE MATTER", "FLAGGED FOR", "ACCOUNTS");
        for ((kind, is_silent, told), count) in &self.cells {
            let silent = if *is_silent { ", neither called nor listed" } else { "" };
            let told = if told.is_empty() { "-" } else { told };
            line(&format!("{kind:?}{silent}"), told, &count.to_string());
        }
        line("nothing, and flagged", "", &format!("{}/{}", self.healthy_flagged, self.healthy));
        line("an update is needed, flagged with the right reason", "", &format!("{}/{}", self.right, self.knowable));
        line("an update is needed, neither called nor listed", "", &self.silent.to_string());
        text
    }

    pub(crate) fn in_need(&self) -> usize {
        self.knowable + self.silent
    }
}
