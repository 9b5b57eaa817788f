//! What only PostgreSQL understands: its pool, its settings, its way to begin a write, how it is looked at.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection, Executor};
use tokio::time::timeout;

use crate::store::{PostgresUrl, StoreError};

/// A write reads what others committed before each of its statements: who takes a row first and then reads sees what
/// the one before left. Said each time, as a server can have another default.
pub(crate) const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// All statements of a read see one moment.
pub(crate) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Nodes that start at once make migrations one after the other, however long one takes; the lock is given back when
/// the write ends. The key is one of two that soapgate uses; the other is in the migrations, for changes.
pub(crate) const ONLY_MIGRATOR: &str =
    "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(8315175624517742945)";

/// Said in a long write: as many rows as somebody brings take as long as they take. Its memory is its operator's to share
/// out.
pub(crate) const LONG_WRITE: &str =
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// How long a connection is waited for before the store counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection that was used may take to say that it is in order; then it is thrown away. A server that is
/// gone without a word would keep its place in the pool for ever.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);
/// Every node has so many at most, and most of the time uses one or two.
const CONNECTIONS: u32 = 10;

/// Said on every new connection. Nothing that soapgate asks takes long: what does waits for a lock, and whoever asked
/// has given up. A node that dies in the middle of a write would hold its locks until the system notices; so an idle
/// one is ended. A commit is on disk before it is acknowledged, whatever the server's default (stricter ones stay).
/// Notices say nothing that our own log lines do not say better.
const SETTINGS: &str = "SET statement_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s'; \
     SET client_min_messages = error; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Opens a pool of connections to the database that `url` names.
pub(crate) async fn open(url: &PostgresUrl) -> Result<AnyPool, StoreError> {
    let options = url.connect_options()?;
    // A pool takes a failing connection for a passing trouble, tries until its time is up and keeps the reason to
    // itself; so the first connection is made without it.
    connect(&options).await?.close().await.map_err(StoreError::during("be opened"))?;
    AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A server that was started again has ended every connection; that is noticed before one is used.
        .test_before_acquire(true)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SETTINGS).await.map(drop) }))
        // Whoever was given up in the middle may have left a transaction open.
        .after_release(|connection, _| {
            Box::pin(async move {
                let ended = timeout(RELEASE_TIMEOUT, connection.execute("ROLLBACK")).await;
                Ok(matches!(ended, Ok(Ok(_))))
            })
        })
        .connect_with(options)
        .await
        .map_err(StoreError::during("be opened"))
}

async fn connect(options: &AnyConnectOptions) -> Result<AnyConnection, StoreError> {
    let connecting = timeout(ACQUIRE_TIMEOUT, async {
        let mut connection = AnyConnection::connect_with(options).await?;
        connection.execute(SETTINGS).await?;
        let encoding: String =
            sqlx::query_scalar("SELECT current_setting('server_encoding')").fetch_one(&mut connection).await?;
        Ok((connection, encoding))
    });
    let (connection, encoding) =
        connecting.await.map_err(|_| StoreError::late())?.map_err(StoreError::during("be opened"))?;
    // Any other one has no room for some of the names that people have.
    if encoding == "UTF8" { Ok(connection) } else { Err(StoreError::encoding(encoding)) }
}

/// The versions of the migrations that were made; `None` when there are no tables yet.
pub(crate) async fn applied(url: &PostgresUrl) -> Result<Option<Vec<i64>>, StoreError> {
    sqlx::any::install_default_drivers();
    let mut connection = connect(&url.connect_options()?).await?;
    let reading = async {
        connection.execute("SET default_transaction_read_only = on").await?;
        let named = "SELECT COUNT(*) FROM pg_catalog.pg_tables \
             WHERE tablename = '_sqlx_migrations' AND schemaname = ANY (current_schemas(false))";
        let tables: i64 = sqlx::query_scalar(named).fetch_one(&mut connection).await?;
        let mut applied = None;
        if tables > 0 {
            let versions = "SELECT version FROM _sqlx_migrations ORDER BY version";
            applied = Some(sqlx::query_scalar(versions).fetch_all(&mut connection).await?);
        }
        connection.close().await?;
        Ok(applied)
    };
    reading.await.map_err(StoreError::during("be read"))
}

#[cfg(test)]
#[cfg(feature = "counterparts")]
mod tests {
    use super::*;
    use crate::store::suite::harness;
    use crate::store::{Database, DatabaseUrl};

    async fn setting(connection: &mut AnyConnection, name: &str) -> String {
        let asked = sqlx::query_scalar("SELECT current_setting($1)").bind(name.to_owned());
        asked.fetch_one(connection).await.expect("a setting")
    }

