//! The log's statements.

pub(super) mod activity;

use std::sync::Arc;

use super::draft::Draft;
use super::record::{RecordKind, Sealed};
use crate::sql::{Db, Migration, Row, SqlError, Tx, Value, params};
use crate::{CallId, StreamId, Timestamp};

/// The log's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "log", include_str!("../../../../migrations/oplog_0001.sql")),
    Migration::new(2, "keys by call", include_str!("../../../../migrations/oplog_0002.sql")),
];

/// Where a stream stands.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub stream: StreamId,
    pub seq: i64,
    pub hash: String,
}

/// An idempotency key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// SHA-256 of actor, path, action and key, hexadecimal.
    pub scope: String,
    /// SHA-256 of the input, hexadecimal.
    pub input_hash: String,
}

/// What an idempotency key was used for before.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// The call that came first.
    pub call: CallId,
    /// SHA-256 of its input, hexadecimal.
    pub input_hash: String,
    /// Its reply as JSON, once it ended well.
    pub reply: Option<Arc<str>>,
}

/// One record to append.
#[derive(Debug)]
pub(super) struct Append {
    pub draft: Draft,
    /// With an intent: to be taken. With an outcome: to be kept with its reply, or given back.
    pub key: Option<Key>,
    pub reply: Option<Arc<str>>,
}

/// What became of a batch: the new head and, for each entry, its place or who came first with its key.
pub(super) type Appended = (Head, Vec<Result<i64, Earlier>>);

pub(super) async fn open_stream(db: &Db, stream: StreamId, at: Timestamp) -> Result<(), SqlError> {
    let sql = "INSERT INTO op_stream (id, started_at, resolved_below, closed_at) VALUES (?, ?, 1, NULL)";
    db.execute(sql, params![stream.to_string(), at.as_micros()]).await.map(drop)
}

pub(super) async fn mark_stream(
    db: &Db,
    stream: StreamId,
    resolved_below: i64,
    closed_at: Option<Timestamp>,
) -> Result<(), SqlError> {
    let sql = "UPDATE op_stream SET resolved_below = ?, closed_at = ? WHERE id = ?";
    let closed = closed_at.map(Timestamp::as_micros);
    db.execute(sql, params![resolved_below, closed, stream.to_string()]).await.map(drop)
}

/// Appends a batch: seals each record behind the one before and keeps the index of calls in step.
pub(super) async fn append(tx: &mut Tx, head: &Head, batch: &[Append]) -> Result<Appended, SqlError> {
    let mut head = head.clone();
    let stream = head.stream.to_string();
    let mut places = Vec::with_capacity(batch.len());
    let mut records = Vec::with_capacity(batch.len());
    let mut calls = Vec::with_capacity(batch.len());
    for entry in batch {
        let outcome = entry.draft.header().kind == RecordKind::Outcome;
        if let Some(key) = entry.key.as_ref().filter(|_| !outcome)
            && let Some(earlier) = claim(tx, key, &entry.draft).await?
        {
            places.push(Err(earlier));
            continue;
        }
        let seq = head.seq + 1;
        let sealed = entry.draft.seal(head.stream, seq, &head.hash).map_err(|_| SqlError::OutOfRange)?;
        head = Head { seq, hash: sealed.hash.clone(), ..head };
        records.push(record_row(&stream, seq, sealed));
        if outcome {
            // The index row of the intent may stand in this same batch.
            insert_calls(tx, &mut calls).await?;
            settle(tx, entry, &stream, seq).await?;
        } else {
            calls.push(call_row(&entry.draft, &stream, seq));
        }
        places.push(Ok(seq));
    }
    let sql = "INSERT INTO op_record (stream_id, seq, header, payload, hash) VALUES (?, ?, ?, ?, ?)";
    tx.execute_many(sql, &records).await?;
    insert_calls(tx, &mut calls).await?;
    Ok((head, places))
}

async fn insert_calls(tx: &mut Tx, calls: &mut Vec<Vec<Value<'static>>>) -> Result<(), SqlError> {
    let sql =
        "INSERT INTO op_call (id, path, workspace, at, status, stream_id, seq) VALUES (?, ?, ?, ?, ?, ?, ?)";
    tx.execute_many(sql, &std::mem::take(calls)).await.map(drop)
}

fn record_row(stream: &str, seq: i64, sealed: Sealed) -> Vec<Value<'static>> {
    vec![
        stream.to_owned().into(),
        seq.into(),
        sealed.header.into(),
        sealed.payload.into(),
        sealed.hash.into(),
    ]
}

fn call_row(draft: &Draft, stream: &str, seq: i64) -> Vec<Value<'static>> {
    let header = draft.header();
    let workspace = header.path.workspace().unwrap_or_else(|| header.path.clone());
    vec![
        header.call.to_string().into(),
        header.path.to_string().into(),
        workspace.to_string().into(),
        header.at.as_micros().into(),
        header.status.as_str().into(),
        stream.to_owned().into(),
        seq.into(),
    ]
}

