//! The log's statements.

pub(super) mod activity;
pub(super) mod streams;

use std::sync::Arc;

use super::draft::Draft;
use super::record::{RecordKind, Sealed, Status};
use crate::platform::usage::{self, Added};
use crate::sql::{Db, Migration, Row, SqlError, Tx, Value, params};
use crate::{CallId, StreamId, Timestamp};

/// The log's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "log", include_str!("../../../../migrations/oplog_0001.sql")),
    Migration {
        sqlite: Some(include_str!("../../../../migrations/oplog_0002_sqlite.sql")),
        ..Migration::new(2, "who writes a stream", include_str!("../../../../migrations/oplog_0002.sql"))
    },
    // Where an index can leave out the calls that are settled.
    Migration {
        mysql: Some(""),
        ..Migration::new(3, "the index of open calls", include_str!("../../../../migrations/oplog_0003.sql"))
    },
];

/// How long an idempotency key is kept, in microseconds: a day.
const KEY_LIFE_US: i64 = 24 * 60 * 60 * 1_000_000;
/// Keys that one sweep forgets at most.
const SWEEP: i64 = 1_000;

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
    /// What is kept of it.
    pub reply: Kept,
}

/// What is kept of the call that had an idempotency key first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It still runs, or it is not settled yet.
    Running,
    /// It is not known whether it took effect.
    Unknown,
    /// It took effect; its reply was too large to keep.
    Nothing,
    /// It took effect; its reply as JSON.
    Reply(Arc<str>),
}

/// What stands in the place of a reply that is not kept.
const NOTHING: &str = "null";
/// What stands in the place of a reply that nobody knows.
const UNKNOWN: &str = "unknown";

impl Kept {
    fn read(output: Option<&str>) -> Self {
        match output {
            None => Self::Running,
            Some(UNKNOWN) => Self::Unknown,
            Some(NOTHING) => Self::Nothing,
            Some(reply) => Self::Reply(reply.into()),
        }
    }
}

/// One record to append.
#[derive(Debug, Clone)]
pub(super) struct Append {
    pub draft: Arc<Draft>,
    /// The idempotency key that an intent takes.
    pub key: Option<Key>,
    /// The reply that an outcome keeps for whoever repeats the call or asks for it later; of a call that failed, its
    /// error.
    pub reply: Option<Arc<str>>,
}

/// What became of a batch: the new head and, for each entry, its place or who came first with its key; `None` when
/// the stream was fenced, and nothing was written.
pub(super) type Appended = Option<(Head, Vec<Result<i64, Earlier>>)>;