    #[tokio::test]
    async fn every_connection_has_the_settings_whatever_the_database_says() {
        harness::on_postgres(async |fresh| {
            fresh
                .database
                .pool()
                .execute(
                    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); \
                     EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', \
                     current_database()); END $$",
                )
                .await
                .expect("changed");
            let other = Database::open(&fresh.url).await.expect("it opens");
            let mut connection = other.pool().acquire().await.expect("a connection");
            for (name, value) in [
                ("statement_timeout", "5s"),
                ("idle_in_transaction_session_timeout", "10s"),
                ("synchronous_commit", "on"),
            ] {
                assert_eq!(setting(&mut connection, name).await, value, "{name}");
            }
            drop(connection);
            let mut write = other.write().await.expect("a write begins");
            assert_eq!(setting(&mut write, "transaction_isolation").await, "read committed");
            drop(write);
            other.close().await;
        })
        .await;
    }

    #[tokio::test]
    async fn a_database_that_has_no_room_for_every_name_is_refused() {
        harness::on_postgres(async |fresh| {
            let url = fresh.server().database_with("another", "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'").await;
            let error = Database::open(&url).await.err().expect("refused");
            assert!(error.report().contains("LATIN1"), "{}", error.report());
        })
        .await;
    }

    #[tokio::test]
    async fn a_server_is_believed_only_with_a_certificate_for_its_name() {
        harness::on_postgres(async |fresh| {
            let authority = std::env::var("SOAPGATE_TEST_POSTGRES_CA").expect("run tests/counterparts/run.py postgres");
            let by_address = fresh.server().url("soapgate");
            let by_name = by_address.replace("@127.0.0.1:", "@localhost:");
            let cases = [
                (format!("{by_name}?sslmode=verify-full&sslrootcert={authority}"), true),
                (format!("{by_address}?sslmode=verify-ca&sslrootcert={authority}"), true),
                (format!("{by_address}?sslmode=require"), true),
                (format!("{by_address}?sslmode=verify-full&sslrootcert={authority}"), false),
                (format!("{by_name}?sslmode=verify-full"), false),
                (format!("{by_name}?sslmode=verify-ca"), false),
            ];
            for (url, is_believed) in cases {
                let opened = Database::open(&DatabaseUrl::parse(&url).expect("a url")).await;
                let (_, options) = url.split_once('?').expect("options");
                assert_eq!(opened.is_ok(), is_believed, "{options}: {:?}", opened.err().map(|error| error.report()));
                if let Ok(database) = opened {
                    let encrypted =
                        "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()";
                    let encrypted: i64 = sqlx::query_scalar(encrypted).fetch_one(database.pool()).await.expect("asked");
                    assert_eq!(encrypted, 1, "{options}");
                    database.close().await;
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_wrong_password_is_told_and_not_shown() {
        harness::on_postgres(async |fresh| {
            let whole = fresh.server().url("soapgate");
            let (_, place) = whole.split_once('@').expect("a host");
            let bare = DatabaseUrl::parse(&format!("postgres://soapgate@{place}")).expect("a url");
            let DatabaseUrl::Postgres(url) = bare else { panic!("a PostgreSQL") };
            let error = Database::open(&DatabaseUrl::Postgres(url.with_password("pl4nted"))).await.err();
            let error = error.expect("refused");
            assert!(error.report().contains("password authentication failed"), "{}", error.report());
            assert!(!format!("{error:?} {}", error.report()).contains("pl4nted"));
        })
        .await;
    }

    #[tokio::test]
    async fn a_password_with_every_mark_is_sent_as_it_is() {
        harness::on_postgres(async |fresh| {
            let password = "p%41@/:?#&+ \"ä";
            let create = format!(
                "DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD '{password}'; \
                 EXECUTE format('GRANT ALL ON DATABASE %I TO {role}', current_database()); \
                 GRANT ALL ON SCHEMA public TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; END $$",
                role = fresh.server().role(),
            );
            fresh.database.pool().execute(sqlx::AssertSqlSafe(create)).await.expect("a role");
            let whole = fresh.server().url("soapgate");
            let (_, place) = whole.split_once('@').expect("a host");
            let bare = format!("postgres://{}@{place}", fresh.server().role());
            let DatabaseUrl::Postgres(url) = DatabaseUrl::parse(&bare).expect("a url") else { panic!("a PostgreSQL") };
            let opened = Database::open(&DatabaseUrl::Postgres(url.with_password(password))).await;
            opened.unwrap_or_else(|error| panic!("{}", error.report())).close().await;
            let drop = format!("DROP OWNED BY {0}; DROP ROLE {0}", fresh.server().role());
            fresh.database.pool().execute(sqlx::AssertSqlSafe(drop)).await.expect("removed");
        })
        .await;
    }
}
