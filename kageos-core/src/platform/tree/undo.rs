//! Taking a change of the tree back: the receipt says what was changed, and another action sets it back.

use std::sync::Arc;

use serde_json::Value;

use super::actions::DirectoryAction;
use super::directory::DirectoryHost;
use super::node::Node;
use super::snapshot::Snapshot;
use super::store;
use crate::{CallId, Change, ChangeOp, Code, Error, ResourcePath, Result, Timestamp};

impl DirectoryHost {
    /// The action that sets back what the call in `input` did, and where. It is planned like any other, with its rights.
    pub(super) async fn inverse(
        &self,
        tree: &Snapshot,
        input: &Value,
    ) -> Result<(ResourcePath, DirectoryAction)> {
        let named: Option<CallId> =
            input.get("call").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let named = named.ok_or_else(|| Error::field("/call", "schema", "This is not the id of a call."))?;
        let receipt = store::read_receipt(&self.tree.db, named).await?.ok_or_else(unsupported)?;
        let (at, changes) = (receipt.applied_at, receipt.changes);
        // The first change is the top of what was changed.
        let top = changes.first().ok_or_else(unsupported)?;
        match top.op {
            ChangeOp::Create | ChangeOp::Restore => {
                let node = unchanged(tree, &top.path, at)?;
                if tree.subtree(node).iter().any(|one| one.updated_at != at) {
                    return Err(changed(&top.path));
                }
                Ok((top.path.clone(), DirectoryAction::Delete {}))
            }
            ChangeOp::Delete => {
                let parent = top.path.parent().and_then(|path| tree.get(&path).cloned());
                let parent = parent.ok_or_else(|| changed(&top.path))?;
                let last = store::deleted_below(&self.tree.db, parent.id, &top.path).await?;
                if last.first().is_none_or(|one| one.at != at) {
                    return Err(changed(&top.path));
                }
                let name = top.path.as_str().rsplit('/').next().unwrap_or_default();
                Ok((parent.path.clone(), DirectoryAction::Restore { code: name.to_owned() }))
            }
            ChangeOp::Update => set_back(tree, top, at),
            ChangeOp::Purge => Err(unsupported()),
        }
    }
}

/// The path or the text as it was.
fn set_back(tree: &Snapshot, top: &Change, at: Timestamp) -> Result<(ResourcePath, DirectoryAction)> {
    let text = |side: &Option<Value>, key: &str| {
        side.as_ref().and_then(|side| side.get(key)).and_then(Value::as_str).map(str::to_owned)
    };
    if let (Some(from), Some(to)) = (text(&top.old, "path"), text(&top.new, "path")) {
        let (from, to): (ResourcePath, ResourcePath) = (from.parse()?, to.parse()?);
        unchanged(tree, &to, at)?;
        return Ok(match (from.parent(), to.parent()) {
            (Some(parent), above) if Some(&parent) != above.as_ref() => {
                (to, DirectoryAction::Move { to: parent })
            }
            _ => (to, DirectoryAction::Rename { code: from.code().to_owned() }),
        });
    }
    let old = top.old.as_ref().filter(|old| old.get("title").is_some()).ok_or_else(unsupported)?;
    unchanged(tree, &top.path, at)?;
    let tags = old.get("tags").cloned().and_then(|tags| serde_json::from_value(tags).ok());
    let (title, description) = (text(&top.old, "title"), text(&top.old, "description"));
    Ok((top.path.clone(), DirectoryAction::Describe { title, description, tags }))
}

/// The node at a path, when nothing has changed it since.
fn unchanged<'t>(tree: &'t Snapshot, path: &ResourcePath, at: Timestamp) -> Result<&'t Arc<Node>> {
    tree.get(path).filter(|node| node.updated_at == at).ok_or_else(|| changed(path))
}

fn changed(path: &ResourcePath) -> Error {
    Error::new(Code::UndoConflict, format!("{path} has changed since."))
}

fn unsupported() -> Error {
    Error::new(Code::UndoUnsupported, "What the call changed is not kept any more, or cannot be taken back.")
}
