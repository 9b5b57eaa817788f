//! An SQLite that cannot be written, because somebody else holds its lock: that is how a file goes away under a server
//! that has it open.

use sqlx::{AnyConnection, Connection as _, Executor as _};

use crate::support::gateway::TestGateway;
use crate::without_store::{Store, alma_with_patrons, go_away_under_load, start, stop_while_away};

pub(crate) struct Locked {
    url: String,
    blocker: Option<AnyConnection>,
}

impl Locked {
    pub(crate) fn new(gateway: &TestGateway) -> Self {
        Self { url: format!("sqlite:{}", gateway.database_file().display()), blocker: None }
    }
}

impl Store for Locked {
    const MAY_REPEAT: bool = false;

    async fn away(&mut self, _: usize) {
        let mut blocker = AnyConnection::connect(&self.url).await.expect("the database's file");
        blocker.execute("PRAGMA busy_timeout = 5000").await.expect("patience");
        blocker.execute("BEGIN IMMEDIATE").await.expect("nobody else writes");
        self.blocker = Some(blocker);
    }

    async fn back(&mut self) {
        let mut blocker = self.blocker.take().expect("it is away");
        blocker.execute("ROLLBACK").await.expect("ended");
        blocker.close().await.expect("closed");
    }

    fn url(&self) -> String {
        self.url.clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_do_not_notice_a_store_that_is_away_and_no_flag_is_lost() {
    let alma = alma_with_patrons().await;
    let gateway = start(&alma, None).await;
    let mut store = Locked::new(&gateway);
    go_away_under_load("SQLite", &gateway, &mut store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stop_could_not_write_is_written_by_the_next_start() {
    let alma = alma_with_patrons().await;
    let gateway = start(&alma, None).await;
    let mut store = Locked::new(&gateway);
    stop_while_away(gateway, &mut store).await;
}
