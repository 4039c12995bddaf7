//! The statements of files.

use std::str::FromStr;

use sea_query::{Expr, ExprTrait, Query};

use crate::sql::{Db, Migration, Row, SqlError, Tx, build, params};
use crate::{CallId, FileId, NodeId, Timestamp, UserId};

/// The tables of files.
pub const MIGRATIONS: &[Migration] =
    &[Migration::new(1, "files", include_str!("../../../migrations/files_0001.sql"))];

const COLUMNS: [&str; 10] = [
    "id",
    "node_id",
    "state",
    "name",
    "media_type",
    "size",
    "sha256",
    "object_key",
    "created_at",
    "created_by",
];

/// How a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its bytes are coming.
    Uploading,
    /// Its bytes are there, and no call has brought it to a path yet.
    Staged,
    /// It belongs to a function, and nothing names it yet.
    Fresh,
    /// A function makes it in a call that has not ended.
    Made,
    /// Something names it, or it lies in a directory.
    Kept,
    /// It is to be removed.
    Gone,
}

impl State {
    const ALL: [Self; 6] = [Self::Uploading, Self::Staged, Self::Fresh, Self::Made, Self::Kept, Self::Gone];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Staged => "staged",
            Self::Fresh => "fresh",
            Self::Made => "made",
            Self::Kept => "kept",
            Self::Gone => "gone",
        }
    }
}

/// A file as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub id: FileId,
    pub node: Option<NodeId>,
    pub state: State,
    pub name: String,
    pub media_type: String,
    pub size: u64,
    pub sha256: String,
    pub key: String,
    pub created_at: Timestamp,
    pub created_by: Option<UserId>,
}

fn stored(row: &Row) -> Result<Stored, SqlError> {
    let state = row.text("state")?;
    Ok(Stored {
        id: parsed(row.text("id")?)?,
        node: row.opt_text("node_id")?.map(parsed).transpose()?,
        state: State::ALL.into_iter().find(|one| one.as_str() == state).ok_or(SqlError::OutOfRange)?,
        name: row.text("name")?.to_owned(),
        media_type: row.text("media_type")?.to_owned(),
        size: u64::try_from(row.int("size")?).map_err(|_| SqlError::OutOfRange)?,
        sha256: row.opt_text("sha256")?.unwrap_or_default().to_owned(),
        key: row.text("object_key")?.to_owned(),
        created_at: Timestamp::from_micros(row.int("created_at")?),
        created_by: row.opt_text("created_by")?.map(parsed).transpose()?,
    })
}

fn parsed<T: FromStr>(text: &str) -> Result<T, SqlError> {
    text.parse().map_err(|_| SqlError::OutOfRange)
}

/// The files with these ids, in one statement; in no order.
pub(super) async fn find(db: &Db, ids: &[FileId]) -> Result<Vec<Stored>, SqlError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Query::select();
    select.columns(COLUMNS).from("file_object");
    select.and_where(Expr::col("id").is_in(ids.iter().map(ToString::to_string)));
    let (sql, params) = build(db.engine(), &select)?;
    db.fetch_all(sql, &params).await?.iter().map(stored).collect()
}

/// The files that belong to a node, newest first, from before `before`.
pub(super) async fn of_node(
    db: &Db,
    node: NodeId,
    before: Option<FileId>,
    limit: i64,
) -> Result<Vec<Stored>, SqlError> {
    let sql = format!(
        "SELECT {} FROM file_object WHERE node_id = ? AND state IN ('fresh', 'kept') AND id < ? \
         ORDER BY id DESC LIMIT ?",
        COLUMNS.join(", ")
    );
    let before = before.map_or_else(|| "~".to_owned(), |id| id.to_string());
    let rows = db.fetch_all(sql, params![node.to_string(), before, limit]).await?;
    rows.iter().map(stored).collect()
}

pub(super) async fn insert(db: &Db, file: &Stored) -> Result<(), SqlError> {
    let sql = "INSERT INTO file_object (id, node_id, state, name, media_type, size, object_key, created_at, \
               created_by, touched_at) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?)";
    let at = file.created_at.as_micros();
    let row = params![
        file.id.to_string(),
        file.node.map(|id| id.to_string()),
        file.state.as_str(),
        &file.name,
        &file.media_type,
        &file.key,
        at,
        file.created_by.map(|id| id.to_string()),
        at,
    ];
    db.execute(sql, row).await.map(drop)
}

/// The bytes are all there.
pub(super) async fn staged(db: &Db, file: &Stored, at: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE file_object SET state = 'staged', media_type = ?, size = ?, sha256 = ?, touched_at = ? \
               WHERE id = ? AND state = 'uploading'";
    let size = i64::try_from(file.size).map_err(|_| SqlError::OutOfRange)?;
    let row = params![&file.media_type, size, &file.sha256, at.as_micros(), file.id.to_string()];
    expect_one(db.execute(sql, row).await?)
}

/// A staged file becomes one of a node.
pub(super) async fn attach(tx: &mut Tx, file: &Stored, at: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE file_object SET state = ?, node_id = ?, name = ?, touched_at = ? \
               WHERE id = ? AND state = 'staged'";
    let node = file.node.map(|id| id.to_string());
    let row = params![file.state.as_str(), node, &file.name, at.as_micros(), file.id.to_string()];
    tx.execute_expect(sql, row, 1).await
}

