//! How many flags stand open for each reason.

use crate::domain::Reason;
use crate::store::patience::in_time;
use crate::store::{FlagTable, StoreError, row};

const OPEN_BY_REASON: &str = "SELECT flag_reason.reason AS reason, COUNT(*) AS total FROM flag_reason \
     JOIN flag ON flag.id = flag_reason.flag_id WHERE flag.state = 'open' GROUP BY flag_reason.reason";

impl FlagTable {
    /// The number of open flags for every reason, zero included. A flag with two reasons counts for both.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_by_reason(&self) -> Result<Vec<(Reason, i64)>, StoreError> {
        let counting = sqlx::query(OPEN_BY_REASON).fetch_all(self.database().pool());
        let rows = in_time(async { counting.await.map_err(StoreError::during("count flags")) }).await?;
        let mut counts: Vec<(Reason, i64)> = Reason::ALL.iter().map(|reason| (*reason, 0)).collect();
        for counted in &rows {
            let code = row::text(counted, "reason")?;
            let total = row::number(counted, "total")?;
            if let Some(count) = counts.iter_mut().find(|(reason, _)| reason.code() == code) {
                count.1 = total;
            }
        }
        Ok(counts)
    }
}
