//! Fills a database quickly, by statements that make their rows themselves: flags with reasons, sources, trail, habits
//! and totals, as the gateway would have left them.

use anyhow::Context;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use soapgate::domain::Reason;

/// The last moment at which anything was seen: 2026-01-31T00:00:00Z.
pub(crate) const END_MILLIS: i64 = 1_769_817_600_000;
/// Flags were last seen within the thirty days before.
pub(crate) const SPAN_MILLIS: i64 = 30 * 24 * 3_600_000;
/// The institutions, the largest first.
pub(crate) const INSTITUTIONS: [&str; 5] = ["01LARGE", "02MIDDLE", "03SMALL", "04SMALLER", "05LEAST"];
/// A prime above every number of flags: what is multiplied modulo it comes in no order, and nothing twice.
const PRIME: i64 = 1_000_003;

/// The identifier of the flag with this number, and its institution.
pub(crate) fn account(number: u64) -> (&'static str, String) {
    let number = i64::try_from(number).unwrap_or_default();
    let institution = match number % 100 {
        0..70 => 0,
        70..90 => 1,
        90..97 => 2,
        97..99 => 3,
        _ => 4,
    };
    let spread = number * 611_953 % PRIME;
    let identifier =
        if number % 2 == 0 { format!("reader{}", 1_000_000 + spread) } else { (2_000_000_000 + spread).to_string() };
    (INSTITUTIONS[institution], identifier)
}

/// The reason that few flags have, as few institutions' own sign-ins are refused, and the one that others have instead.
pub(crate) const RARE: Reason = Reason::IntegrationRefused;
const INSTEAD: Reason = Reason::StaleSecret;
/// One of so many flags is of a rare kind, and so many of the first ones are: the small database has whole pages of them.
const EVERY: u64 = 700;
const FIRST: u64 = 100;

/// Why the flag with this number was made.
pub(crate) fn reason(number: u64) -> Reason {
    let of_eight = usize::try_from(number % 8).unwrap_or_default();
    if number <= FIRST || number.is_multiple_of(EVERY) { RARE } else { common(of_eight) }
}

/// Whether somebody has to act on the flag with this number, and it is not left alone until some day.
pub(crate) fn is_active(number: u64) -> bool {
    number / 7 % 100 < 80 && !is_dismissed(number)
}

/// Whether nothing was to be done about the flag with this number, which is rare too.
fn is_dismissed(number: u64) -> bool {
    (FIRST + 1..=2 * FIRST).contains(&number) || number % EVERY == 1
}

/// The parts of a row, in terms of its number `i`; the same text on both databases.
fn row(flags: u64) -> String {
    let institution = "CASE WHEN i % 100 < 70 THEN '01LARGE' WHEN i % 100 < 90 THEN '02MIDDLE' \
                       WHEN i % 100 < 97 THEN '03SMALL' WHEN i % 100 < 99 THEN '04SMALLER' ELSE '05LEAST' END";
    let spread = format!("i * 611953 % {PRIME}");
    let identifier = format!(
        "CASE WHEN i % 2 = 0 THEN 'reader' || CAST(1000000 + {spread} AS TEXT) \
         ELSE CAST(2000000000 + {spread} AS TEXT) END"
    );
    let id = format!("CAST(1000000000000000 + (i * 700001 % {PRIME}) * 8999999999 AS TEXT)");
    let rare = format!("i <= {FIRST} OR i % {EVERY} = 0");
    let state = format!(
        "CASE WHEN i > {FIRST} AND i <= {FIRST} * 2 OR i % {EVERY} = 1 THEN 'dismissed' \
         WHEN i / 7 % 100 < 60 THEN 'open' WHEN i / 7 % 100 < 70 THEN 'assigned' \
         WHEN i / 7 % 100 < 75 THEN 'notified' WHEN i / 7 % 100 < 80 THEN 'waiting' \
         WHEN i / 7 % 100 < 83 THEN 'snoozed' ELSE 'resolved' END"
    );
    let of_reasons = |value: &dyn Fn(Reason) -> String| {
        let of_eight = |nth: usize| format!("WHEN i % 8 = {nth} THEN {}", value(common(nth)));
        let common = (0..Reason::ALL.len()).map(of_eight).collect::<Vec<_>>().join(" ");
        format!("CASE WHEN {rare} THEN {} {common} END", value(RARE))
    };
    let reason = of_reasons(&|reason| format!("'{}'", reason.code()));
    let severity = of_reasons(&|reason| rank(reason).to_string());
    let last_seen = format!("{} + (i * 834733 % {PRIME}) * {}", END_MILLIS - SPAN_MILLIS, SPAN_MILLIS / PRIME);
    format!(
        "WITH RECURSIVE number(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM number WHERE i < {flags}), \
         made AS (SELECT i, {id} AS id, {institution} AS institution, {identifier} AS identifier, {state} AS state, \
         {reason} AS reason, {severity} AS severity, {last_seen} AS last_seen FROM number) "
    )
}

