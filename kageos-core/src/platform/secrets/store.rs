//! The statements about secrets.

use super::SecretInfo;
use crate::sql::{self, Db, Migration, SqlError, Tx, params};
use crate::{NodeId, Origin, Timestamp, UserId};

/// The table of secrets.
pub const MIGRATIONS: &[Migration] =
    &[Migration::new(1, "secret", include_str!("../../../migrations/secret_0001.sql"))];

/// A secret as it lies in the database.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) sealed: String,
    pub(super) key_id: String,
}

pub(super) async fn insert(
    tx: &mut Tx,
    workspace: NodeId,
    row: &Row,
    by: Option<UserId>,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "INSERT INTO workspace_secret (workspace_id, name, origin, sealed, key_id, changed_at, changed_by) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let by = by.map(|id| id.to_string());
    let (workspace, origin) = (workspace.to_string(), row.origin.to_string());
    let values = params![workspace, &row.name, origin, &row.sealed, &row.key_id, at.as_micros(), by];
    tx.execute(sql, values).await.map(drop)
}

/// Whether there was one.
pub(super) async fn remove(tx: &mut Tx, workspace: NodeId, name: &str) -> Result<bool, SqlError> {
    let sql = "DELETE FROM workspace_secret WHERE workspace_id = ? AND name = ?";
    Ok(tx.execute(sql, params![workspace.to_string(), name]).await? == 1)
}

/// Forgets all of a workspace.
pub(in crate::platform) async fn forget(tx: &mut Tx, workspace: NodeId) -> Result<(), SqlError> {
    let sql = "DELETE FROM workspace_secret WHERE workspace_id = ?";
    tx.execute(sql, params![workspace.to_string()]).await.map(drop)
}

pub(super) async fn count(tx: &mut Tx, workspace: NodeId) -> Result<usize, SqlError> {
    let sql = "SELECT COUNT(*) AS secrets FROM workspace_secret WHERE workspace_id = ?";
    let row = tx.fetch_one(sql, params![workspace.to_string()]).await?;
    row.int("secrets")?.try_into().map_err(|_| SqlError::OutOfRange)
}

pub(super) async fn list(db: &Db, workspace: NodeId) -> Result<Vec<SecretInfo>, SqlError> {
    let sql = "SELECT name, origin, changed_at, changed_by FROM workspace_secret WHERE workspace_id = ? ORDER BY name";
    let rows = db.fetch_all(sql, params![workspace.to_string()]).await?;
    let info = |row: &sql::Row| {
        Ok(SecretInfo {
            name: row.text("name")?.to_owned(),
            origin: read(row.text("origin")?)?,
            changed_at: Timestamp::from_micros(row.int("changed_at")?),
            changed_by: row.opt_text("changed_by")?.map(read).transpose()?,
        })
    };
    rows.iter().map(info).collect()
}

pub(super) async fn sealed(db: &Db, workspace: NodeId) -> Result<Vec<Row>, SqlError> {
    let sql = "SELECT name, origin, sealed, key_id FROM workspace_secret WHERE workspace_id = ?";
    db.fetch_all(sql, params![workspace.to_string()]).await?.iter().map(row).collect()
}

pub(super) async fn not_sealed_with(
    db: &Db,
    key_id: &str,
    most: usize,
) -> Result<Vec<(NodeId, Row)>, SqlError> {
    let sql = "SELECT workspace_id, name, origin, sealed, key_id FROM workspace_secret WHERE key_id <> ? \
               ORDER BY workspace_id, name LIMIT ?";
    let most = i64::try_from(most).map_err(|_| SqlError::OutOfRange)?;
    let rows = db.fetch_all(sql, params![key_id, most]).await?;
    rows.iter().map(|found| Ok((read(found.text("workspace_id")?)?, row(found)?))).collect()
}

/// The keys that have sealed something: one, or two while one is replaced.
pub(super) async fn keys(db: &Db) -> Result<Vec<String>, SqlError> {
    let sql = "SELECT DISTINCT key_id FROM workspace_secret";
    let rows = db.fetch_all(sql, params![]).await?;
    rows.iter().map(|row| Ok(row.text("key_id")?.to_owned())).collect()
}

/// Puts a text in place of the one that was read; a secret that was set anew meanwhile stays. Answers how many.
pub(super) async fn replace(db: &Db, workspace: NodeId, old: &Row, new: &Row) -> Result<u64, SqlError> {
    let sql = "UPDATE workspace_secret SET sealed = ?, key_id = ? WHERE workspace_id = ? AND name = ? AND sealed = ?";
    let workspace = workspace.to_string();
    db.execute(sql, params![&new.sealed, &new.key_id, workspace, &new.name, &old.sealed]).await
}

fn row(row: &sql::Row) -> Result<Row, SqlError> {
    Ok(Row {
        name: row.text("name")?.to_owned(),
        origin: read(row.text("origin")?)?,
        sealed: row.text("sealed")?.to_owned(),
        key_id: row.text("key_id")?.to_owned(),
    })
}

fn read<T: std::str::FromStr>(text: &str) -> Result<T, SqlError> {
    text.parse().map_err(|_| SqlError::OutOfRange)
}
