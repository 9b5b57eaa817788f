//! Pages of the queue, with every filter: the first one and one from the middle.

use std::sync::Arc;
use std::time::Instant;

use soapgate::app::SystemClock;
use soapgate::domain::{FlagState, Institution, Reason, Severity};
use soapgate::operator::Flags;
use soapgate::store::{FlagFilter, FlagOrder};

use crate::databases::Filled;
use crate::fill::{END_MILLIS, INSTITUTIONS, RARE, SPAN_MILLIS};
use crate::quartile;

/// How much longer a page may take of the large database than of the small one.
const BAR: f64 = 3.0;
const ROUNDS: usize = 41;
const PAGE: usize = 50;

/// One kind of page.
struct Case {
    name: &'static str,
    filter: FlagFilter,
    order: FlagOrder,
    /// Where the page from the middle begins: in the middle of the severity that cursors spell so, or at this identifier.
    middle: &'static str,
}

fn cases() -> anyhow::Result<Vec<Case>> {
    let by_severity = |name, filter, middle| Case { name, filter, order: FlagOrder::Severity, middle };
    let by_account = |name, filter| Case { name, filter, order: FlagOrder::Account, middle: "reader15" };
    // Their identifiers are other ones.
    let of_least = |name, filter| Case { name, filter, order: FlagOrder::Account, middle: "20005" };
    let none = FlagFilter::default;
    let open = || FlagFilter { states: vec![FlagState::Open], ..none() };
    // The largest, so that the small database has whole pages of it too.
    let institution = Institution::parse(INSTITUTIONS[0])?;
    let of_institution = || FlagFilter { institution: Some(institution.clone()), ..none() };
    let locked = || FlagFilter { reason: Some(Reason::Locked), ..none() };
    let high = Some(Severity::High);
    let rare = || FlagFilter { reason: Some(RARE), ..none() };
    let dismissed = || FlagFilter { states: vec![FlagState::Dismissed], ..none() };
    let smallest = Institution::parse(INSTITUTIONS[4])?;
    let least = || FlagFilter { institution: Some(smallest.clone()), ..none() };
    let prefix = || FlagFilter { prefix: Some("reader1".to_owned()), ..none() };
    Ok(vec![
        by_severity("no filter", none(), "2"),
        by_severity("state", open(), "2"),
        by_severity("institution", of_institution(), "2"),
        by_severity("reason", locked(), "3"),
        by_severity("severity", FlagFilter { severity: high, ..none() }, "3"),
        by_severity("state and reason", FlagFilter { reason: Some(Reason::Locked), ..open() }, "3"),
        by_severity("state and severity", FlagFilter { severity: high, ..open() }, "3"),
        by_severity("institution and reason", FlagFilter { reason: Some(Reason::Locked), ..of_institution() }, "3"),
        by_severity("institution and severity", FlagFilter { severity: high, ..of_institution() }, "3"),
        by_severity("reason and severity", FlagFilter { severity: high, ..locked() }, "3"),
        by_account("prefix", prefix()),
        by_account("prefix and state", FlagFilter { states: vec![FlagState::Open], ..prefix() }),
        by_account("prefix and institution", FlagFilter { institution: Some(institution.clone()), ..prefix() }),
        by_account("no filter, by account", none()),
        by_account("state, by account", open()),
        by_account("reason, by account", locked()),
        by_account("prefix and reason", FlagFilter { reason: Some(Reason::Locked), ..prefix() }),
        by_account(
            "institution and reason, by account",
            FlagFilter { reason: Some(Reason::Locked), ..of_institution() },
        ),
        by_account("prefix, reason and severity", FlagFilter { prefix: prefix().prefix, severity: high, ..locked() }),
        by_severity("rare reason", rare(), "4"),
        by_account("rare reason, by account", rare()),
        by_account("rare reason and prefix", FlagFilter { reason: Some(RARE), ..prefix() }),
        by_account("rare state, by account", dismissed()),
        by_account("rare state and prefix", FlagFilter { states: vec![FlagState::Dismissed], ..prefix() }),
        by_account("rare severity, by account", FlagFilter { severity: Some(Severity::Critical), ..none() }),
        of_least("small institution, by account", least()),
        of_least("small institution and prefix", FlagFilter { prefix: Some("2".to_owned()), ..least() }),
    ])
}

/// Measures all kinds; whether the bar held for every one.
pub(crate) async fn compare(small: &Filled, large: &Filled) -> anyhow::Result<bool> {
    println!("{:<34} {:>8} {:>6} {:>10} {:>10} {:>8}", "", "page", "flags", "small us", "large us", "ratio");
    let mut held = true;
    for case in cases()? {
        for place in ["first", "middle"] {
            let after = (place == "middle").then(|| case.middle());
            // A page of the large one is no longer than the small one's.
            let (_, most) = one(small, &case, after.as_deref(), PAGE).await?;
            let (mut of_small, mut of_large) = (Vec::new(), Vec::new());
            for round in 0..=ROUNDS {
                for (filled, micros) in [(small, &mut of_small), (large, &mut of_large)] {
                    let (micro, flags) = one(filled, &case, after.as_deref(), most).await?;
                    anyhow::ensure!(flags == most, "{}: {flags} of {} flags", case.name, filled.flags);
                    // The first one finds nothing in any memory.
                    if round > 0 {
                        micros.push(micro);
                    }
                }
            }
            let (of_small, of_large) = (quartile(&mut of_small), quartile(&mut of_large));
            let ratio = of_large / of_small;
            let mark = if ratio <= BAR { "" } else { "  above the bar" };
            println!("{:<34} {place:>8} {most:>6} {of_small:>10.0} {of_large:>10.0} {ratio:>8.2}{mark}", case.name);
            held &= ratio <= BAR;
        }
    }
    println!("bar: at most {BAR:.1}");
    Ok(held)
}

impl Case {
    /// A cursor in the middle of what there is, whether a flag stands there or not.
    fn middle(&self) -> String {
        match self.order {
            FlagOrder::Account => format!("a/{}/{}", INSTITUTIONS[0], self.middle),
            FlagOrder::Severity => format!("s/{}/{}/8000000000000000", self.middle, END_MILLIS - SPAN_MILLIS / 2),
        }
    }
}

/// The microseconds of one page, and how many flags it has.
async fn one(filled: &Filled, case: &Case, after: Option<&str>, most: usize) -> anyhow::Result<(f64, usize)> {
    let flags = Flags::new(&filled.database, Arc::new(SystemClock));
    let started = Instant::now();
    let page = flags.page(&case.filter, case.order, after, most).await?;
    let took = started.elapsed();
    anyhow::ensure!(!page.flags.is_empty(), "{}: nothing of {} flags", case.name, filled.flags);
    Ok((took.as_secs_f64() * 1e6, page.flags.len()))
}