/// The reason of all flags but the rare ones whose number leaves this remainder of eight.
fn common(nth: usize) -> Reason {
    if Reason::ALL[nth] == RARE { INSTEAD } else { Reason::ALL[nth] }
}

fn rank(reason: Reason) -> i64 {
    match reason.severity().label() {
        "low" => 1,
        "medium" => 2,
        "high" => 3,
        _ => 4,
    }
}

const CLOSED: &str = "CASE WHEN state IN ('resolved', 'dismissed') THEN last_seen ELSE NULL END";

/// Fills the tables with `flags` flags.
pub(crate) async fn fill(url: &str, flags: u64) -> anyhow::Result<()> {
    let mut connection = AnyConnection::connect(url).await?;
    let row = row(flags);
    let statements = [
        ("subject (number, institution, identifier)", "id, institution, identifier".to_owned(), "made"),
        (
            "flag (id, institution, identifier, subject, state, snoozed_until, state_before, severity, confidence, \
             first_seen, last_seen, count, opened_at, closed_at)",
            format!(
                "id, institution, identifier, id, state, \
                 CASE WHEN state = 'snoozed' THEN last_seen + 86400000 ELSE NULL END, \
                 CASE WHEN state = 'snoozed' THEN 'open' ELSE NULL END, severity, 3, last_seen - 86400000, last_seen, \
                 1 + i % 50, last_seen - 86400000, {CLOSED}"
            ),
            "made",
        ),
        (
            "flag_reason (flag_id, reason, severity, confidence, integration, first_seen, last_seen, count, \
             cleared_at, is_telling, flag_institution, flag_identifier, flag_state, flag_severity, flag_opened_at)",
            format!(
                "id, reason, severity, 3, 'AlmaSDK-old' || CAST(i % 40 AS TEXT) || '-institutionCode-' || institution, \
                 last_seen - 86400000, last_seen, 1 + i % 50, {CLOSED}, 1, institution, identifier, state, severity, \
                 last_seen - 86400000"
            ),
            "made",
        ),
        // A third of them stands in the list too.
        (
            "flag_reason (flag_id, reason, severity, confidence, integration, first_seen, last_seen, count, \
             cleared_at, is_telling, flag_institution, flag_identifier, flag_state, flag_severity, flag_opened_at)",
            format!(
                "id, 'reported', 1, 2, NULL, last_seen - 86400000, last_seen - 86400000, 1, {CLOSED}, 1, \
                 institution, identifier, state, severity, last_seen - 86400000"
            ),
            "made WHERE i % 3 = 0 AND reason <> 'reported'",
        ),
        // One after the other, as a first call leaves them.
        (
            "flag_source (flag_id, kind, value, first_seen, last_seen, count)",
            "id, kind, CASE kind WHEN 'integration' THEN 'AlmaSDK-old' || CAST(i % 40 AS TEXT) || '-institutionCode-' || \
             institution WHEN 'address' THEN '192.0.2.' || CAST(i % 250 AS TEXT) ELSE 'authenticateUser' END, \
             last_seen - 86400000, last_seen, 1 + i % 50"
                .to_owned(),
            "made CROSS JOIN (SELECT 'address' AS kind UNION ALL SELECT 'integration' UNION ALL SELECT 'operation') \
             AS kinds ORDER BY i, kind",
        ),
        (
            "trail (seq, at, subject, flag_id, event, state_before, state_after, reasons, actor, note)",
            "i, last_seen - 86400000, id, id, 'open', '', 'open', reason, 'gateway', ''".to_owned(),
            "made",
        ),
    ];
    if url.starts_with("sqlite") {
        // Every index at hand: their rows come in no order.
        connection.execute("PRAGMA cache_size = -524288").await?;
    }
    connection.execute("BEGIN").await?;
    for (table, columns, made) in statements {
        let statement = format!("INSERT INTO {table} {row} SELECT {columns} FROM {made}");
        connection.execute(AssertSqlSafe(statement)).await.with_context(|| format!("filling {table}"))?;
    }
    connection.execute("UPDATE trail_head SET seq = (SELECT COUNT(*) FROM trail)").await?;
    let totals = format!("INSERT INTO flag_total (institution, state, label, total) {}", crate::books::COUNTED);
    connection.execute(AssertSqlSafe(totals)).await.context("filling the totals")?;
    connection.execute("COMMIT").await?;
    if url.starts_with("postgres") {
        // As the database does by itself after a while.
        connection.execute("ANALYZE").await?;
    } else {
        // Nobody writes so much at once otherwise.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    }
    connection.close().await?;
    Ok(())
}
