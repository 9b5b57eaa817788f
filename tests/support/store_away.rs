//! The store away under load, again and again, while the identity service answers: sign-ins do not notice, and nothing
//! that may flag is lost, whether the store comes back or the server stops before. How a store goes away, each kind of
//! database says for itself; a test program that uses this has the fake Alma as its `fake`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use soapgate::domain::{AccountId, Institution};
use soapgate::operator::FlagView;
use soapgate::store::{DatabaseUrl, ListedAccount};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::fake::{FakeAlma, User};
use crate::support::books::check_books;
use crate::support::client::exchange;
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma_envelope, basic};
use crate::support::signin::{Told, register, request, sign_in, told};
use crate::support::until::until;

/// How long the store is away each time; `tests/run full` asks for a minute.
const SECONDS: &str = "SOAPGATE_STORE_AWAY_SECONDS";
/// How often it goes away.
const ROUNDS: usize = 3;
/// The longest lap: a longer time away is several of them.
const LAP: Duration = Duration::from_secs(15);
/// How long flags may take once it is back.
const PATIENCE: Duration = Duration::from_secs(30);
const PATRONS: usize = 40;
const CALLERS: usize = 4;
/// Accounts of the imported list: some are refused while the store is there, and as many others while it is away.
const LISTED: usize = 120;
const LEFTOVERS: &str = "flags-left-over.jsonl";
/// Sign-ins answered in a second with the store away beside the lap before it, in the pair that others on the machine
/// disturbed least, and in all laps together.
const QUIETEST_BAR: f64 = 0.8;
const WHOLE_BAR: f64 = 0.5;

/// A database that can go away and come back.
pub(crate) trait Store {
    /// Goes away, for the so-manieth time.
    async fn away(&mut self, time: usize);
    /// Comes back.
    async fn back(&mut self);
    /// Whether it may have written what it never said that it wrote: frozen in between, it writes it once more when it is
    /// asked again.
    const MAY_REPEAT: bool;
    /// Where it is, for whoever looks into it beside the server.
    fn url(&self) -> String;
}

/// A time in which calls are counted.
struct Lap {
    is_away: bool,
    span: Duration,
    took: Vec<f64>,
}

/// Sign-ins over and over, until there is no lap any more; how long each took, with the lap that it began in.
struct Load {
    lap: Arc<AtomicUsize>,
    callers: Vec<JoinHandle<Vec<(usize, f64)>>>,
    laps: Vec<Lap>,
}

/// Between laps nothing is counted.
const NO_LAP: usize = usize::MAX - 1;
const OVER: usize = usize::MAX;

impl Load {
    fn start(address: SocketAddr) -> Self {
        let lap = Arc::new(AtomicUsize::new(NO_LAP));
        let callers = (0..CALLERS).map(|caller| tokio::spawn(call(address, caller, Arc::clone(&lap)))).collect();
        Self { lap, callers, laps: Vec::new() }
    }

    /// Counts what is called during `work`, and so long after it that the lap lasts `least`.
    async fn lap<T>(&mut self, is_away: bool, least: Duration, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        self.lap.store(self.laps.len(), Ordering::SeqCst);
        let done = work.await;
        tokio::time::sleep(least.saturating_sub(begun.elapsed())).await;
        self.lap.store(NO_LAP, Ordering::SeqCst);
        self.laps.push(Lap { is_away, span: begun.elapsed(), took: Vec::new() });
        done
    }

    async fn end(mut self) -> Vec<Lap> {
        self.lap.store(OVER, Ordering::SeqCst);
        for caller in self.callers {
            for (lap, seconds) in caller.await.expect("every patron was let in") {
                self.laps[lap].took.push(seconds);
            }
        }
        self.laps
    }
}

async fn call(address: SocketAddr, caller: usize, lap: Arc<AtomicUsize>) -> Vec<(usize, f64)> {
    let mut took = Vec::new();
    for number in 0.. {
        let now = lap.load(Ordering::SeqCst);
        if now == OVER {
            break;
        }
        let user = format!("patron{}", (caller + number * CALLERS) % PATRONS);
        let asked = Instant::now();
        assert_eq!(told(&exchange(address, &request("demo", &user, "right")).await), Told::Yes, "{user} in lap {now}");
        if now != NO_LAP {
            took.push((now, asked.elapsed().as_secs_f64()));
        }
    }
    took
}

