//! SIGKILL of a server whose flags are in a real PostgreSQL.

use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection, Row};

use crate::kills::{FAST, kill_again_and_again};
use crate::postgres::server::Postgres;
use crate::served::{Folder, PATIENCE};

/// What a killed server had begun goes on at PostgreSQL until that notices: a commit may be on its way.
const OTHERS: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND \
                      backend_type = 'client backend' AND pid <> pg_backend_pid()";

#[test]
fn a_flag_with_its_line_survives_a_sigkill() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = runtime.block_on(Postgres::shared().database());
    let quiet = async || {
        let mut connection = AnyConnection::connect(&url).await.expect("the database");
        let started = Instant::now();
        while sqlx::query(OTHERS).fetch_one(&mut connection).await.expect("counted").get::<i64, _>(0) > 0 {
            assert!(started.elapsed() < PATIENCE, "the killed server's connections stay");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        connection.close().await.expect("closed");
    };
    kill_again_and_again(&Folder::on(Some(url.clone()), "", FAST), quiet);
}
