//! Which accounts that called are known: a name that nobody knows may be a password in the wrong field, and is not kept.

use std::collections::{BTreeMap, HashSet};

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::domain::Tally;
use crate::store::usage::{UsageCandidate, UsageRanking, UsageValue};
use crate::store::{StoreError, row};

/// Names that one statement looks for.
const AT_ONCE: usize = 200;
/// Where names stand that somebody has: accounts kept here, flagged, let in before, listed, or listed by another name.
const PLACES: [(&str, &str); 5] = [
    ("account", "identifier"),
    ("flag", "identifier"),
    ("habit", "identifier"),
    ("report_row", "identifier"),
    ("report_alias", "alias"),
];

/// The ranking with every unproven value settled: those that are known stand behind the candidates, in order, and the
/// calls of all others are among the others.
pub(crate) async fn prove(connection: &mut AnyConnection, ranking: &UsageRanking) -> Result<UsageRanking, StoreError> {
    let mut proven = UsageRanking { unproven: Vec::new(), ..ranking.clone() };
    let known = known(connection, &ranking.unproven.iter().map(|(value, _)| value).collect::<Vec<_>>()).await?;
    for (value, fresh) in &ranking.unproven {
        if known.contains(value) {
            let (value, fresh) = (value.clone(), *fresh);
            proven.candidates.push(UsageCandidate { value, fresh, parked: Tally::NONE });
        } else {
            proven.others.add(fresh);
        }
    }
    Ok(proven)
}

async fn known(connection: &mut AnyConnection, values: &[&UsageValue]) -> Result<HashSet<UsageValue>, StoreError> {
    let mut of_institution: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for value in values {
        of_institution.entry(&value.institution).or_default().push(&value.value);
    }
    let mut known = HashSet::new();
    for (institution, names) in of_institution {
        for names in names.chunks(AT_ONCE) {
            let mut query = sqlx::query(AssertSqlSafe(statement(names.len()))).bind(institution);
            for name in names {
                query = query.bind(*name);
            }
            let found = query.fetch_all(&mut *connection).await.map_err(StoreError::during("count calls"))?;
            for found in &found {
                known.insert(UsageValue { institution: institution.into(), value: row::text(found, "value")?.into() });
            }
        }
    }
    Ok(known)
}

fn statement(names: usize) -> String {
    let names = (0..names).map(|nth| format!("${}", nth + 2)).collect::<Vec<_>>().join(", ");
    PLACES
        .map(|(table, column)| {
            format!("SELECT {column} AS value FROM {table} WHERE institution = $1 AND {column} IN ({names})")
        })
        .join(" UNION ")
}
