//! Proofs that calls took effect.

use crate::table::Result;
use kageos_core::{CallId, Error, Receipt, Timestamp, sql::params};

use super::{Store, error::storage};

/// Receipts that one purge removes, so that no writer waits long.
const PURGE_BLOCK: u32 = 1000;

impl Store {
    /// The receipt of a call; `None` when the call was not applied here.
    ///
    /// # Errors
    /// What the database answers; then nothing is known.
    pub async fn receipt(&self, call: CallId) -> Result<Option<Receipt>> {
        let sql =
            "SELECT request_hash, output, changes, changes_hash, applied_at FROM receipt WHERE call_id = ?";
        let row = self.db.fetch_optional(sql, params![call.to_string()]).await.map_err(storage)?;
        let Some(row) = row else { return Ok(None) };
        let output = row.opt_text("output").map_err(storage)?.map(serde_json::from_str).transpose();
        let changes = row.opt_text("changes").map_err(storage)?.map(serde_json::from_str).transpose();
        Ok(Some(Receipt {
            call,
            request_hash: row.text("request_hash").map_err(storage)?.to_owned(),
            output: output.map_err(Error::internal)?,
            changes: changes.map_err(Error::internal)?.unwrap_or_default(),
            changes_hash: row.text("changes_hash").map_err(storage)?.to_owned(),
            applied_at: Timestamp::from_micros(row.int("applied_at").map_err(storage)?),
        }))
    }

    /// Removes some of the receipts from before a moment, the oldest first, and answers how many: zero when
    /// there is none left.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn purge_receipts(&self, before: Timestamp) -> Result<u64> {
        // MySQL limits no subquery of the same table unless it is a table of its own.
        let sql = "DELETE FROM receipt WHERE call_id IN (SELECT call_id FROM (SELECT call_id FROM receipt \
                   WHERE applied_at < ? ORDER BY applied_at LIMIT ?) AS old)";
        self.db.execute(sql, params![before.as_micros(), PURGE_BLOCK]).await.map_err(storage)
    }
}
