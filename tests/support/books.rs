//! Whether a database's books are in order: the trail has no hole, every flag was opened, the totals are what counting
//! gives.

use sqlx::{AnyConnection, Connection, Row};

/// One total of the books, as counted: institution, state, label, number.
pub(crate) const COUNTED: &str = "\
    SELECT institution, state, 'all' AS label, COUNT(*) AS total FROM flag GROUP BY institution, state \
    UNION ALL SELECT institution, state, 'severity:' || severity, COUNT(*) FROM flag \
    GROUP BY institution, state, severity \
    UNION ALL SELECT flag.institution, flag.state, 'reason:' || flag_reason.reason, COUNT(*) \
    FROM flag JOIN flag_reason ON flag_reason.flag_id = flag.id \
    WHERE flag_reason.cleared_at IS NULL OR NOT EXISTS (SELECT 1 FROM flag_reason AS other \
    WHERE other.flag_id = flag.id AND other.cleared_at IS NULL) \
    GROUP BY flag.institution, flag.state, flag_reason.reason ORDER BY 1, 2, 3";
const KEPT: &str = "SELECT institution, state, label, total FROM flag_total WHERE total <> 0 ORDER BY 1, 2, 3";

/// Asserts it of the database at `url`; gives how many flags there are.
pub(crate) async fn check_books(url: &str) -> u64 {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.expect("the database opens");
    let number = async |connection: &mut AnyConnection, query: &'static str| -> i64 {
        sqlx::query(query).fetch_one(connection).await.expect(query).get(0)
    };
    let rows = number(&mut connection, "SELECT COUNT(*) FROM trail").await;
    let last = number(&mut connection, "SELECT COALESCE(MAX(seq), 0) FROM trail").await;
    let first = number(&mut connection, "SELECT COALESCE(MIN(seq), 1) FROM trail").await;
    let head = number(&mut connection, "SELECT seq FROM trail_head").await;
    assert_eq!((first, last, head), (1, rows, rows), "the trail has a hole");
    let unopened = "SELECT COUNT(*) FROM flag WHERE (SELECT COUNT(*) FROM trail WHERE trail.flag_id = flag.id AND \
                    trail.event = 'open') <> 1";
    assert_eq!(number(&mut connection, unopened).await, 0, "flags without their opening in the trail");
    let adrift = "SELECT COUNT(*) FROM flag_reason JOIN flag ON flag.id = flag_reason.flag_id WHERE \
                  flag_reason.flag_state <> flag.state OR flag_reason.flag_severity <> flag.severity OR \
                  flag_reason.flag_opened_at <> flag.opened_at OR flag_reason.flag_institution <> flag.institution OR \
                  flag_reason.flag_identifier <> flag.identifier OR \
                  (flag_reason.is_telling = 1) <> (flag_reason.cleared_at IS NULL OR NOT EXISTS (SELECT 1 \
                  FROM flag_reason AS other WHERE other.flag_id = flag.id AND other.cleared_at IS NULL))";
    assert_eq!(number(&mut connection, adrift).await, 0, "reasons that do not follow their flag");
    let mut read = async |query: &'static str| -> Vec<(String, String, String, i64)> {
        let rows = sqlx::query(query).fetch_all(&mut connection).await.expect(query);
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
    };
    assert_eq!(read(KEPT).await, read(COUNTED).await, "the totals are not what counting gives");
    let flags = number(&mut connection, "SELECT COUNT(*) FROM flag").await;
    connection.close().await.expect("closed");
    u64::try_from(flags).expect("a count")
}