/// Appends a batch: seals each record behind the one before and keeps the index of calls and the figures in step. An
/// outcome of a call that somebody else has settled meanwhile is left out.
pub(super) async fn append(tx: &mut Tx, head: &Head, batch: &[Append]) -> Result<Appended, SqlError> {
    if !streams::beat_in(tx, head.stream).await? {
        return Ok(None);
    }
    let mut head = head.clone();
    let stream = head.stream.to_string();
    let mut places = Vec::with_capacity(batch.len());
    let mut records = Vec::with_capacity(batch.len());
    let mut calls = Vec::with_capacity(batch.len());
    let mut added = Added::default();
    for entry in batch {
        let outcome = entry.draft.header().kind == RecordKind::Outcome;
        if let Some(key) = &entry.key
            && let Some(earlier) = claim(tx, key, &entry.draft).await?
        {
            places.push(Err(earlier));
            continue;
        }
        if entry.draft.is_followed() {
            follow(tx, &entry.draft).await?;
        }
        let seq = head.seq + 1;
        if outcome {
            // The index row of the intent may stand in this same batch.
            insert_calls(tx, &mut calls).await?;
            if !settle(tx, entry, &stream, seq).await? {
                places.push(Ok(head.seq));
                continue;
            }
        }
        let sealed = entry.draft.seal(head.stream, seq, &head.hash).map_err(|_| SqlError::OutOfRange)?;
        head = Head { seq, hash: sealed.hash.clone(), ..head };
        records.push(record_row(&stream, seq, sealed));
        added.record(entry.draft.header());
        if !outcome {
            calls.push(call_row(&entry.draft, &stream, seq));
        }
        places.push(Ok(seq));
    }
    let sql = "INSERT INTO op_record (stream_id, seq, header, payload, hash) VALUES (?, ?, ?, ?, ?)";
    tx.execute_many(sql, &records).await?;
    insert_calls(tx, &mut calls).await?;
    usage::add(tx, head.stream, &added).await?;
    Ok(Some((head, places)))
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

/// Takes an idempotency key, or says who has it. A key that has run out is taken over.
async fn claim(tx: &mut Tx, key: &Key, draft: &Draft) -> Result<Option<Earlier>, SqlError> {
    let header = draft.header();
    let (call, now) = (header.call.to_string(), header.at.as_micros());
    let sql = "DELETE FROM op_key WHERE scope = ? AND created_at < ?";
    tx.execute(sql, params![&key.scope, now - KEY_LIFE_US]).await?;
    let sql = "INSERT INTO op_key (scope, call_id, input_hash, created_at, output) VALUES (?, ?, ?, ?, NULL)";
    match tx.try_execute(sql, params![&key.scope, call, &key.input_hash, now]).await {
        Ok(_) => Ok(None),
        Err(error) if error.is_unique_violation() => earlier(tx, key).await,
        Err(error) => Err(error),
    }
}

/// Makes a place for the end of a call, among the keys: the id of a call is no hash, so the two never meet.
async fn follow(tx: &mut Tx, draft: &Draft) -> Result<(), SqlError> {
    let header = draft.header();
    let (call, now) = (header.call.to_string(), header.at.as_micros());
    let sql =
        "INSERT INTO op_key (scope, call_id, input_hash, created_at, output) VALUES (?, ?, '', ?, NULL)";
    tx.execute(sql, params![call.as_str(), call.as_str(), now]).await.map(drop)
}

/// Forgets keys that have run out, a bounded number at a time; answers how many.
pub(super) async fn sweep_keys(db: &Db, now: Timestamp) -> Result<u64, SqlError> {
    let sql = "SELECT scope FROM op_key WHERE created_at < ? ORDER BY created_at LIMIT ?";
    let old = db.fetch_all(sql, params![now.as_micros() - KEY_LIFE_US, SWEEP]).await?;
    let scopes = old.iter().map(|row| Ok(vec![Value::from(row.text("scope")?.to_owned())]));
    let scopes = scopes.collect::<Result<Vec<_>, SqlError>>()?;
    db.write_with(scopes, |scopes, tx| {
        Box::pin(async move { tx.execute_many("DELETE FROM op_key WHERE scope = ?", scopes).await })
    })
    .await
}

async fn earlier(tx: &mut Tx, key: &Key) -> Result<Option<Earlier>, SqlError> {
    let sql = "SELECT call_id, input_hash, output FROM op_key WHERE scope = ?";
    let row = tx.fetch_one(sql, params![&key.scope]).await?;
    Ok(Some(Earlier {
        call: id(row.text("call_id")?)?,
        input_hash: row.text("input_hash")?.to_owned(),
        reply: Kept::read(row.opt_text("output")?),
    }))
}

/// Notes in the index how a call ended, and keeps its reply for its key and for who asks later; a call that changed nothing gives its key
/// back. Answers whether the call was open: of outcomes that come twice, from two servers even, the first counts.
async fn settle(tx: &mut Tx, entry: &Append, stream: &str, seq: i64) -> Result<bool, SqlError> {
    let header = entry.draft.header();
    let call = header.call.to_string();
    let sql = "UPDATE op_call SET status = ?, outcome_stream_id = ?, outcome_seq = ? \
               WHERE id = ? AND status = 'pending'";
    if tx.execute(sql, params![header.status.as_str(), stream, seq, call.as_str()]).await? == 0 {
        return Ok(false);
    }
    match header.status {
        Status::Ok | Status::Unknown => {
            let instead = if header.status == Status::Ok { NOTHING } else { UNKNOWN };
            let reply = entry.reply.as_deref().unwrap_or(instead);
            let sql = "UPDATE op_key SET output = ? WHERE call_id = ?";
            tx.execute(sql, params![reply, call.as_str()]).await?
        }
        _ => {
            if let Some(error) = &entry.reply {
                let sql = "UPDATE op_key SET output = ? WHERE scope = ?";
                tx.execute(sql, params![error.as_ref(), call.as_str()]).await?;
            }
            let sql = "DELETE FROM op_key WHERE call_id = ? AND scope <> ?";
            tx.execute(sql, params![call.as_str(), call.as_str()]).await?
        }
    };
    Ok(true)
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

/// The intents without an outcome in other streams that have ended, in order, after a place.
pub(super) async fn pending_after(
    db: &Db,
    own: StreamId,
    after: &(String, i64),
    limit: i64,
) -> Result<Vec<Stored>, SqlError> {
    let sql = "SELECT r.stream_id, r.seq, r.header, r.payload, r.hash FROM op_call c \
               JOIN op_record r ON r.stream_id = c.stream_id AND r.seq = c.seq \
               JOIN op_stream s ON s.id = c.stream_id AND (s.closed_at IS NOT NULL OR s.fenced_at IS NOT NULL) \
               WHERE c.status = 'pending' AND c.stream_id <> ? \
               AND (c.stream_id > ? OR (c.stream_id = ? AND c.seq > ?)) ORDER BY c.stream_id, c.seq LIMIT ?";
    let (stream, seq) = after;
    let values = params![own.to_string(), stream, stream, *seq, limit];
    db.fetch_all(sql, values).await?.iter().map(Stored::from_row).collect()
}

/// Where a stream really stands, after a commit whose fate is not known.
pub(super) async fn head(db: &Db, stream: StreamId) -> Result<Option<Head>, SqlError> {
    let sql = "SELECT seq, hash FROM op_record WHERE stream_id = ? ORDER BY seq DESC LIMIT 1";
    let row = db.fetch_optional(sql, params![stream.to_string()]).await?;
    row.map(|row| Ok(Head { stream, seq: row.int("seq")?, hash: row.text("hash")?.to_owned() })).transpose()
}

/// Whether a call is known and has no outcome yet.
pub(super) async fn is_pending(db: &Db, call: CallId) -> Result<bool, SqlError> {
    let sql = "SELECT status FROM op_call WHERE id = ?";
    let row = db.fetch_optional(sql, params![call.to_string()]).await?;
    row.map_or(Ok(false), |row| Ok(row.text("status")? == "pending"))
}

/// When the oldest intent without an outcome was written.
pub(super) async fn oldest_open(db: &Db) -> Result<Option<Timestamp>, SqlError> {
    let row = db.fetch_one("SELECT MIN(at) AS at FROM op_call WHERE status = 'pending'", params![]).await?;
    Ok(row.opt_int("at")?.map(Timestamp::from_micros))
}

/// The streams that have records.
pub(super) async fn record_streams(db: &Db) -> Result<Vec<String>, SqlError> {
    let rows = db.fetch_all("SELECT DISTINCT stream_id FROM op_record ORDER BY stream_id", params![]).await?;
    rows.iter().map(|row| row.text("stream_id").map(str::to_owned)).collect()
}