/// Takes the store away under load and has it back, several times; sign-ins do not notice, and no flag is lost.
pub(crate) async fn go_away_under_load<S: Store>(kind: &str, gateway: &TestGateway, store: &mut S) {
    let seconds: u64 = std::env::var(SECONDS).ok().map_or(6, |text| text.parse().expect("a number of seconds"));
    let (whole, mut expected) = (Duration::from_secs(seconds), BTreeMap::new());
    let mut load = Load::start(gateway.soap);
    for round in 0..ROUNDS {
        let refused = load.lap(false, whole.min(LAP), refuse(gateway, round, 0..LISTED / 2)).await;
        add(&mut expected, refused);
        let gone = Instant::now();
        let work = async {
            store.away(round).await;
            let refused = refuse(gateway, round, LISTED / 2..LISTED).await;
            until("health says so", async || health(gateway).await.contains("accounts wait to be written")).await;
            refused
        };
        let refused = load.lap(true, whole.min(LAP), work).await;
        add(&mut expected, refused);
        while whole > gone.elapsed() {
            load.lap(true, LAP.min(whole.saturating_sub(gone.elapsed())), async {}).await;
        }
        assert!(health(gateway).await.contains("accounts wait to be written"), "{}", health(gateway).await);
        store.back().await;
        until_flagged::<S>(gateway, &expected).await;
        until("health says that it is over", async || !health(gateway).await.contains("\"degraded\"")).await;
    }
    let laps = load.end().await;
    assert_eq!(check_books(&store.url()).await, expected.len() as u64);
    tell(kind, seconds, &laps);
}

/// Stops the server while the store is away: the next start writes what could not be written.
pub(crate) async fn stop_while_away<S: Store>(gateway: TestGateway, store: &mut S) {
    store.away(0).await;
    let mut refused = refuse(&gateway, 0, 0..LISTED / 2).await;
    let stopped = gateway.stop().await;
    let file = stopped.data_file(LEFTOVERS);
    let left = std::fs::read_to_string(&file).expect("what was left over");
    assert!(left.contains("\"listed0\"") && left.contains("\"one\""), "{left}");
    assert!(!left.contains("the old one") && !left.contains("a secret of old"), "a password was left over");
    store.back().await;

    let gateway = stopped.start().await;
    until_flagged::<S>(&gateway, &refused).await;
    until("the file is gone", async || !file.exists()).await;
    // And what comes now is added to it.
    add(&mut refused, refuse(&gateway, 1, 0..LISTED / 4).await);
    until_flagged::<S>(&gateway, &refused).await;
    assert_eq!(check_books(&store.url()).await, LISTED as u64 + 2);
}

/// A fake Alma with patrons, and with accounts that it holds no password for.
pub(crate) async fn alma_with_patrons() -> FakeAlma {
    let alma = FakeAlma::start().await;
    alma.set_remaining(1_000_000_000);
    for n in 0..PATRONS {
        alma.add(User::new(&[&format!("patron{n}")], Some("right")));
    }
    for n in 0..LISTED {
        alma.add(User::new(&[&format!("listed{n}")], None));
    }
    alma
}

/// A server in front of it that knows the list; on the database of `url`, or on one of its own.
pub(crate) async fn start(alma: &FakeAlma, url: Option<DatabaseUrl>) -> TestGateway {
    // A hundred refusals at once are more than are looked at, and one integration causes nearly all of them.
    let more = "second_look = false\nrequests_per_second = 50000\nintegration_share = 100";
    let config = format!("slow_down = {{ step = \"0s\" }}\n{}", alma.config(more));
    let gateway = TestGateway::start_tuned(&config, |settings| {
        // Every sign-in is asked about, and as fast as it comes.
        settings.cache.ttl = Duration::ZERO;
        (settings.shield.rates.per_source, settings.shield.rates.per_integration) = (50_000, 50_000);
        if let Some(url) = url {
            settings.database_url = url;
        }
    })
    .await;
    register(&gateway, &["one", "two"]).await;
    let institution = Institution::parse("01DEMO_INST").expect("a code");
    let listed: Vec<ListedAccount> = (0..LISTED)
        .map(|n| AccountId::parse(&institution, &format!("listed{n}")).expect("an identifier"))
        .map(|account| ListedAccount { account, others: Vec::new() })
        .collect();
    let now = soapgate::domain::Clock::now(&soapgate::app::SystemClock);
    let operator = gateway.beside().await;
    let import = operator.database.flags().import(&institution, &listed, "the list", ("mia", now), &mut |_| ()).await;
    assert_eq!(import.expect("imported").opened, LISTED as u64);
    gateway
}

