//! Fresh databases, and the list that makes tests of functions over one.

use tempfile::TempDir;

use crate::domain::{AccountId, Institution, IntegrationName, Timestamp};
use crate::store::{Database, DatabaseUrl, NewAccountRecord, SlotId, StoredHash};

/// A new database, and what must live as long as it does. More pools can be opened on its url.
pub(crate) struct Fresh {
    pub(crate) database: Database,
    pub(crate) url: DatabaseUrl,
    place: Place,
}

/// Where databases are made.
enum Place {
    Folder(TempDir),
    #[cfg(feature = "counterparts")]
    Server(server::Server),
}

impl Fresh {
    async fn new(place: Place) -> Self {
        let url = place.database("soapgate").await;
        let database = Database::open(&url).await.expect("a new database opens");
        Self { database, url, place }
    }

    /// Where it was made, when that is a PostgreSQL.
    #[cfg(feature = "counterparts")]
    pub(crate) fn server(&self) -> &server::Server {
        match &self.place {
            Place::Server(server) => server,
            Place::Folder(_) => panic!("it is no PostgreSQL"),
        }
    }

    /// Another database of the same kind, in which nothing is yet.
    pub(crate) async fn another(&self) -> DatabaseUrl {
        self.place.database("another").await
    }
}

impl Place {
    async fn database(&self, name: &str) -> DatabaseUrl {
        match self {
            Self::Folder(folder) => {
                // As SQLite has them, there is nothing until the first one opens it.
                std::future::ready(DatabaseUrl::Sqlite(folder.path().join(format!("{name}.db")))).await
            }
            #[cfg(feature = "counterparts")]
            Self::Server(server) => server.database_with(name, "").await,
        }
    }
}

/// An id that no slot has.
pub(crate) fn slot_id() -> SlotId {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("random numbers");
    SlotId::from(format!("{:032x}", u128::from_be_bytes(random)).as_str())
}

pub(crate) async fn sqlite() -> Fresh {
    Fresh::new(Place::Folder(tempfile::tempdir().expect("a temporary folder"))).await
}

/// Runs a test on a new database of the PostgreSQL that `SOAPGATE_TEST_POSTGRES` names, and removes it afterwards.
#[cfg(feature = "counterparts")]
pub(crate) async fn on_postgres(test: impl AsyncFnOnce(Fresh)) {
    let server = server::Server::new();
    let fresh = Fresh::new(Place::Server(server.clone())).await;
    test(fresh).await;
    server.remove().await;
}

#[cfg(feature = "counterparts")]
mod server {
    use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

    use crate::store::DatabaseUrl;

    /// A PostgreSQL in which databases may be made, and the mark of those of one test.
    #[derive(Clone)]
    pub(crate) struct Server {
        admin: String,
        mark: String,
    }

    impl Server {
        pub(super) fn new() -> Self {
            sqlx::any::install_default_drivers();
            let admin = std::env::var("SOAPGATE_TEST_POSTGRES");
            let admin = admin.expect("SOAPGATE_TEST_POSTGRES is not set: run tests/counterparts/run.py postgres");
            let mut random = [0; 8];
            getrandom::fill(&mut random).expect("random numbers");
            Self { admin, mark: format!("{:016x}", u64::from_be_bytes(random)) }
        }

        /// A new database, made with further words of SQL.
        pub(crate) async fn database_with(&self, name: &str, options: &str) -> DatabaseUrl {
            self.execute(format!("CREATE DATABASE {name}_{} {options}", self.mark)).await;
            DatabaseUrl::parse(&self.url(name)).expect("a url")
        }

        /// The url of a database that was made here, with its password.
        pub(crate) fn url(&self, name: &str) -> String {
            let (server, _) = self.admin.rsplit_once('/').expect("a url with a database");
            format!("{server}/{name}_{}", self.mark)
        }

        /// The name of a user that a test may make, and must remove.
        pub(crate) fn role(&self) -> String {
            format!("role_{}", self.mark)
        }

        pub(super) async fn remove(&self) {
            for name in ["soapgate", "another"] {
                self.execute(format!("DROP DATABASE IF EXISTS {name}_{} WITH (FORCE)", self.mark)).await;
            }
        }

        async fn execute(&self, statement: String) {
            let mut connection = AnyConnection::connect(&self.admin).await.expect("the server answers");
            connection.execute(AssertSqlSafe(statement)).await.expect("it is done");
            connection.close().await.expect("it ends");
        }
    }
}

/// Makes each `async fn name(fresh: Fresh)` a test on every kind of database.
macro_rules! on_every_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(crate::store::suite::harness::sqlite().await).await;
                }
            )*
        }
        #[cfg(feature = "counterparts")]
        mod postgres {
            $(
                #[tokio::test]
                async fn $name() {
                    crate::store::suite::harness::on_postgres(super::$name).await;
                }
            )*
        }
    };
}

pub(crate) use on_every_database;

pub(crate) fn account(identifier: &str) -> AccountId {
    let institution = Institution::parse("01DEMO_INST").expect("a valid code");
    AccountId::parse(&institution, identifier).expect("a valid identifier")
}

pub(crate) fn integration(user: &str) -> IntegrationName {
    IntegrationName::parse(&format!("AlmaSDK-{user}-institutionCode-01DEMO_INST")).expect("a valid name")
}

pub(crate) fn hash(text: &str) -> StoredHash {
    StoredHash::new(format!("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ${text}"))
}

pub(crate) fn new_account(identifier: &str) -> NewAccountRecord {
    NewAccountRecord { account: account(identifier), hash: Some(hash("one")), must_change: false, expires_at: None }
}

pub(crate) const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}
