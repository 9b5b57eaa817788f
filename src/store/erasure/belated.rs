//! What was seen before somebody was forgotten and comes to be written only after it: it may be theirs, and nobody knows
//! any more who they were. So it is written only of those that were known before, and are still.

use std::borrow::Cow;

use sqlx::AnyConnection;

use crate::domain::{AccountId, Timestamp};
use crate::store::StoreError;
use crate::store::flags::{Gathered, Seen, report};

/// What is known of an account since before a moment.
const KNOWN: &str = "SELECT institution FROM account WHERE institution = $1 AND identifier = $2 AND created_at < $3 \
     UNION ALL SELECT institution FROM flag WHERE institution = $1 AND identifier = $2 AND first_seen < $3 \
     UNION ALL SELECT institution FROM habit WHERE institution = $1 AND identifier = $2 AND accepted_at < $3 \
     UNION ALL SELECT institution FROM integration WHERE institution = $1 AND identifier = $2 AND created_at < $3 \
     UNION ALL SELECT institution FROM integration_accepted \
         WHERE institution = $1 AND identifier = $2 AND first_at < $3 \
     UNION ALL SELECT institution FROM report_row WHERE institution = $1 AND identifier = $2 AND first_listed < $3";

/// What of it is sure not to be about somebody who was `forgotten` by then.
pub(crate) async fn without_forgotten<'a>(
    connection: &mut AnyConnection,
    gathered: &'a Gathered,
    forgotten: Option<Timestamp>,
) -> Result<Cow<'a, Gathered>, StoreError> {
    let Some(forgotten) = forgotten.filter(|at| gathered.seen.iter().any(|seen| seen.first <= *at)) else {
        return Ok(Cow::Borrowed(gathered));
    };
    let account = report::owner(connection, &gathered.account).await?;
    if is_known(connection, &account, forgotten).await? {
        return Ok(Cow::Borrowed(gathered));
    }
    let seen = gathered.seen.iter().filter_map(|seen| after(seen, forgotten)).collect();
    Ok(Cow::Owned(Gathered { account: gathered.account.clone(), seen }))
}

fn after(seen: &Seen, moment: Timestamp) -> Option<Seen> {
    if seen.last <= moment {
        return None;
    }
    // Of those that were counted together only the last is sure to have come after it.
    let sure = if seen.first > moment { (seen.first, seen.count) } else { (seen.last, 1) };
    Some(Seen { first: sure.0, count: sure.1, ..seen.clone() })
}

async fn is_known(connection: &mut AnyConnection, account: &AccountId, before: Timestamp) -> Result<bool, StoreError> {
    let found = sqlx::query(KNOWN)
        .bind(account.institution().as_str())
        .bind(account.identifier())
        .bind(before.as_millis())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::during("look up whether an account was known"))?;
    Ok(found.is_some())
}
