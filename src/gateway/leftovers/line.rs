//! A line of the file: one fact about an account, as JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, Fact, GuessFacts, Institution, IntegrationName, Rejection, Repeat, Timestamp};
use crate::store::Seen;

/// Spells a fact, with the line's end.
pub(super) fn write(account: &AccountId, seen: &Seen) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(&Line::of(account, seen))?;
    text.push(b'\n');
    Ok(text)
}

/// Reads a line; `None` for one that this version did not write.
pub(super) fn read(line: &[u8]) -> Option<(AccountId, Seen)> {
    serde_json::from_slice::<Line>(line).ok().and_then(Line::read)
}

/// Whom a line is about, also one of another version that names accounts as this one does.
pub(super) fn account(line: &[u8]) -> Option<AccountId> {
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    AccountId::parse(&Institution::parse(line.get("institution")?.as_str()?).ok()?, line.get("account")?.as_str()?).ok()
}

/// A repeated password.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RepeatPart {
    since: i64,
    refusals: u32,
    days: u32,
}

/// One fact about an account.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    institution: String,
    account: String,
    fact: String,
    rejection: Option<String>,
    repeat: Option<RepeatPart>,
    could_be_set: bool,
    integration: Option<String>,
    source: Option<std::net::IpAddr>,
    operation: String,
    first: i64,
    last: i64,
    count: u64,
}

impl Line {
    fn of(account: &AccountId, seen: &Seen) -> Self {
        let (fact, refused) = match seen.fact {
            Fact::Accepted => ("accepted", None),
            Fact::IntegrationAccepted => ("integration-accepted", None),
            Fact::IntegrationRefused => ("integration-refused", None),
            Fact::MustChange => ("must-change", None),
            Fact::Refused(rejection, guess) => ("refused", Some((rejection, guess))),
        };
        let guess = refused.map(|(_, guess)| guess).unwrap_or_default();
        Self {
            institution: account.institution().to_string(),
            account: account.identifier().to_owned(),
            fact: fact.to_owned(),
            rejection: refused.map(|(rejection, _)| rejection.label().to_owned()),
            repeat: guess.repeat.map(|Repeat { since, refusals, days }| RepeatPart {
                since: since.as_millis(),
                refusals,
                days,
            }),
            could_be_set: guess.could_be_set,
            integration: seen.integration.as_ref().map(IntegrationName::to_string),
            source: seen.source,
            operation: seen.operation.clone().into_owned(),
            first: seen.first.as_millis(),
            last: seen.last.as_millis(),
            count: seen.count,
        }
    }

    fn read(self) -> Option<(AccountId, Seen)> {
        let account = AccountId::parse(&Institution::parse(&self.institution).ok()?, &self.account).ok()?;
        let repeat = self.repeat.map(|RepeatPart { since, refusals, days }| Repeat {
            since: Timestamp::from_millis(since),
            refusals,
            days,
        });
        let fact = match self.fact.as_str() {
            "accepted" => Fact::Accepted,
            "integration-accepted" => Fact::IntegrationAccepted,
            "integration-refused" => Fact::IntegrationRefused,
            "must-change" => Fact::MustChange,
            "refused" => {
                let guess = GuessFacts { repeat, could_be_set: self.could_be_set };
                Fact::Refused(Rejection::of_label(self.rejection.as_deref()?)?, guess)
            }
            _ => return None,
        };
        let integration = self.integration.map(|name| IntegrationName::parse(&name)).transpose().ok()?;
        let seen = Seen {
            fact,
            integration,
            source: self.source,
            operation: Cow::Owned(self.operation),
            first: Timestamp::from_millis(self.first),
            last: Timestamp::from_millis(self.last),
            count: self.count,
        };
        Some((account, seen))
    }
}
