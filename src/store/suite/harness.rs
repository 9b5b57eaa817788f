//! Fresh databases, and the list that makes tests of functions over one.

use tempfile::TempDir;

use crate::domain::{AccountId, Institution, IntegrationName, Timestamp};
use crate::store::{Database, NewAccountRecord, StoredHash};

/// A new database, and what must live as long as it does. More pools can be opened on its url.
pub(crate) struct Fresh {
    pub(crate) database: Database,
    pub(crate) url: String,
    _folder: TempDir,
}

pub(crate) async fn sqlite() -> Fresh {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("soapgate.db").display());
    let database = Database::open(&url).await.expect("a new database opens");
    Fresh { database, url, _folder: folder }
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
