//! The store away under load, while the identity service answers: sign-ins do not notice, and nothing that may flag is
//! lost, whether the store comes back or the server stops before.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use soapgate::domain::Institution;
use soapgate::operator::FlagView;
use soapgate::store::ListedAccount;
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::answers::account;
use crate::config;
use crate::fake::{FakeAlma, User};
use crate::support::books::check_books;
use crate::support::client::exchange;
use crate::support::fake::fault::Fault;
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma_envelope, basic};
use crate::support::signin::{Told, register, request, sign_in, told};
use crate::support::until::until;

/// How long the store is away; `tests/run full` asks for a minute.
const SECONDS: &str = "SOAPGATE_STORE_AWAY_SECONDS";
const PATRONS: usize = 40;
const CALLERS: usize = 4;
/// Accounts of the imported list that are refused meanwhile.
const LISTED: usize = 120;
const LEFTOVERS: &str = "flags-left-over.jsonl";
/// Sign-ins answered in a second while it is away beside before: others on the same machine take some away.
const BAR: f64 = 0.5;

/// The parts of the test that the load tells apart.
const BEFORE: u8 = 0;
const AWAY: u8 = 1;
const OVER: u8 = 2;

/// Sign-ins over and over; how long each took, before and while the store was away.
fn load(address: SocketAddr, caller: usize, part: Arc<AtomicU8>) -> JoinHandle<[Vec<f64>; 2]> {
    tokio::spawn(async move {
        let mut took = [Vec::new(), Vec::new()];
        for call in 0.. {
            let now = part.load(Ordering::SeqCst);
            if now == OVER {
                break;
            }
            let user = format!("patron{}", (caller + call * CALLERS) % PATRONS);
            let asked = Instant::now();
            let said = told(&exchange(address, &request("demo", &user, "right")).await);
            assert_eq!(said, Told::Yes, "{user}, {}", if now == AWAY { "the store away" } else { "before" });
            took[usize::from(now)].push(asked.elapsed().as_secs_f64());
        }
        took
    })
}

async fn lock(gateway: &TestGateway) -> AnyConnection {
    let url = format!("sqlite:{}", gateway.database_file().display());
    let mut blocker = AnyConnection::connect(&url).await.expect("the database's file");
    blocker.execute("PRAGMA busy_timeout = 5000").await.expect("patience");
    blocker.execute("BEGIN IMMEDIATE").await.expect("nobody else writes");
    blocker
}

async fn unlock(mut blocker: AnyConnection) {
    blocker.execute("ROLLBACK").await.expect("ended");
    blocker.close().await.expect("closed");
}

