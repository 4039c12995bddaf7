//! What happened to a row.

use crate::table::Result;
use kageos_core::{
    Code, Error, RowId, Timestamp,
    json::canonical,
    sql::{Row as SqlRow, SqlError, params},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{Store, error::storage};
use crate::table::{
    cell::Cell,
    query::{DEFAULT_LIMIT, HistoryEntry, HistoryPage, MAX_LIMIT},
};

/// Adds an entry.
pub(super) const INSERT: &str = "INSERT INTO row_history (id, table_name, row_id, version, op, at, call_id, \
    actor_kind, actor_id, actor_name, source, trace, old_values, new_values) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const SELECT: &str = "SELECT id, version, op, at, call_id, actor_kind, actor_id, actor_name, source, trace, \
    old_values, new_values FROM row_history WHERE table_name = ? AND row_id = ? AND id < ? \
    ORDER BY id DESC LIMIT ?";

impl Store {
    /// What happened to a row, latest first, also after it was purged.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such table, [`Code::InvalidCursor`] and [`Code::CursorMismatch`] for
    /// `next`, else what the database answers.
    pub async fn history(
        &self,
        path: &str,
        id: RowId,
        limit: Option<u32>,
        next: Option<&str>,
    ) -> Result<HistoryPage> {
        let table = self.table(path)?;
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(Error::field("/limit", "range", format!("must be from 1 to {MAX_LIMIT}")));
        }
        let query = canonical(&json!(["history", path, id]));
        let before = match next.map(|next| self.cursors.read(&query, next, 1)).transpose()?.as_deref() {
            None => i64::MAX,
            Some([Cell::Int(before)]) => *before,
            Some(_) => return Err(Error::of(Code::InvalidCursor).at("/next")),
        };
        let values = params![&table.name, id.as_i64(), before, limit + 1];
        let mut rows = self.db.fetch_all(SELECT, values).await.map_err(storage)?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().filter(|_| more).map(|row| row.int("id")).transpose().map_err(storage)?;
        let items = rows.iter().map(entry).collect::<Result<_, SqlError>>().map_err(storage)?;
        Ok(HistoryPage { items, next: last.map(|id| self.cursors.write(&query, &[Cell::Int(id)])) })
    }
}

fn entry(row: &SqlRow) -> Result<HistoryEntry, SqlError> {
    let values = |column| {
        let text = row.opt_text(column)?;
        text.map(|text| serde_json::from_str(text).map_err(|_| SqlError::OutOfRange)).transpose()
    };
    Ok(HistoryEntry {
        version: row.int("version")?,
        op: read(row.text("op")?)?,
        at: Timestamp::from_micros(row.int("at")?),
        actor: row.opt_text("actor_id")?.map(read).transpose()?,
        actor_kind: read(row.text("actor_kind")?)?,
        actor_name: row.text("actor_name")?.to_owned(),
        source: read(row.text("source")?)?,
        call: read(row.text("call_id")?)?,
        trace: row.text("trace")?.to_owned(),
        old: values("old_values")?,
        new: values("new_values")?,
    })
}

/// A value of the contract that is a word, as text.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// A word as a value of the contract.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, SqlError> {
    serde_json::from_value(text.into()).map_err(|_| SqlError::OutOfRange)
}
