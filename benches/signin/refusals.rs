//! Refusals beside each other: whoever measures them must not learn why. Each is an account's first, since the same
//! refusal is remembered afterwards, whatever its reason.

use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::gateway::{self, Line, Prepared, State};
use crate::process::Server;
use crate::{load, median};

/// How far a reason's median may lie from the median over all reasons, as a ratio either way. The machine's own noise
/// on a hash of some twenty milliseconds is of this order.
const BAR: f64 = 1.25;
const RIGHT: &str = "right-password-1";
const WRONG: &str = "wrong-password-1";

/// A reason, the user, and the password presented.
const CASES: [(&str, &str, &str); 7] = [
    ("unknown account", "nobody", WRONG),
    ("wrong password", "good", WRONG),
    ("locked", "locked", RIGHT),
    ("disabled", "disabled", RIGHT),
    ("expired", "expired", RIGHT),
    ("no password", "none", RIGHT),
    ("must change, refused", "change", RIGHT),
];

/// Measures every reason in turn, `rounds` times, and prints the medians; whether they lie together.
pub(crate) fn compare(rounds: usize, folder: &Path, runtime: &Runtime) -> anyhow::Result<bool> {
    let account = |user: &str, round, password, state| Prepared { user: format!("{user}{round}"), password, state };
    let accounts: Vec<Prepared> = (0..=rounds)
        .flat_map(|round| {
            [
                account("good", round, Some(RIGHT), State::Good),
                account("locked", round, Some(RIGHT), State::Locked),
                account("disabled", round, Some(RIGHT), State::Disabled),
                account("expired", round, Some(RIGHT), State::Expired),
                account("none", round, None, State::Good),
                account("change", round, Some(RIGHT), State::MustChange),
            ]
        })
        .collect();
    let server = Server::start(&["--serve-gateway", &gateway::prepare(folder, Line::Off, &accounts, runtime)?])?;
    let mut millis = vec![Vec::new(); CASES.len()];
    let bodies = runtime.block_on(measure(&server, rounds, &mut millis))?;
    ensure!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "the bodies of refusals differ");
    let mut medians: Vec<f64> = millis.iter_mut().map(|values| median(values)).collect();
    let all = median(&mut medians.clone());
    println!("refusals, {rounds} calls for each reason, in turn; equal bodies:");
    println!("{:<34} {:>9} {:>9} {:>7}", "", "min ms", "median ms", "ratio");
    for (((reason, ..), values), middle) in CASES.iter().zip(&millis).zip(&medians) {
        println!("{reason:<34} {:>9.2} {middle:>9.2} {:>7.2}", values[0], middle / all);
    }
    println!("bar: each median within {BAR:.2} of the median over all, either way");
    medians.sort_by(f64::total_cmp);
    Ok(medians.iter().all(|middle| middle / all <= BAR && all / middle <= BAR))
}

/// Fills in the times of every case; returns the bodies seen, one a case.
async fn measure(server: &Server, rounds: usize, millis: &mut [Vec<f64>]) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut stream = TcpStream::connect(server.address()).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 4_096];
    let mut bodies = vec![Vec::new(); CASES.len()];
    for round in 0..=rounds {
        for (at, (reason, user, password)) in CASES.iter().enumerate() {
            let request = load::request(server.address(), &load::body(&format!("{user}{round}"), password));
            let started = Instant::now();
            let length = load::exchange(&mut stream, &request, &mut buffer).await?;
            let elapsed = started.elapsed().as_secs_f64() * 1e3;
            let reply = String::from_utf8_lossy(&buffer[..length]).into_owned();
            ensure!(reply.contains("&lt;result&gt;false&lt;/result&gt;"), "{reason}: {reply}");
            // The first round warms up: the integration is checked in it.
            if round > 0 {
                millis[at].push(elapsed);
            }
            bodies[at] = reply.split("\r\n\r\n").nth(1).unwrap_or_default().as_bytes().to_vec();
        }
    }
    Ok(bodies)
}