/// A file of a node goes, unless a call is about to name it.
pub(super) async fn discard(tx: &mut Tx, file: &Stored, at: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE file_object SET state = 'gone', touched_at = ? WHERE id = ? AND state = ? \
               AND NOT EXISTS (SELECT 1 FROM file_claim WHERE file_claim.file_id = file_object.id)";
    tx.execute_expect(sql, params![at.as_micros(), file.id.to_string(), file.state.as_str()], 1).await
}

/// Marks a file whose upload has no use any more.
pub(super) async fn drop_upload(db: &Db, id: FileId, at: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE file_object SET state = 'gone', touched_at = ? WHERE id = ? \
               AND state IN ('uploading', 'staged')";
    db.execute(sql, params![at.as_micros(), id.to_string()]).await.map(drop)
}

/// Notes that a call names a file. Touching the row first keeps everybody else off it, and the sweep from taking it.
pub(super) async fn claim(tx: &mut Tx, file: FileId, call: CallId, at: Timestamp) -> Result<(), SqlError> {
    let (file, call, at) = (file.to_string(), call.to_string(), at.as_micros());
    let touch = "UPDATE file_object SET touched_at = ? WHERE id = ? AND state IN ('fresh', 'made', 'kept')";
    tx.execute_expect(touch, params![at, file.as_str()], 1).await?;
    tx.execute(
        "DELETE FROM file_claim WHERE file_id = ? AND call_id = ?",
        params![file.as_str(), call.as_str()],
    )
    .await?;
    let sql = "INSERT INTO file_claim (file_id, call_id, claimed_at) VALUES (?, ?, ?)";
    tx.execute(sql, params![file.as_str(), call.as_str(), at]).await.map(drop)
}

/// A staged file becomes one that a running call makes.
pub(super) async fn make(tx: &mut Tx, file: &Stored, call: CallId, at: Timestamp) -> Result<(), SqlError> {
    attach(tx, file, at).await?;
    claim(tx, file.id, call, at).await
}

/// The call took effect: what it named or made stays.
pub(super) async fn keep(tx: &mut Tx, call: CallId, at: Timestamp) -> Result<(), SqlError> {
    let call = call.to_string();
    let sql = "UPDATE file_object SET state = 'kept', touched_at = ? WHERE state IN ('fresh', 'made') \
               AND id IN (SELECT file_id FROM file_claim WHERE call_id = ?)";
    tx.execute(sql, params![at.as_micros(), call.as_str()]).await?;
    tx.execute("DELETE FROM file_claim WHERE call_id = ?", params![call.as_str()]).await.map(drop)
}

/// The call took no effect: what it made goes, and what it named is as it was.
pub(super) async fn release(tx: &mut Tx, call: CallId, at: Timestamp) -> Result<(), SqlError> {
    let call = call.to_string();
    let sql = "UPDATE file_object SET state = 'gone', touched_at = ? WHERE state = 'made' \
               AND id IN (SELECT file_id FROM file_claim WHERE call_id = ?)";
    tx.execute(sql, params![at.as_micros(), call.as_str()]).await?;
    tx.execute("DELETE FROM file_claim WHERE call_id = ?", params![call.as_str()]).await.map(drop)
}

/// Whether a call has claimed a file.
pub(super) async fn claims(db: &Db, call: CallId) -> Result<Vec<FileId>, SqlError> {
    let sql = "SELECT file_id FROM file_claim WHERE call_id = ?";
    let rows = db.fetch_all(sql, params![call.to_string()]).await?;
    rows.iter().map(|row| parsed(row.text("file_id")?)).collect()
}

/// Calls that claimed something before `before` and have not been settled since.
pub(super) async fn old_claims(db: &Db, before: Timestamp, limit: i64) -> Result<Vec<CallId>, SqlError> {
    let sql = "SELECT DISTINCT call_id FROM file_claim WHERE claimed_at < ? ORDER BY call_id LIMIT ?";
    let rows = db.fetch_all(sql, params![before.as_micros(), limit]).await?;
    rows.iter().map(|row| parsed(row.text("call_id")?)).collect()
}

/// Marks what nobody came back for: uploads from before `uploads`, and files that nothing names from before `unused`.
pub(super) async fn expire(
    tx: &mut Tx,
    uploads: Timestamp,
    unused: Timestamp,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE file_object SET state = 'gone', touched_at = ? WHERE state IN ('uploading', 'staged') \
               AND touched_at < ?";
    tx.execute(sql, params![at.as_micros(), uploads.as_micros()]).await?;
    let sql = "UPDATE file_object SET state = 'gone', touched_at = ? WHERE state = 'fresh' AND touched_at < ? \
               AND NOT EXISTS (SELECT 1 FROM file_claim WHERE file_claim.file_id = file_object.id)";
    tx.execute(sql, params![at.as_micros(), unused.as_micros()]).await.map(drop)
}

/// Some files that are to be removed: their ids and keys.
pub(super) async fn gone(db: &Db, limit: i64) -> Result<Vec<(FileId, String)>, SqlError> {
    let sql = "SELECT id, object_key FROM file_object WHERE state = 'gone' ORDER BY touched_at LIMIT ?";
    let rows = db.fetch_all(sql, params![limit]).await?;
    rows.iter().map(|row| Ok((parsed(row.text("id")?)?, row.text("object_key")?.to_owned()))).collect()
}

pub(super) async fn forget(db: &Db, id: FileId) -> Result<(), SqlError> {
    let sql = "DELETE FROM file_object WHERE id = ? AND state = 'gone'";
    db.execute(sql, params![id.to_string()]).await.map(drop)
}

fn expect_one(touched: u64) -> Result<(), SqlError> {
    if touched == 1 { Ok(()) } else { Err(SqlError::RowsAffected { expected: 1, actual: touched }) }
}
