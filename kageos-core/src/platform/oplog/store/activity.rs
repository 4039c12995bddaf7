//! The log as people read it: one entry a call, newest first.

use serde::Serialize;
use serde_json::Value;

use crate::platform::oplog::{Header, Status};
use crate::sql::{Db, Row, SqlError, Value as Param};
use crate::{
    ActionName, Actor, CallId, Change, Code, Error, NodeId, ResourcePath, Result, Source, Timestamp,
};

/// Most entries of a page.
const MAX_PAGE: u32 = 500;

/// Which calls are asked for.
#[derive(Debug, Clone)]
pub struct ActivityQuery {
    /// Calls of this function, or of this directory and everything below it.
    pub path: ResourcePath,
    /// At most so many.
    pub limit: u32,
    /// Where the page before ended.
    pub next: Option<String>,
}

/// One call.
#[derive(Debug, Clone, Serialize)]
pub struct Activity {
    /// The call.
    pub call: CallId,
    /// When it came.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<f64>,
    /// How it stands.
    pub status: Status,
    /// Why it was refused or failed.
    pub code: Option<Code>,
    /// What was called.
    pub path: ResourcePath,
    /// The node that it named, when there was one.
    pub node: Option<NodeId>,
    /// What was asked.
    pub action: ActionName,
    /// Who asked.
    pub actor: Actor,
    /// What started it.
    pub source: Source,
    /// The trace's id.
    pub trace: String,
    /// What it was given, redacted; absent when it was not kept.
    pub input: Option<Value>,
    /// What it changed, redacted.
    pub changes: Vec<Change>,
    /// How many times more the same was refused.
    pub repeated: u32,
    /// The stream of its first record.
    pub stream: String,
    /// The place of its first record.
    pub seq: i64,
}

const COLUMNS: &str = "SELECT c.id, c.at, c.stream_id, c.seq, c.status, r.header, r.payload, \
     o.header AS outcome_header, o.payload AS outcome_payload";
const FROM: &str = " FROM op_call c \
     JOIN op_record r ON r.stream_id = c.stream_id AND r.seq = c.seq \
     LEFT JOIN op_record o ON o.stream_id = c.outcome_stream_id AND o.seq = c.outcome_seq";
const ORDER: &str = " AND (c.at < ? OR (c.at = ? AND c.id < ?)) ORDER BY c.at DESC, c.id DESC LIMIT ?";

pub(in super::super) async fn list(
    db: &Db,
    query: &ActivityQuery,
) -> Result<(Vec<Activity>, Option<String>)> {
    let limit = query.limit.clamp(1, MAX_PAGE);
    let (at, id) = query.next.as_deref().map_or(Ok((i64::MAX, String::from("~"))), read_cursor)?;
    let (condition, mut values) = scope(&query.path);
    values.extend([at.into(), at.into(), id.into(), i64::from(limit + 1).into()]);
    let rows = db.fetch_all(format!("{COLUMNS}{FROM} WHERE {condition}{ORDER}"), &values).await?;
    let more = rows.len() > limit as usize;
    let page = rows.iter().take(limit as usize);
    let items = page.map(entry).collect::<Result<Vec<_>>>()?;
    let next = items.last().filter(|_| more).map(|last| format!("{}-{}", last.at.as_micros(), last.call));
    Ok((items, next))
}

/// One call, with what is kept of its end for who follows it.
pub(in super::super) async fn one(db: &Db, call: CallId) -> Result<Option<(Activity, Option<String>)>> {
    let sql = format!("{COLUMNS}, k.output{FROM} LEFT JOIN op_key k ON k.scope = c.id WHERE c.id = ?");
    let Some(row) = db.fetch_optional(sql, &[call.to_string().into()]).await? else { return Ok(None) };
    Ok(Some((entry(&row)?, row.opt_text("output")?.map(str::to_owned))))
}

/// The condition that picks the calls of a path, and its values.
fn scope(path: &ResourcePath) -> (&'static str, Vec<Param<'static>>) {
    let text = path.to_string();
    // '0' comes right after '/', so this range holds exactly the paths below.
    let (from, to) = (format!("{text}/"), format!("{text}0"));
    match path.depth() {
        _ if path.kind().is_some() => ("c.path = ?", vec![text.into()]),
        1 => (
            "(c.workspace = ? OR (c.workspace >= ? AND c.workspace < ?))",
            vec![text.into(), from.into(), to.into()],
        ),
        2 => ("c.workspace = ?", vec![text.into()]),
        _ => {
            let workspace = path.workspace().map(|it| it.to_string()).unwrap_or_default();
            let values = vec![workspace.into(), text.into(), from.into(), to.into()];
            ("c.workspace = ? AND (c.path = ? OR (c.path >= ? AND c.path < ?))", values)
        }
    }
}

fn read_cursor(text: &str) -> Result<(i64, String)> {
    let parts =
        text.split_once('-').and_then(|(at, id)| Some((at.parse().ok()?, id.parse::<CallId>().ok()?)));
    let (at, id) = parts.ok_or_else(|| Error::of(Code::InvalidCursor).at("/next"))?;
    Ok((at, id.to_string()))
}

fn entry(row: &Row) -> Result<Activity> {
    let first = header(row.opt_text("header")?)?.ok_or(SqlError::NotFound)?;
    let outcome = header(row.opt_text("outcome_header")?)?;
    let last = outcome.as_ref().unwrap_or(&first);
    let (status, code, duration_us, repeated) = (last.status, last.code, last.duration_us, last.repeated);
    let changes = row.opt_text("outcome_payload")?.and_then(|text| serde_json::from_str(text).ok());
    Ok(Activity {
        call: first.call,
        at: first.at,
        duration_ms: duration_us.map(|micros| micros as f64 / 1000.0),
        status,
        code,
        path: first.path,
        node: first.node,
        action: first.action,
        actor: first.actor,
        source: first.source,
        trace: first.trace.id(),
        input: row.opt_text("payload")?.and_then(|text| serde_json::from_str(text).ok()),
        changes: changes.unwrap_or_default(),
        repeated,
        stream: row.text("stream_id")?.to_owned(),
        seq: row.int("seq")?,
    })
}

fn header(text: Option<&str>) -> Result<Option<Header>> {
    text.map(serde_json::from_str).transpose().map_err(Error::internal)
}
