//! The tree's statements.

use super::node::{Node, NodeKind, Origin};
use crate::host::Receipt;
use crate::sql::{Db, Migration, Row, SqlError, Tx, params};
use crate::{CallId, NodeId, ResourcePath, Timestamp};

/// The tree's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "tree", include_str!("../../../migrations/tree_0001.sql")),
    Migration::new(2, "states and homes", include_str!("../../../migrations/tree_0002.sql")),
];

/// What the request hash of a receipt says when the call was given up: it can take effect no more.
const FENCED: &str = "fenced";

const COLUMNS: &str =
    "SELECT id, parent_id, path, kind, title, description, tags, origin, updated_at FROM tree_node";

/// What is new or changed at a node.
#[derive(Debug, Clone)]
pub(in crate::platform) struct NewNode {
    pub id: NodeId,
    pub parent: Option<NodeId>,
    pub path: ResourcePath,
    pub title: String,
    pub description: String,
    pub tags: Vec<String>,
    pub origin: Origin,
}

const GENERATION: &str = "SELECT generation FROM tree_state WHERE id = 1";

/// Which state of the tree the database holds.
pub(super) async fn generation(db: &Db) -> Result<i64, SqlError> {
    db.fetch_one(GENERATION, params![]).await?.int("generation")
}

/// Counts the state of the tree one up, when it is still the one that a plan was made from; answers whether it was.
/// So changes by several servers come one after the other, each knowing the one before.
pub(super) async fn touch(tx: &mut Tx, generation: i64) -> Result<bool, SqlError> {
    let sql = "UPDATE tree_state SET generation = generation + 1 WHERE id = 1 AND generation = ?";
    Ok(tx.execute(sql, params![generation]).await? == 1)
}

/// Every node that is not deleted, with the number of the state.
pub(super) async fn load(db: &Db) -> Result<(i64, Vec<Node>), SqlError> {
    db.read(|tx| {
        Box::pin(async move {
            let generation = tx.fetch_one(GENERATION, params![]).await?.int("generation")?;
            let rows = tx.fetch_all(format!("{COLUMNS} WHERE path IS NOT NULL"), params![]).await?;
            Ok((generation, rows.iter().map(node).collect::<Result<_, SqlError>>()?))
        })
    })
    .await
}

/// Says which node has the rows of a workspace on its own disk, unless one is named; answers which.
pub(super) async fn settle_home(
    db: &Db,
    workspace: NodeId,
    node: &str,
    at: Timestamp,
) -> Result<String, SqlError> {
    if let Some(node) = home(db, workspace).await? {
        return Ok(node);
    }
    let sql = "INSERT INTO tree_home (workspace_id, node, since) VALUES (?, ?, ?)";
    match db.execute(sql, params![workspace.to_string(), node, at.as_micros()]).await {
        Err(error) if !error.is_unique_violation() => return Err(error),
        _ => {}
    }
    home(db, workspace).await?.ok_or(SqlError::NotFound)
}

/// Which node has the rows of a workspace on its own disk.
pub(super) async fn home(db: &Db, workspace: NodeId) -> Result<Option<String>, SqlError> {
    let sql = "SELECT node FROM tree_home WHERE workspace_id = ?";
    let row = db.fetch_optional(sql, params![workspace.to_string()]).await?;
    row.map(|row| Ok(row.text("node")?.to_owned())).transpose()
}

fn node(row: &Row) -> Result<Node, SqlError> {
    let path: ResourcePath = value(row.text("path")?)?;
    Ok(Node {
        id: value(row.text("id")?)?,
        parent: row.opt_text("parent_id")?.map(value).transpose()?,
        kind: NodeKind::parse(row.text("kind")?).ok_or(SqlError::OutOfRange)?,
        path,
        title: row.text("title")?.to_owned(),
        description: row.text("description")?.to_owned(),
        tags: serde_json::from_str(row.text("tags")?).map_err(|_| SqlError::OutOfRange)?,
        origin: if row.text("origin")? == Origin::Manifest.as_str() {
            Origin::Manifest
        } else {
            Origin::People
        },
        updated_at: Timestamp::from_micros(row.int("updated_at")?),
        chain: [].into(),
    })
}

fn value<T: std::str::FromStr>(text: &str) -> Result<T, SqlError> {
    text.parse().map_err(|_| SqlError::OutOfRange)
}

fn tags(tags: &[String]) -> String {
    serde_json::Value::from(tags).to_string()
}

