//! Two nodes on one SQLite file live the lives that they live on a PostgreSQL in `tests/counterparts/postgres`.

use crate::support::lives::live;
use soapgate::store::DatabaseUrl;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_life_behind_two_nodes_sends_more_than_the_budget() {
    sqlx::any::install_default_drivers();
    for seed in 0..4 {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("soapgate.db");
        let url = format!("sqlite:{}?mode=rwc", file.display());
        live(seed, 120, &DatabaseUrl::Sqlite(file), &url).await;
    }
}
