//! A real PostgreSQL away under load: stopped, or frozen as a machine is that is gone without a word.

use std::sync::Arc;

use soapgate::store::DatabaseUrl;

use crate::postgres::server::Postgres;
use crate::support::gateway::TestGateway;
use crate::without_store::{Store, alma_with_patrons, go_away_under_load, start, stop_while_away};

struct Server {
    postgres: Arc<Postgres>,
    url: String,
    /// What brings it back.
    back: &'static str,
}

impl Server {
    async fn make() -> Self {
        let postgres = Arc::new(Postgres::make());
        let url = postgres.database().await;
        Self { postgres, url, back: "start" }
    }

    async fn gateway(&self, alma: &crate::fake::FakeAlma) -> TestGateway {
        start(alma, Some(DatabaseUrl::parse(&self.url).expect("a url"))).await
    }

    /// Calls go on meanwhile.
    async fn act(&self, verb: &'static str) {
        let postgres = Arc::clone(&self.postgres);
        tokio::task::spawn_blocking(move || postgres.act(verb)).await.expect("done");
    }
}

impl Store for Server {
    const MAY_REPEAT: bool = true;

    async fn away(&mut self, time: usize) {
        let (verb, back) = if time.is_multiple_of(2) { ("stop", "start") } else { ("freeze", "thaw") };
        self.act(verb).await;
        self.back = back;
    }

    async fn back(&mut self) {
        self.act(self.back).await;
    }

    fn url(&self) -> String {
        self.url.clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_do_not_notice_a_server_that_is_away_and_no_flag_is_lost() {
    let alma = alma_with_patrons().await;
    let mut store = Server::make().await;
    let gateway = store.gateway(&alma).await;
    go_away_under_load("PostgreSQL", &gateway, &mut store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stop_could_not_write_is_written_by_the_next_start() {
    let alma = alma_with_patrons().await;
    let mut store = Server::make().await;
    let gateway = store.gateway(&alma).await;
    stop_while_away(gateway, &mut store).await;
}
