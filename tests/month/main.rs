//! A month of 5,000 accounts, of which 300 need an update, behind 40 integrations with their habits: each of the 300
//! that calls or stands in the imported list is flagged with the right reason, and none of the others.
//!
//! What is real: the gateway from the bytes of a SOAP request to those of its reply, the registry of integrations, the
//! shield, the rules, the workers, the store in a SQLite file. What is simulated: the clock, which stands still while
//! the calls of one minute are answered; and the two identity services, which know accounts and passwords and speak as
//! the documentation of their models says. What goes by real time beside the clock is out of the way: the cache of yes
//! answers and the pace of callers are switched off, and that a password is kept elsewhere is remembered for the rest of
//! a gateway's life in place of a day. Everything that was said is written down at the end of every hour. Twice the
//! gateway is started anew, once while stored passwords become stale, and all that a process knows of guesses is gone.
//!
//! `SOAPGATE_MONTHS=whole` makes ten times the calls and lives more months. The table is printed whatever happens.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene has failed")]

mod calendar;
mod confusion;
mod house;
mod list;
mod population;
mod random;
mod services;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other test programs use more of it")]
mod support;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use soapgate::domain::{AccountId, Institution, Timestamp};
use soapgate::operator::{FlagView, Flags, Reports, read_list};
use soapgate::store::{FlagFilter, FlagId, FlagOrder};
use tokio::task::JoinSet;

use crate::calendar::{AWAY, DAYS, Deed, LISTS, RESTARTS, Scale, at};
use crate::house::{FENCE, Grounds, House, SECRET, sign_in};
use crate::population::{ACCOUNTS, Account, IN_NEED, INTEGRATIONS, Integration, Kind, Manner, QUIET, TELLING};
use crate::random::Random;
use crate::services::{MonthClock, Service, Speech, Standing};
use crate::support::books::check_books;

/// 2026-01-01T00:00:00Z.
const BEGIN_MILLIS: i64 = 1_767_225_600_000;
const SEEDS: [u64; 6] = [1, 20_200_131, 7, 42, 1_914, 65_537];
/// Calls that are answered at once.
const AT_ONCE: usize = 16;

#[test]
fn a_month_flags_every_account_that_needs_an_update_and_can_be_known_and_no_other() {
    let (scale, seeds) = match std::env::var("SOAPGATE_MONTHS").as_deref() {
        Ok("whole") => (Scale::Whole, &SEEDS[..]),
        Ok(other) => panic!("SOAPGATE_MONTHS is {other}, which is not `whole`"),
        Err(_) => (Scale::Tenth, &SEEDS[..2]),
    };
    let mut wrong = Vec::new();
    for two in seeds.chunks(2) {
        let months = two.iter().map(|seed| std::thread::spawn(move || live_alone(*seed, scale)));
        let months: Vec<_> = months.collect();
        wrong.extend(months.into_iter().flat_map(|month| month.join().expect("no panic")));
    }
    assert!(wrong.is_empty(), "{} are flagged otherwise than they must be:\n{}", wrong.len(), wrong.join("\n"));
}

/// The accounts of monitoring at an institution.
fn probes(institution: &Institution) -> Vec<AccountId> {
    let parse = |id| AccountId::parse(institution, id).expect("an identifier");
    // Which accounts there are depends on no seed.
    let accounts = population::accounts(&population::integrations(), &mut Random::new(0));
    let own = accounts.iter().filter(|account| account.institution == institution.as_str());
    own.filter(|account| account.kind == Kind::Probe).map(|account| parse(&account.id)).collect()
}

/// Lives a month on a thread of its own.
fn live_alone(seed: u64, scale: Scale) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(live(seed, scale))
}