pub(super) async fn insert(tx: &mut Tx, node: &NewNode, at: Timestamp) -> Result<(), SqlError> {
    let sql = "INSERT INTO tree_node (id, parent_id, path, kind, title, description, tags, origin, created_at, \
               updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let row = params![
        node.id.to_string(),
        node.parent.map(|id| id.to_string()),
        node.path.as_str(),
        NodeKind::of(&node.path).as_str(),
        &node.title,
        &node.description,
        tags(&node.tags),
        node.origin.as_str(),
        at.as_micros(),
        at.as_micros(),
    ];
    tx.try_execute(sql, row).await.map(drop)
}

pub(super) async fn describe(
    tx: &mut Tx,
    id: NodeId,
    title: &str,
    description: &str,
    words: &[String],
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE tree_node SET title = ?, description = ?, tags = ?, updated_at = ? \
               WHERE id = ? AND path IS NOT NULL";
    let row = params![title, description, tags(words), at.as_micros(), id.to_string()];
    tx.execute_expect(sql, row, 1).await
}

/// Gives nodes new paths. `from` is repeated in the statement, so that a move that came first is noticed.
pub(super) async fn relocate(
    tx: &mut Tx,
    id: NodeId,
    parent: Option<NodeId>,
    from: &ResourcePath,
    to: &ResourcePath,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE tree_node SET parent_id = ?, path = ?, updated_at = ? WHERE id = ? AND path = ?";
    let parent = parent.map(|id| id.to_string());
    tx.execute_expect(sql, params![parent, to.as_str(), at.as_micros(), id.to_string(), from.as_str()], 1)
        .await
}

/// Moves a node to the recycle bin; nodes that go together carry the same `root`.
pub(super) async fn delete(
    tx: &mut Tx,
    id: NodeId,
    path: &ResourcePath,
    root: NodeId,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE tree_node SET path = NULL, deleted_path = ?, deleted_by = ?, deleted_at = ?, updated_at = ? \
               WHERE id = ? AND path = ?";
    let at = at.as_micros();
    let row = params![path.as_str(), root.to_string(), at, at, id.to_string(), path.as_str()];
    tx.execute_expect(sql, row, 1).await
}

/// A node in the recycle bin.
#[derive(Debug, Clone)]
pub(in crate::platform) struct Deleted {
    pub id: NodeId,
    pub path: ResourcePath,
    pub at: Timestamp,
}

/// What was last deleted from a directory under the code of `path`, and what went with it, parents first, with the
/// paths that they would have there now. The directory may have moved since.
pub(super) async fn deleted_below(
    db: &Db,
    parent: NodeId,
    path: &ResourcePath,
) -> Result<Vec<Deleted>, SqlError> {
    let name = path.as_str().rsplit('/').next().unwrap_or_default();
    let sql = "SELECT id, deleted_path, deleted_at FROM tree_node WHERE parent_id = ? AND path IS NULL \
               AND deleted_path LIKE ? ESCAPE '!' ORDER BY deleted_at DESC, id DESC LIMIT 1";
    let pattern = format!("%/{}", name.replace('_', "!_"));
    let Some(row) = db.fetch_optional(sql, params![parent.to_string(), pattern]).await? else {
        return Ok(Vec::new());
    };
    let root = deleted(&row)?;
    let sql = "SELECT id, deleted_path, deleted_at FROM tree_node WHERE deleted_by = ? ORDER BY deleted_path";
    let rows = db.fetch_all(sql, params![row.text("id")?]).await?;
    let moved = |row: &Row| {
        let one = deleted(row)?;
        let below = one.path.as_str().strip_prefix(root.path.as_str()).ok_or(SqlError::OutOfRange)?;
        Ok(Deleted { path: value(&format!("{path}{below}"))?, ..one })
    };
    rows.iter().map(moved).collect()
}

