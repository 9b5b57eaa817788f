//! Nodes that share a real PostgreSQL, with the server there, stopped and frozen.

mod kills;
mod nodes;
mod outages;
mod server;
mod store_away;

use soapgate::store::DatabaseUrl;

use crate::postgres::server::Postgres;
use crate::support::lives::live;

/// Told by the environment where a life that failed is to be lived again.
const SEED: &str = "SOAPGATE_LIVES_SEED";
const LIVES: u64 = 12;
const STEPS: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_life_behind_two_nodes_sends_more_than_the_budget() {
    let server = Postgres::shared();
    let given: Option<u64> = std::env::var(SEED).ok().map(|seed| seed.parse().expect("a number"));
    let first = given.unwrap_or_else(rand_seed);
    for seed in first..first + if given.is_some() { 1 } else { LIVES } {
        println!("{SEED}={seed} lives this one again");
        let url = server.database().await;
        live(seed, STEPS, &DatabaseUrl::parse(&url).expect("a url"), &url).await;
    }
}

fn rand_seed() -> u64 {
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("random numbers");
    u64::from_le_bytes(random) >> 16
}