async fn health(gateway: &TestGateway) -> String {
    exchange(gateway.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await.text().to_owned()
}

/// Refuses accounts of the list, some of them twice, and integrations; gives how often each was refused.
async fn refuse(gateway: &TestGateway, round: usize, accounts: std::ops::Range<usize>) -> BTreeMap<String, u64> {
    let mut refused = BTreeMap::new();
    for n in accounts {
        let times = 1 + n % 2;
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

/// Waits until the flags say what was refused.
async fn until_flagged(gateway: &TestGateway, expected: &BTreeMap<String, u64>) {
    let operator = gateway.beside().await;
    let mut seen = BTreeMap::new();
    let is_whole = |flags: Vec<FlagView>, seen: &mut BTreeMap<String, u64>| {
        // A row of the list opened its flag with a count of one.
        *seen = flags
            .into_iter()
            .filter(|flag| flag.severity == "high" || flag.severity == "critical")
            .map(|flag| (flag.account, flag.count - u64::from(flag.severity == "high")))
            .collect();
        seen == expected
    };
    let asking = until("every flag", async || is_whole(operator.all_flags().await, &mut seen));
    asking.await;
}

async fn alma_with_patrons() -> FakeAlma {
    let alma = FakeAlma::start().await;
    for n in 0..PATRONS {
        alma.add(User::new(&[&format!("patron{n}")], Some("right")));
    }
    for n in 0..LISTED {
        alma.add(User::new(&[&format!("listed{n}")], None));
    }
    alma
}

async fn start(alma: &FakeAlma) -> TestGateway {
    let config = format!("slow_down = {{ step = \"0s\" }}\n{}", config(alma, "requests_per_second = 50000"));
    let gateway = TestGateway::start_tuned(&config, |settings| {
        // Every sign-in is asked about, and as fast as it comes.
        settings.cache.ttl = Duration::ZERO;
        (settings.shield.rates.per_source, settings.shield.rates.per_integration) = (50_000, 50_000);
    })
    .await;
    register(&gateway, &["one", "two"]).await;
    let listed: Vec<ListedAccount> =
        (0..LISTED).map(|n| ListedAccount { account: account(&format!("listed{n}")), others: Vec::new() }).collect();
    let institution = Institution::parse("01DEMO_INST").expect("a code");
    let now = soapgate::domain::Clock::now(&soapgate::app::SystemClock);
    let operator = gateway.beside().await;
    let import = operator.database.flags().import(&institution, &listed, "the list", ("mia", now), &mut |_| ()).await;
    assert_eq!(import.expect("imported").opened, LISTED as u64);
    gateway
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_do_not_notice_a_store_that_is_away_and_no_flag_is_lost() {
    let seconds: u64 = std::env::var(SECONDS).ok().map_or(6, |text| text.parse().expect("a number of seconds"));
    let alma = alma_with_patrons().await;
    let gateway = start(&alma).await;
    let part = Arc::new(AtomicU8::new(BEFORE));
    let callers: Vec<_> = (0..CALLERS).map(|caller| load(gateway.soap, caller, Arc::clone(&part))).collect();
    // As long before as while it is away, but for the long run.
    let before = Duration::from_secs(seconds.min(15));
    tokio::time::sleep(before).await;
    let blocker = lock(&gateway).await;
    part.store(AWAY, Ordering::SeqCst);
    let gone = Instant::now();
    let refused = refuse(&gateway, 0, 0..LISTED).await;
    until("health says so", async || health(&gateway).await.contains("\"degraded\"")).await;
    tokio::time::sleep(Duration::from_secs(seconds).saturating_sub(gone.elapsed())).await;
    let away = gone.elapsed();
    part.store(OVER, Ordering::SeqCst);
    let mut took = [Vec::new(), Vec::new()];
    for caller in callers {
        for (all, own) in took.iter_mut().zip(caller.await.expect("every patron was let in")) {
            all.extend(own);
        }
    }
    assert!(health(&gateway).await.contains("accounts wait to be written"), "{}", health(&gateway).await);
    unlock(blocker).await;

    until_flagged(&gateway, &refused).await;
    until("health says that it is over", async || !health(&gateway).await.contains("\"degraded\"")).await;
    let url = format!("sqlite:{}", gateway.database_file().display());
    assert_eq!(check_books(&url).await, refused.len() as u64);
    tell(&mut took, before, away);
}

/// Prints what sign-ins cost, and holds the bar.
fn tell(took: &mut [Vec<f64>; 2], before: Duration, away: Duration) {
    let [of_before, of_away] = took;
    let per_second =
        |all: &[f64], span: Duration| f64::from(u32::try_from(all.len()).expect("not so many")) / span.as_secs_f64();
    let ratio = per_second(of_away, away) / per_second(of_before, before);
    let ninety_ninth = |all: &mut Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() * 99 / 100] * 1_000.0
    };
    let p99 = [ninety_ninth(of_before), ninety_ninth(of_away)];
    writeln!(
        std::io::stdout().lock(),
        "\nthe store away for {:.0} s: {:.0} sign-ins a second beside {:.0} before, ratio {ratio:.2}; \
         99th percentile {:.1} ms beside {:.1} ms",
        away.as_secs_f64(),
        per_second(of_away, away),
        per_second(of_before, before),
        p99[1],
        p99[0],
    )
    .expect("written");
    assert!(ratio >= BAR, "sign-ins noticed that the store was away: ratio {ratio:.2}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stop_could_not_write_is_written_by_the_next_start() {
    let alma = alma_with_patrons().await;
    let gateway = start(&alma).await;
    let blocker = lock(&gateway).await;
    let mut refused = refuse(&gateway, 0, 0..LISTED / 2).await;
    let stopped = gateway.stop().await;
    let file = stopped.data_file(LEFTOVERS);
    let left = std::fs::read_to_string(&file).expect("what was left over");
    assert!(left.contains("\"listed0\"") && left.contains("\"one\""), "{left}");
    assert!(!left.contains("the old one") && !left.contains("a secret of old"), "a password was left over");
    unlock(blocker).await;

    let gateway = stopped.start().await;
    until_flagged(&gateway, &refused).await;
    until("the file is gone", async || !file.exists()).await;
    // And what comes now is added to it.
    for (account, times) in refuse(&gateway, 1, 0..LISTED / 4).await {
        *refused.entry(account).or_default() += times;
    }
    until_flagged(&gateway, &refused).await;
    let url = format!("sqlite:{}", gateway.database_file().display());
    assert_eq!(check_books(&url).await, LISTED as u64 + 2);
}

/// Guesses as fast as it can through one integration until it is over; how many it made.
fn guesser(address: SocketAddr, integration: usize, part: Arc<AtomicU8>) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut guesses = 0;
        while part.load(Ordering::SeqCst) != OVER {
            let password = format!("guess {guesses} by {integration}");
            let said = told(&exchange(address, &request(&format!("guesser{integration}"), "reader", &password)).await);
            assert_ne!(said, Told::Yes, "{password}");
            guesses += 1;
        }
        guesses
    })
}

/// Lets sixteen guess while the store goes, is away and comes back, and gives how many of their guesses failed at the
/// service.
async fn guess_through_an_outage_of_the_store(service: Fault) -> usize {
    let alma = FakeAlma::start().await;
    alma.add(User::new(&["reader"], Some("right")));
    alma.fault(service);
    let config = format!("slow_down = {{ step = \"0s\" }}\n{}", config(&alma, "requests_per_second = 50000"));
    let gateway = TestGateway::start(&config).await;
    let names: Vec<String> = (0..16).map(|n| format!("guesser{n}")).collect();
    register(&gateway, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let part = Arc::new(AtomicU8::new(AWAY));
    let blocker = lock(&gateway).await;
    let guessers: Vec<_> = (0..16).map(|n| guesser(gateway.soap, n, Arc::clone(&part))).collect();
    tokio::time::sleep(Duration::from_secs(4)).await;
    unlock(blocker).await;
    until("the store counts again", async || gateway.metric("soapgate_attempts_alone", "").await == 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    part.store(OVER, Ordering::SeqCst);
    let mut made = 0;
    for guesser in guessers {
        made += guesser.await.expect("it guessed to the end");
    }
    assert!(made > 200, "{made} guesses");
    assert!(!alma.is_locked("reader"));
    alma.failures("reader")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_guess_at_once_while_the_store_is_away_have_one_budget() {
    let failures = guess_through_an_outage_of_the_store(Fault::None).await;
    assert!((1..=11).contains(&failures), "{failures} failures: per_account is ten, and one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_that_are_under_way_when_the_store_comes_back_are_counted_by_it() {
    let failures = guess_through_an_outage_of_the_store(Fault::Slow(Duration::from_millis(3_900))).await;
    assert!((1..=11).contains(&failures), "{failures} failures: per_account is ten, and one");
}