/// Some of the workspaces that were deleted before a moment and can still be restored.
pub(in crate::platform) async fn deleted_workspaces(
    db: &Db,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<NodeId>, SqlError> {
    let sql = "SELECT id FROM tree_node WHERE path IS NULL AND deleted_by = id AND kind = ? AND deleted_at < ? \
               ORDER BY deleted_at LIMIT ?";
    let rows = db.fetch_all(sql, params![NodeKind::Workspace.as_str(), before.as_micros(), limit]).await?;
    rows.iter().map(|row| value(row.text("id")?)).collect()
}

/// Takes what was deleted with a workspace out of the recycle bin for ever; the nodes stay, for history names them.
/// Answers whether it was there: not when it was restored meanwhile. The tree counts as changed, so that a restoration
/// that was planned before does not come after.
pub(in crate::platform) async fn give_up(tx: &mut Tx, workspace: NodeId) -> Result<bool, SqlError> {
    let sql =
        "UPDATE tree_node SET deleted_path = NULL, deleted_by = NULL WHERE deleted_by = ? AND path IS NULL";
    let given_up = tx.execute(sql, params![workspace.to_string()]).await? > 0;
    let sql = "UPDATE tree_state SET generation = generation + 1 WHERE id = 1";
    if given_up { tx.execute_expect(sql, params![], 1).await.map(|()| true) } else { Ok(false) }
}

/// Whether a node was given up.
pub(in crate::platform) async fn is_given_up(db: &Db, id: NodeId) -> Result<bool, SqlError> {
    let sql = "SELECT id FROM tree_node WHERE id = ? AND path IS NULL AND deleted_by IS NULL";
    Ok(db.fetch_optional(sql, params![id.to_string()]).await?.is_some())
}

fn deleted(row: &Row) -> Result<Deleted, SqlError> {
    let at = Timestamp::from_micros(row.int("deleted_at")?);
    Ok(Deleted { id: value(row.text("id")?)?, path: value(row.text("deleted_path")?)?, at })
}

pub(super) async fn restore(
    tx: &mut Tx,
    node: &Deleted,
    parent: NodeId,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql = "UPDATE tree_node SET path = ?, parent_id = ?, deleted_path = NULL, deleted_by = NULL, \
               deleted_at = NULL, updated_at = ? WHERE id = ? AND path IS NULL";
    let row = params![node.path.as_str(), parent.to_string(), at.as_micros(), node.id.to_string()];
    tx.execute_expect(sql, row, 1).await
}

pub(in crate::platform) async fn write_receipt(tx: &mut Tx, receipt: &Receipt) -> Result<(), SqlError> {
    let changes = serde_json::to_string(&receipt.changes).map_err(|_| SqlError::OutOfRange)?;
    let output = receipt.output.as_ref().map_or("null", |output| output.get());
    let sql = "INSERT INTO tree_receipt (call_id, applied_at, request_hash, output, changes) VALUES (?, ?, ?, ?, ?)";
    let row = params![
        receipt.call.to_string(),
        receipt.applied_at.as_micros(),
        &receipt.request_hash,
        output,
        changes,
    ];
    tx.execute(sql, row).await.map(drop)
}

/// Receipts that one step forgets at most.
const FORGET: u32 = 1_000;

/// Forgets some of the receipts from before a moment, and answers how many. Ids of calls rise with time, so the key
/// finds them.
pub(super) async fn forget_receipts(db: &Db, before: Timestamp) -> Result<u64, SqlError> {
    let sql = "DELETE FROM tree_receipt WHERE call_id IN (SELECT call_id FROM (SELECT call_id FROM tree_receipt \
               WHERE call_id < ? AND applied_at < ? ORDER BY call_id LIMIT ?) AS old)";
    db.execute(sql, params![CallId::first_at(before).to_string(), before.as_micros(), FORGET]).await
}

/// Takes the place of a receipt, so that a call that was given up cannot take effect later; answers whether it did.
pub(in crate::platform) async fn fence_receipt(
    db: &Db,
    call: CallId,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let sql = "INSERT INTO tree_receipt (call_id, applied_at, request_hash, output, changes) \
               VALUES (?, ?, ?, 'null', '[]')";
    match db.execute(sql, params![call.to_string(), at.as_micros(), FENCED]).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

pub(in crate::platform) async fn read_receipt(db: &Db, call: CallId) -> Result<Option<Receipt>, SqlError> {
    let sql = "SELECT applied_at, request_hash, output, changes FROM tree_receipt WHERE call_id = ?";
    let Some(row) = db.fetch_optional(sql, params![call.to_string()]).await? else { return Ok(None) };
    if row.text("request_hash")? == FENCED {
        return Ok(None);
    }
    let changes = row.text("changes")?;
    let output = serde_json::value::RawValue::from_string(row.text("output")?.to_owned());
    Ok(Some(Receipt {
        call,
        request_hash: row.text("request_hash")?.to_owned(),
        output: output.ok().map(Into::into),
        changes: serde_json::from_str(changes).map_err(|_| SqlError::OutOfRange)?,
        omitted: None,
        changes_hash: crate::platform::oplog::hash_payload(changes),
        applied_at: Timestamp::from_micros(row.int("applied_at")?),
    }))
}

/// The nodes of a workspace in the recycle bin that an app declared, the last deleted of each path.
pub(super) async fn bin(db: &Db, workspace: &ResourcePath) -> Result<Vec<Deleted>, SqlError> {
    let sql = "SELECT id, deleted_path, deleted_at FROM tree_node WHERE deleted_path >= ? AND deleted_path < ? \
               AND origin = 'manifest' ORDER BY deleted_at DESC, id DESC LIMIT 10000";
    let rows = db.fetch_all(sql, params![format!("{workspace}/"), format!("{workspace}0")]).await?;
    rows.iter().map(deleted).collect()
}