/// Lives a month; gives what is wrong with its flags.
async fn live(seed: u64, scale: Scale) -> Vec<String> {
    let started = Instant::now();
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a folder");
    let mut random = Random::new(seed);
    let integrations = population::integrations();
    let accounts = population::accounts(&integrations, &mut random);
    let deeds = calendar::month(&accounts, scale, &mut random);
    let clock = Arc::new(MonthClock::default());
    clock.set(Timestamp::from_millis(BEGIN_MILLIS));
    let services = services(&accounts, &clock);
    let both = (services.clone(), [QUIET, TELLING]);
    let grounds = Grounds::prepare(folder.path(), Arc::clone(&clock), both, &integrations).await;
    let mut month = Month {
        house: House::open(&grounds, folder.path(), 1).await,
        grounds,
        folder: folder.path(),
        accounts: &accounts,
        integrations: &integrations,
        calls: 0,
    };
    month.run(deeds).await;
    let Month { house, grounds, calls, .. } = month;
    house.close().await;

    let flags = all_flags(&grounds).await;
    let url = format!("sqlite:{}", folder.path().join("month.db").display());
    assert_eq!(check_books(&url).await, flags.len() as u64);
    let confusion = confusion::compare(&accounts, &flags);
    let mut out = std::io::stdout().lock();
    let table = confusion.table();
    writeln!(out, "\na month, seed {seed}: {calls} calls in {:.0} s\n{table}", started.elapsed().as_secs_f64())
        .expect("written");
    assert_eq!((accounts.len(), confusion.in_need(), integrations.len()), (ACCOUNTS, IN_NEED, INTEGRATIONS));
    for service in &services {
        assert_eq!(service.locks(), 0, "somebody was locked out");
    }
    check_owners_elsewhere(&grounds, &accounts, &flags).await;
    confusion.wrong.into_iter().map(|wrong| format!("seed {seed}: {wrong}")).collect()
}

/// Whose weak password is stored somewhere has one flag that was opened once, however often they sign in elsewhere.
async fn check_owners_elsewhere(grounds: &Grounds, accounts: &[Account], flags: &[FlagView]) {
    let table = Flags::new(&grounds.database, grounds.clock.clone());
    for account in accounts.iter().filter(|account| account.kind == Kind::StoredWeakElsewhere) {
        let flag = flags.iter().find(|flag| flag.account == *account.id).expect("a flag");
        let id = FlagId::parse(&flag.id).expect("an id");
        let trail = table.show(&id).await.expect("shown").trail;
        let events: Vec<&str> = trail.iter().map(|row| row.event.as_str()).collect();
        assert_eq!(events, ["open"], "{}", account.id);
        assert!(grounds.services[0].let_in(&account.id) > 2, "{} signed in elsewhere", account.id);
    }
}

fn services(accounts: &[Account], clock: &Arc<MonthClock>) -> [Arc<Service>; 2] {
    let one = |name, institution, speech| {
        let mut service = Service::new(name, institution, speech, Arc::clone(clock));
        for account in accounts.iter().filter(|account| account.institution == institution) {
            let (password, standing) = calendar::at_first(account);
            service.add(&account.id, account.barcode.as_ref(), password.as_ref(), standing);
        }
        service.add(&FENCE.into(), None, Some(&FENCE.into()), Standing::Good);
        Arc::new(service)
    };
    [one("quiet", QUIET, Speech::OnlyThatItFailed), one("telling", TELLING, Speech::Why)]
}

async fn all_flags(grounds: &Grounds) -> Vec<FlagView> {
    let mut flags = Vec::new();
    Flags::new(&grounds.database, grounds.clock.clone())
        .all(&FlagFilter::default(), FlagOrder::default(), |page| flags.extend(page))
        .await
        .expect("flags");
    flags
}

/// A month under way.
struct Month<'a> {
    house: House,
    grounds: Grounds,
    folder: &'a Path,
    accounts: &'a [Account],
    integrations: &'a [Integration],
    calls: usize,
}

