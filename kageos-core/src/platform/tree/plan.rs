//! A change of the tree as data: worked out from the snapshot, then applied in one unit.

use super::came_between;
use super::node::Origin;
use super::store::{self, NewNode};
use crate::platform::access::{self, NewGrant};
use crate::sql::{SqlError, Tx};
use crate::{Change, ChangeOp, GrantId, NodeId, ResourcePath, Result, Timestamp};

/// One step of a change. Each repeats what it relies on, so that it fails when something came between.
#[derive(Debug, Clone)]
pub(in crate::platform) enum Step {
    Insert(NewNode),
    Describe { id: NodeId, title: String, description: String, tags: Vec<String> },
    Relocate { id: NodeId, parent: Option<NodeId>, from: ResourcePath, to: ResourcePath },
    Delete { id: NodeId, path: ResourcePath, root: NodeId },
    Restore { node: store::Deleted, parent: NodeId },
    Grant { id: GrantId, new: NewGrant },
    Revoke { grant: GrantId },
}

/// Steps that are applied together, and what they are to people.
#[derive(Debug, Clone, Default)]
pub(in crate::platform) struct Plan {
    pub steps: Vec<Step>,
    pub changes: Vec<Change>,
    pub output: serde_json::Value,
}

impl Plan {
    /// Adds a change of a node as people see it.
    pub(super) fn change(
        &mut self,
        path: &ResourcePath,
        op: ChangeOp,
        old: Option<serde_json::Value>,
        new: Option<serde_json::Value>,
    ) {
        self.changes.push(Change { path: path.clone(), row: None, version: None, op, old, new });
    }

    /// Adds a node made by `origin`, with the change that says so.
    pub(super) fn insert(&mut self, node: NewNode) {
        let new = serde_json::json!({ "title": node.title, "origin": node.origin });
        self.change(&node.path, ChangeOp::Create, None, Some(new));
        self.steps.push(Step::Insert(node));
    }
}

impl NewNode {
    /// A node with a title and nothing else.
    pub(super) fn titled(
        id: NodeId,
        parent: Option<NodeId>,
        path: ResourcePath,
        title: impl Into<String>,
        origin: Origin,
    ) -> Self {
        Self { id, parent, path, title: title.into(), description: String::new(), tags: Vec::new(), origin }
    }
}

/// Counts the state of the tree one up when nodes change; answers whether it was still the one of the plan.
pub(in crate::platform) async fn touch(
    tx: &mut Tx,
    steps: &[Step],
    generation: i64,
) -> std::result::Result<bool, SqlError> {
    let changes = |step: &Step| !matches!(step, Step::Grant { .. } | Step::Revoke { .. });
    if steps.iter().any(changes) { store::touch(tx, generation).await } else { Ok(true) }
}

/// Applies the steps in order.
///
/// # Errors
/// [`crate::Code::Conflict`] when somebody else was first, or what the database answers.
pub(in crate::platform) async fn apply(tx: &mut Tx, steps: &[Step], at: Timestamp) -> Result<()> {
    for step in steps {
        match step {
            Step::Grant { id, new } => access::store::grant(tx, *id, new, at).await.map(drop)?,
            step => apply_to_nodes(tx, step, at).await.map_err(came_between)?,
        }
    }
    Ok(())
}

async fn apply_to_nodes(tx: &mut Tx, step: &Step, at: Timestamp) -> std::result::Result<(), SqlError> {
    match step {
        Step::Insert(node) => store::insert(tx, node, at).await,
        Step::Describe { id, title, description, tags } => {
            store::describe(tx, *id, title, description, tags, at).await
        }
        Step::Relocate { id, parent, from, to } => store::relocate(tx, *id, *parent, from, to, at).await,
        Step::Delete { id, path, root } => store::delete(tx, *id, path, *root, at).await,
        Step::Restore { node, parent } => store::restore(tx, node, *parent, at).await,
        Step::Revoke { grant } => access::store::revoke(tx, *grant).await.map(drop),
        Step::Grant { .. } => Ok(()),
    }
}
