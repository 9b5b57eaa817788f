//! Upserts, as the gateway's worker makes them: some accounts in one write, most of them flagged already.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use soapgate::domain::{AccountId, Fact, GuessFacts, Institution, IntegrationName, Rejection, Timestamp};
use soapgate::store::{FlagStore, Gathered, Seen};

use crate::fill::{END_MILLIS, account};
use crate::{Filled, median};

/// How much longer an upsert may take in the large database than in the small one.
const BAR: f64 = 1.5;
const ROUNDS: u64 = 60;
/// Accounts of one write.
const BATCH: u64 = 32;
/// One in so many is not flagged yet.
const NEW_EVERY: u64 = 16;

/// One pass; whether the bar held.
pub(crate) async fn compare(small: &Filled, large: &Filled, pass: u32) -> anyhow::Result<bool> {
    let (mut of_small, mut of_large) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for (filled, micros) in [(small, &mut of_small), (large, &mut of_large)] {
            let batch = batch(filled, pass, round)?;
            let started = Instant::now();
            let recorded = filled.database.flags().record(&batch).await?;
            let micro = started.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(BATCH)?);
            anyhow::ensure!(recorded.iter().all(Option::is_some), "an upsert that made no flag");
            if round > 0 {
                micros.push(micro);
            }
        }
    }
    let (of_small, of_large) = (median(&mut of_small), median(&mut of_large));
    let ratio = of_large / of_small;
    println!(
        "an upsert, {BATCH} accounts in one write: small {of_small:.0} us, large {of_large:.0} us, ratio {ratio:.2}"
    );
    println!("bar: at most {BAR:.1}");
    Ok(ratio <= BAR)
}

/// What was seen of some accounts, spread over all there are.
fn batch(filled: &Filled, pass: u32, round: u64) -> anyhow::Result<Vec<Gathered>> {
    (0..BATCH)
        .map(|nth| {
            let turn = round * BATCH + nth;
            let (code, known) = account(1 + turn * 7_919 % filled.flags);
            let moment = Timestamp::from_millis(END_MILLIS + i64::try_from(turn)? * 1_000);
            let institution = Institution::parse(code)?;
            let identifier = if nth % NEW_EVERY == 0 { format!("new{pass}-{turn}") } else { known };
            Ok(Gathered {
                account: AccountId::parse(&institution, &identifier)?,
                seen: vec![Seen {
                    fact: Fact::Refused(Rejection::NoPassword, GuessFacts::default()),
                    integration: Some(IntegrationName::parse(&format!("AlmaSDK-old7-institutionCode-{code}"))?),
                    source: Some(IpAddr::from([192, 0, 2, 7])),
                    operation: Cow::Borrowed("authenticateUser"),
                    first: moment,
                    last: moment,
                    count: 1,
                }],
            })
        })
        .collect()
}