async fn health(gateway: &TestGateway) -> String {
    exchange(gateway.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await.text().to_owned()
}

/// Refuses accounts of the list, some of them twice, and integrations; gives how often each was refused.
async fn refuse(gateway: &TestGateway, round: usize, accounts: Range<usize>) -> BTreeMap<String, u64> {
    let mut refused = BTreeMap::new();
    for n in accounts {
        // No account's budget is spent.
        let times = if round == 0 { 1 + n % 2 } else { 1 };
        for time in 0..times {
            let told = sign_in(gateway, "demo", &format!("listed{n}"), &format!("the old one {round} {time}")).await;
            assert_eq!(told, Told::No, "listed{n}");
        }
        refused.insert(format!("listed{n}"), times as u64);
    }
    for (user, times) in [("one", 3), ("two", 5)] {
        let name = format!("AlmaSDK-{user}-institutionCode-01DEMO_INST");
        let post = Post::new("/almaws/repository/UserAuthenticationWebServices", alma_envelope("patron1", "right"));
        let post = post.with("Authorization", &basic(&name, "a secret of old")).bytes();
        for _ in 0..times {
            assert_eq!(exchange(gateway.soap, &post).await.status(), 401);
        }
        refused.insert(user.to_owned(), times);
    }
    refused
}

fn add(all: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (account, times) in more {
        *all.entry(account).or_default() += times;
    }
}

/// Waits until the flags say what was refused.
async fn until_flagged<S: Store>(gateway: &TestGateway, expected: &BTreeMap<String, u64>) {
    let operator = gateway.beside().await;
    let mut seen = BTreeMap::new();
    let mut ask = async || {
        // A row of the list opened its flag with a count of one.
        let flags = operator.all_flags().await.into_iter();
        let telling = flags.filter(|flag| flag.severity == "high" || flag.severity == "critical");
        let counted = |flag: FlagView| (flag.account, flag.count - u64::from(flag.severity == "high"));
        seen = telling.map(counted).collect::<BTreeMap<_, _>>();
        fits::<S>(&seen, expected)
    };
    let begun = Instant::now();
    while !ask().await && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let missing: Vec<_> = expected.iter().filter(|(account, times)| seen.get(*account) != Some(*times)).collect();
    let wrong: Vec<_> = seen.iter().filter(|(account, times)| expected.get(*account) != Some(*times)).collect();
    assert!(fits::<S>(&seen, expected), "refused so often: {missing:?}; flagged so often: {wrong:?}");
    operator.database.close().await;
}

/// Whether every account is flagged and no other, as often as it was refused.
fn fits<S: Store>(seen: &BTreeMap<String, u64>, expected: &BTreeMap<String, u64>) -> bool {
    let fits = |(seen, expected): (&u64, &u64)| seen == expected || (S::MAY_REPEAT && seen > expected);
    seen.keys().eq(expected.keys()) && seen.values().zip(expected.values()).all(fits)
}

/// Prints what sign-ins cost, and holds the bars.
fn tell(kind: &str, seconds: u64, laps: &[Lap]) {
    let away = laps.iter().filter(|lap| lap.is_away);
    let slowest = away.clone().flat_map(|lap| &lap.took).copied().fold(0.0, f64::max);
    // Each lap away stands beside the last one before.
    let (mut pairs, mut before) = (Vec::new(), None);
    for lap in laps {
        match (lap.is_away, before) {
            (true, Some(before)) => pairs.push((rate(&[before]), rate(&[lap]))),
            (true, None) | (false, _) => before = Some(lap),
        }
    }
    let quietest = pairs.iter().copied().max_by(|one, other| (one.0 + one.1).total_cmp(&(other.0 + other.1)));
    let (there, gone) = quietest.expect("a pair");
    let quietest = gone / there;
    let (away, there): (Vec<&Lap>, Vec<&Lap>) = laps.iter().partition(|lap| lap.is_away);
    let whole = rate(&away) / rate(&there);
    let percentile = |percent| at_percent(&away, percent) / at_percent(&there, percent);
    let ratios: Vec<String> = pairs.iter().map(|(there, gone)| format!("{:.2}", gone / there)).collect();
    writeln!(
        std::io::stdout().lock(),
        "\n{kind} away {ROUNDS} times for {seconds} s: {:.0} sign-ins a second beside {:.0} with it there; ratio \
         {quietest:.2} in the quietest pair, {whole:.2} in all, {} one by one; time of a sign-in: median {:.2}, 99th \
         percentile {:.2} of that with it there; the slowest with it away took {:.0} ms",
        rate(&away),
        rate(&there),
        ratios.join(" "),
        percentile(50),
        percentile(99),
        slowest * 1_000.0,
    )
    .expect("written");
    assert!(quietest >= QUIETEST_BAR, "sign-ins noticed that the store was away: ratio {quietest:.2}");
    assert!(whole >= WHOLE_BAR, "sign-ins noticed that the store was away: ratio {whole:.2} over all");
}

/// Sign-ins a second.
fn rate(laps: &[&Lap]) -> f64 {
    let calls: usize = laps.iter().map(|lap| lap.took.len()).sum();
    let span: Duration = laps.iter().map(|lap| lap.span).sum();
    f64::from(u32::try_from(calls).expect("not so many")) / span.as_secs_f64()
}

fn at_percent(laps: &[&Lap], percent: usize) -> f64 {
    let mut all: Vec<f64> = laps.iter().flat_map(|lap| &lap.took).copied().collect();
    all.sort_by(f64::total_cmp);
    all[all.len() * percent / 100]
}