/// Takes an idempotency key, or says who has it.
async fn claim(tx: &mut Tx, key: &Key, draft: &Draft) -> Result<Option<Earlier>, SqlError> {
    let sql = "INSERT INTO op_key (scope, call_id, input_hash, created_at, output) VALUES (?, ?, ?, ?, NULL)";
    let header = draft.header();
    let row = params![&key.scope, header.call.to_string(), &key.input_hash, header.at.as_micros()];
    match tx.try_execute(sql, row).await {
        Ok(_) => Ok(None),
        Err(error) if error.is_unique_violation() => earlier(tx, key).await,
        Err(error) => Err(error),
    }
}

async fn earlier(tx: &mut Tx, key: &Key) -> Result<Option<Earlier>, SqlError> {
    let sql = "SELECT call_id, input_hash, output FROM op_key WHERE scope = ?";
    let row = tx.fetch_one(sql, params![&key.scope]).await?;
    Ok(Some(Earlier {
        call: id(row.text("call_id")?)?,
        input_hash: row.text("input_hash")?.to_owned(),
        reply: row.opt_text("output")?.map(Arc::from),
    }))
}

/// Notes in the index how a call ended, and keeps its reply for its key; a call that failed gives its key back.
async fn settle(tx: &mut Tx, entry: &Append, stream: &str, seq: i64) -> Result<(), SqlError> {
    let header = entry.draft.header();
    let call = header.call.to_string();
    let sql = "UPDATE op_call SET status = ?, outcome_stream_id = ?, outcome_seq = ? WHERE id = ?";
    tx.execute_expect(sql, params![header.status.as_str(), stream, seq, call.as_str()], 1).await?;
    let Some(Key { scope: key, .. }) = &entry.key else { return Ok(()) };
    match &entry.reply {
        Some(reply) => {
            let sql = "UPDATE op_key SET output = ? WHERE scope = ?";
            tx.execute(sql, params![&**reply, key.as_str()]).await.map(drop)
        }
        None => tx.execute("DELETE FROM op_key WHERE scope = ?", params![key.as_str()]).await.map(drop),
    }
}

fn id<T: std::str::FromStr>(text: &str) -> Result<T, SqlError> {
    text.parse().map_err(|_| SqlError::OutOfRange)
}

/// A record as it lies in the table.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The stream's id as the table has it.
    pub stream: String,
    /// The place as the table has it.
    pub seq: i64,
    /// Header, payload and hash.
    pub sealed: Sealed,
}

impl Stored {
    pub(super) fn from_row(row: &Row) -> Result<Self, SqlError> {
        let sealed = Sealed {
            header: row.text("header")?.to_owned(),
            payload: row.opt_text("payload")?.map(str::to_owned),
            hash: row.text("hash")?.to_owned(),
        };
        Ok(Self { stream: row.text("stream_id")?.to_owned(), seq: row.int("seq")?, sealed })
    }
}

/// The records of a stream after a place, in order.
pub(super) async fn records_after(
    db: &Db,
    stream: &str,
    seq: i64,
    limit: i64,
) -> Result<Vec<Stored>, SqlError> {
    let sql = "SELECT stream_id, seq, header, payload, hash FROM op_record \
               WHERE stream_id = ? AND seq > ? ORDER BY seq LIMIT ?";
    let rows = db.fetch_all(sql, params![stream, seq, limit]).await?;
    rows.iter().map(Stored::from_row).collect()
}

/// A stream: its id, from where on it may have open intents, and whether it was closed.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    /// Its id as the table has it.
    pub id: String,
    /// All intents before this place have an outcome.
    pub resolved_below: i64,
    /// Whether its process ended in order.
    pub closed: bool,
}

/// Every stream, oldest first.
pub(super) async fn streams(db: &Db) -> Result<Vec<Stream>, SqlError> {
    let rows =
        db.fetch_all("SELECT id, resolved_below, closed_at FROM op_stream ORDER BY id", params![]).await?;
    let stream = |row: &Row| {
        Ok(Stream {
            id: row.text("id")?.to_owned(),
            resolved_below: row.int("resolved_below")?,
            closed: row.opt_int("closed_at")?.is_some(),
        })
    };
    rows.iter().map(stream).collect()
}

/// Whether a call is known and has no outcome yet.
pub(super) async fn is_pending(db: &Db, call: CallId) -> Result<bool, SqlError> {
    let sql = "SELECT status FROM op_call WHERE id = ?";
    let row = db.fetch_optional(sql, params![call.to_string()]).await?;
    row.map_or(Ok(false), |row| Ok(row.text("status")? == "pending"))
}

/// The idempotency key that a call took.
pub(super) async fn key_of(db: &Db, call: CallId) -> Result<Option<Key>, SqlError> {
    let sql = "SELECT scope, input_hash FROM op_key WHERE call_id = ?";
    let row = db.fetch_optional(sql, params![call.to_string()]).await?;
    let key = |row: Row| {
        Ok(Key { scope: row.text("scope")?.to_owned(), input_hash: row.text("input_hash")?.to_owned() })
    };
    row.map(key).transpose()
}

/// The streams that have records.
pub(super) async fn record_streams(db: &Db) -> Result<Vec<String>, SqlError> {
    let rows = db.fetch_all("SELECT DISTINCT stream_id FROM op_record ORDER BY stream_id", params![]).await?;
    rows.iter().map(|row| row.text("stream_id").map(str::to_owned)).collect()
}