impl Month<'_> {
    async fn run(&mut self, deeds: Vec<(u32, Deed)>) {
        let mut deeds = deeds.into_iter().peekable();
        for minute in 0..at(DAYS, 0, 0) {
            let moment = BEGIN_MILLIS + i64::from(minute) * 60_000;
            self.grounds.clock.set(Timestamp::from_millis(moment));
            self.appointments(minute).await;
            let mut calls = Vec::new();
            while let Some((_, deed)) = deeds.next_if(|(due, _)| *due == minute) {
                match deed {
                    Deed::Call { by, user, password } => calls.push((by, user, password)),
                    Deed::Change { account, password, standing } => {
                        let account = &self.accounts[account];
                        self.service_of(account.institution).change(&account.id, password.as_ref(), standing);
                    }
                }
            }
            if !calls.is_empty() {
                self.answer(minute, calls).await;
            }
            if minute % 60 == 59 {
                self.settle().await;
            }
        }
    }

    /// What is in the calendar beside calls.
    async fn appointments(&mut self, minute: u32) {
        for (from, until) in AWAY {
            if minute == from || minute == until {
                self.grounds.services.iter().for_each(|service| service.go_away(minute == from));
            }
        }
        if LISTS.contains(&minute) {
            self.import(minute).await;
        }
        if RESTARTS.contains(&minute) {
            let key = u8::try_from(minute % 251).expect("small");
            let next = House::open(&self.grounds, self.folder, key).await;
            std::mem::replace(&mut self.house, next).close().await;
        }
    }

    fn service_of(&self, institution: &str) -> &Service {
        &self.grounds.services[usize::from(institution == TELLING)]
    }

    /// The calls of one minute, all at once or nearly so.
    async fn answer(&mut self, minute: u32, calls: Vec<(usize, Arc<str>, Arc<str>)>) {
        self.calls += calls.len();
        let mut under_way = JoinSet::new();
        for (by, user, password) in calls {
            if under_way.len() >= AT_ONCE {
                under_way.join_next().await.expect("one at least").expect("no panic");
            }
            let integration = &self.integrations[by];
            let secret = match integration.manner {
                Manner::Broken(day) if minute >= at(day, 0, 0) => "a secret of old",
                Manner::Broken(_) | Manner::Door | Manner::Nightly | Manner::Retrying | Manner::Rotating => SECRET,
            };
            let (gateway, name) = (Arc::clone(&self.house.gateway), integration.name.clone());
            under_way.spawn(sign_in(gateway, name, integration.address, secret, (user, password)));
        }
        while let Some(answered) = under_way.join_next().await {
            answered.expect("no panic");
        }
        // And what is asked beside the calls.
        self.house.gateway.finish().await;
    }

    /// Everything that was said so far is written down. Nobody is let in while the service is away, so it says nothing.
    async fn settle(&self) {
        let is_away =
            |minute: i64| AWAY.iter().any(|(from, until)| (i64::from(*from)..i64::from(*until)).contains(&minute));
        let now = soapgate::domain::Clock::now(&*self.grounds.clock);
        if is_away((now.as_millis() - BEGIN_MILLIS) / 60_000) {
            return;
        }
        let door = self.integrations.iter().find(|integration| integration.manner == Manner::Door).expect("a door");
        let gateway = Arc::clone(&self.house.gateway);
        let fence = (Arc::from(FENCE), Arc::from(FENCE));
        self.house.settle(sign_in(gateway, door.name.clone(), door.address, SECRET, fence)).await;
    }

    /// The list of accounts that the service does not hold, as operators import it. The second one lags behind: it names
    /// some that were let in since.
    async fn import(&self, minute: u32) {
        for institution in [QUIET, TELLING] {
            let code = Institution::parse(institution).expect("a code");
            let file = list::csv(self.accounts, institution, minute == LISTS[1]);
            let list = read_list(&code, "list.csv", file.as_bytes(), &mut |_| ());
            let list = list.unwrap_or_else(|problems| panic!("{problems}"));
            let reports = Reports::new(&self.grounds.database, self.grounds.clock.clone());
            let done = reports.import(&code, list, &probes(&code), "mia", &mut |_, _| ()).await.expect("imported");
            // Nobody is late at the telling institution, so that its list is the same twice.
            assert_eq!(done.repeated, institution == TELLING && minute == LISTS[1]);
            assert!(done.repeated || done.listed > 0);
        }
    }
}
