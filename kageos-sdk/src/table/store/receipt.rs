//! Proofs that calls took effect.

use crate::table::Result;
use kageos_core::{CallId, Change, Error, Receipt, Timestamp, host::Omitted, sql::params};
use serde::Deserialize;

use super::{Store, error::storage};

/// Receipts that one purge removes, so that no writer waits long.
const PURGE_BLOCK: u32 = 1000;

/// What the request hash of a receipt says when the call was given up: it can take effect no more.
const FENCED: &str = "fenced";

/// What a receipt says of the changes: a list, or when that is too long an object in its place.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Whole(Vec<Change>),
    Omitted(Omitted),
}

/// Changes as a receipt keeps them.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) json: String,
    /// Whether every change is in it.
    pub(super) whole: bool,
}

/// The changes as a receipt keeps them in `room` bytes; what does not fit is summed up.
pub(super) fn kept(changes: &[Change], hash: &str, room: usize) -> Result<Text> {
    let json = serde_json::to_string(changes).map_err(Error::internal)?;
    if json.len() <= room {
        return Ok(Text { json, whole: true });
    }
    let mut paths: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
    paths.sort_unstable();
    paths.dedup();
    let omitted = Omitted { rows: changes.len() as u64, sha256: hash.to_owned(), paths };
    Ok(Text { json: serde_json::to_string(&omitted).map_err(Error::internal)?, whole: false })
}

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
        if row.text("request_hash").map_err(storage)? == FENCED {
            return Ok(None);
        }
        let output = row.opt_text("output").map_err(storage)?.map(serde_json::from_str).transpose();
        let kept = row.opt_text("changes").map_err(storage)?.map(serde_json::from_str).transpose();
        let (changes, omitted) = match kept.map_err(Error::internal)? {
            Some(Kept::Whole(changes)) => (changes, None),
            Some(Kept::Omitted(omitted)) => (Vec::new(), Some(omitted)),
            None => (Vec::new(), None),
        };
        Ok(Some(Receipt {
            call,
            request_hash: row.text("request_hash").map_err(storage)?.to_owned(),
            output: output.map_err(Error::internal)?,
            changes,
            omitted,
            changes_hash: row.text("changes_hash").map_err(storage)?.to_owned(),
            applied_at: Timestamp::from_micros(row.int("applied_at").map_err(storage)?),
        }))
    }

    /// The receipt of a call that is given up. Without one its place is taken, so that a process that was stopped and
    /// goes on cannot apply the call any more.
    ///
    /// # Errors
    /// What the database answers; then nothing is known.
    pub async fn fence(&self, call: CallId) -> Result<Option<Receipt>> {
        let sql =
            "INSERT INTO receipt (call_id, request_hash, changes_hash, applied_at) VALUES (?, ?, '', ?)";
        let values = params![call.to_string(), FENCED, self.env.now().as_micros()];
        match self.db.execute(sql, values).await {
            Ok(_) => Ok(None),
            Err(error) if error.is_unique_violation() => self.receipt(call).await,
            Err(error) => Err(storage(error)),
        }
    }

    /// Removes some of the receipts from before a moment, the oldest first, and answers how many: zero when
    /// there is none left. Ids of calls rise with time, so the key finds them.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn purge_receipts(&self, before: Timestamp) -> Result<u64> {
        // MySQL limits no subquery of the same table unless it is a table of its own.
        let sql = "DELETE FROM receipt WHERE call_id IN (SELECT call_id FROM (SELECT call_id FROM receipt \
                   WHERE call_id < ? AND applied_at < ? ORDER BY call_id LIMIT ?) AS old)";
        let first = CallId::first_at(before).to_string();
        self.db.execute(sql, params![first, before.as_micros(), PURGE_BLOCK]).await.map_err(storage)
    }
}
