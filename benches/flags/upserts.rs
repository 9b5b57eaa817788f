//! Upserts, as the gateway's worker makes them: some accounts in one write, most of them flagged already for what is
//! seen again.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use soapgate::domain::{AccountId, Fact, GuessFacts, Institution, IntegrationName, Reason, Rejection, Timestamp};
use soapgate::store::{FlagStore, Gathered, Seen};

use crate::databases::Filled;
use crate::fill::{self, END_MILLIS};
use crate::{mean, quartile};

/// How much longer an upsert may take in the large database than in the small one.
const BAR: f64 = 1.5;
/// Writes that are measured in each database, in turn. The means are printed beside what is compared: only they show
/// what a database puts off from one write to a later one.
const ROUNDS: u64 = 200;
/// Writes before, in which each database takes what it needs into its memory.
const WARM_UP: u64 = 20;
/// Accounts of one write: so many are flagged for the reason already, for another one, and not at all.
const AGAIN: usize = 28;
const FURTHER: usize = 2;
const NEW: usize = 2;
const BATCH: u32 = 32;

/// Measures; whether the bar held.
pub(crate) async fn compare(small: &Filled, large: &Filled) -> anyhow::Result<bool> {
    let mut databases = [(Work::new(small), small, Vec::new()), (Work::new(large), large, Vec::new())];
    for round in 0..WARM_UP + ROUNDS {
        for (work, filled, micros) in &mut databases {
            let batch = work.batch(round, filled.counted)?;
            let started = Instant::now();
            let recorded = filled.database.flags().record(&batch).await?;
            let micro = started.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH);
            anyhow::ensure!(recorded.iter().all(Option::is_some), "an upsert that made no flag");
            if round >= WARM_UP {
                micros.push(micro);
            }
        }
    }
    let [(_, _, of_small), (_, _, of_large)] = &mut databases;
    let (small_mean, large_mean) = (mean(of_small), mean(of_large));
    let (of_small, of_large) = (quartile(of_small), quartile(of_large));
    let ratio = of_large / of_small;
    println!("an upsert, {BATCH} accounts in one write, {ROUNDS} writes in each database, in turn:");
    println!("{:<8} {:>12} {:>12} {:>8}", "", "small us", "large us", "ratio");
    println!("{:<8} {of_small:>12.0} {of_large:>12.0} {ratio:>8.2}", "quartile");
    println!("{:<8} {small_mean:>12.0} {large_mean:>12.0} {:>8.2}", "mean", large_mean / small_mean);
    println!("bar: the lower quartiles at most {BAR:.1}");
    Ok(ratio <= BAR)
}

/// What is still to be seen of a database's accounts, spread over all there are.
struct Work {
    again: Box<dyn Iterator<Item = u64>>,
    further: Box<dyn Iterator<Item = u64>>,
}

impl Work {
    fn new(filled: &Filled) -> Self {
        let flags = filled.flags;
        let spread = move |step: u64| 1 + step * 7_919 % flags;
        let for_reason = |number: &u64| fill::reason(*number) == Reason::NoPassword;
        // Flags that were closed open again: another piece of work, and a rare one.
        let active = |number: &u64| fill::is_active(*number);
        Self {
            again: Box::new((0..).map(spread).filter(move |number| for_reason(number) && active(number))),
            further: Box::new((0..).map(spread).filter(move |number| !for_reason(number) && active(number))),
        }
    }

    /// What was seen since the last write.
    fn batch(&mut self, round: u64, counted: u64) -> anyhow::Result<Vec<Gathered>> {
        let moment = Timestamp::from_millis(END_MILLIS + i64::try_from(round)? * 1_000);
        let known = self.again.by_ref().take(AGAIN).chain(self.further.by_ref().take(FURTHER));
        let known = known.map(|number| (fill::account(number), number));
        let new = (0..NEW).map(|nth| ((fill::INSTITUTIONS[nth], format!("new{counted}-{round}-{nth}")), 7));
        known.chain(new).map(|((code, identifier), number)| refused(code, &identifier, number, moment)).collect()
    }
}

/// A refusal for having no password, from where the flag of this number was seen before.
fn refused(code: &str, identifier: &str, number: u64, moment: Timestamp) -> anyhow::Result<Gathered> {
    let institution = Institution::parse(code)?;
    let integration = format!("AlmaSDK-old{}-institutionCode-{code}", number % 40);
    let address = [192, 0, 2, u8::try_from(number % 250)?];
    Ok(Gathered {
        account: AccountId::parse(&institution, identifier)?,
        seen: vec![Seen {
            fact: Fact::Refused(Rejection::NoPassword, GuessFacts::default()),
            integration: Some(IntegrationName::parse(&integration)?),
            source: Some(IpAddr::from(address)),
            operation: Cow::Borrowed("authenticateUser"),
            first: moment,
            last: moment,
            count: 1,
        }],
    })
}
