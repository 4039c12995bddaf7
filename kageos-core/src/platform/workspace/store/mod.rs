//! Statements about the databases of workspaces: the platform's table, and what makes them on a server.

mod maker;

use crate::sql::{Db, Engine, Migration, Row, SqlError, params};
use crate::{NodeId, Timestamp};

pub(super) use maker::Maker;

/// The table of the databases.
pub const MIGRATIONS: &[Migration] =
    &[Migration::new(1, "databases", include_str!("../../../../migrations/workspace_0001.sql"))];

/// Most databases that are looked at together.
const MAX_ENTRIES: u32 = 10_000;

/// A database as it was written down.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub workspace: NodeId,
    pub engine: Engine,
    pub name: String,
    pub account: String,
    /// Sealed.
    pub password: String,
    /// The key that sealed it.
    pub key_id: String,
    /// Whether it was made to the end.
    pub ready: bool,
}

const COLUMNS: &str =
    "SELECT workspace_id, engine, name, account, password, key_id, ready_at FROM workspace_database";

pub(super) async fn entry(db: &Db, workspace: NodeId) -> Result<Option<Entry>, SqlError> {
    let sql = format!("{COLUMNS} WHERE workspace_id = ?");
    db.fetch_optional(sql, params![workspace.to_string()]).await?.as_ref().map(read).transpose()
}

/// Every database, in the order of the workspaces.
pub(super) async fn entries(db: &Db) -> Result<Vec<Entry>, SqlError> {
    let sql = format!("{COLUMNS} ORDER BY workspace_id LIMIT ?");
    db.fetch_all(sql, params![MAX_ENTRIES]).await?.iter().map(read).collect()
}

/// Writes an entry, unless there is one for the workspace.
pub(super) async fn insert(db: &Db, entry: &Entry, at: Timestamp) -> Result<(), SqlError> {
    let sql = "INSERT INTO workspace_database \
               (workspace_id, engine, name, account, password, key_id, created_at, ready_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, NULL)";
    let values = params![
        entry.workspace.to_string(),
        entry.engine.to_string(),
        &entry.name,
        &entry.account,
        &entry.password,
        &entry.key_id,
        at.as_micros(),
    ];
    match db.execute(sql, values).await {
        Err(error) if !error.is_unique_violation() => Err(error),
        _ => Ok(()),
    }
}

/// Notes that a database was made to the end.
pub(super) async fn is_ready(db: &Db, workspace: NodeId, at: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE workspace_database SET ready_at = ? WHERE workspace_id = ?";
    db.execute(sql, params![at.as_micros(), workspace.to_string()]).await.map(drop)
}

/// Puts a password, sealed with another key, in place of the one that was read. Answers how many.
pub(super) async fn replace_password(
    db: &Db,
    entry: &Entry,
    (sealed, key_id): (&str, &str),
) -> Result<u64, SqlError> {
    let sql =
        "UPDATE workspace_database SET password = ?, key_id = ? WHERE workspace_id = ? AND password = ?";
    db.execute(sql, params![sealed, key_id, entry.workspace.to_string(), &entry.password]).await
}

fn read(row: &Row) -> Result<Entry, SqlError> {
    Ok(Entry {
        workspace: row.text("workspace_id")?.parse().map_err(|_| SqlError::OutOfRange)?,
        engine: row.text("engine")?.parse()?,
        name: row.text("name")?.to_owned(),
        account: row.text("account")?.to_owned(),
        password: row.text("password")?.to_owned(),
        key_id: row.text("key_id")?.to_owned(),
        ready: row.opt_int("ready_at")?.is_some(),
    })
}
