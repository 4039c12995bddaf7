//! A call that takes another one back: the inverse of what it changed, by whoever may do just that.

use super::{Admitted, Dispatcher, calls, rights_of};
use crate::host::Receipt;
use crate::platform::oplog::{Activity, Status};
use crate::{ActionName, Call, Change, ChangeOp, Code, Error, ResourcePath, Result, Right};

impl Dispatcher {
    /// Checks that the call that an undo names took effect here, can be taken back, and that the actor has every right
    /// that this takes: that of the call itself, and on each table the one for what is done to its rows.
    pub(super) async fn with_undo(&self, admitted: Admitted) -> Result<Admitted> {
        if admitted.call.action != ActionName::UNDO {
            return Ok(admitted);
        }
        let named = calls::named_call(&admitted.call.input)?;
        // What is not to be seen and what is not there are the same.
        let missing = || Error::field("/call", "not_found", "There is no such call here.");
        // The outcome of a call that was just answered goes behind.
        self.inner.log.flush().await?;
        let (entry, _) = self.inner.log.call(named).await?.ok_or_else(missing)?;
        if self.where_it_is(&entry) != admitted.call.path {
            return Err(missing());
        }
        if entry.status == Status::Pending {
            return Err(Error::of(Code::InProgress));
        }
        if entry.status != Status::Ok {
            return Err(Error::new(Code::UndoUnsupported, "The call changed nothing."));
        }
        self.may_be_undone(&admitted, &entry)?;
        let receipt = admitted.host.receipt(named).await?.ok_or_else(too_old)?;
        self.may_use(&admitted, &receipt)?;
        Ok(admitted)
    }

    /// Whether the action is one that can be taken back, and the actor may do it.
    fn may_be_undone(&self, admitted: &Admitted, entry: &Activity) -> Result<()> {
        let (call, node) = (&admitted.call, &admitted.node);
        // Taking a taken-back call back does it again; its rows say what right that takes.
        if entry.action == ActionName::UNDO {
            return Ok(());
        }
        let gone = entry.node != Some(node.id);
        let function = self.target(node, &entry.action)?.function;
        let action = function.action(&entry.action).map(super::Action::schema);
        let action = action.filter(|action| action.effect.undoable).ok_or_else(|| {
            Error::new(Code::UndoUnsupported, format!("`{}` cannot be taken back.", entry.action))
        })?;
        let held = self.inner.access.rights(&call.actor, &node.chain, &call.path);
        let mut rights = rights_of(node, action, held).filter(|_| !gone);
        rights.try_for_each(|right| self.inner.access.check(&call.actor, right, &node.chain, &call.path))
    }

    /// Whether who called can take back what the call has changed.
    pub(super) fn is_undoable(&self, admitted: &Admitted, changes: &[Change]) -> bool {
        admitted.action().is_some_and(|action| action.schema().effect.undoable)
            && changes.iter().any(|change| change.row.is_some() || change.path.kind().is_none())
            && self.may_set_back(&admitted.call, changes).is_ok()
    }

    /// Whether a receipt keeps what it takes to set rows back, and the actor may do that.
    fn may_use(&self, admitted: &Admitted, receipt: &Receipt) -> Result<()> {
        if receipt.omitted.is_some() {
            let message = "The call changed more than is kept to take it back.";
            return Err(Error::new(Code::UndoUnsupported, message));
        }
        if receipt.changes.is_empty() {
            return Err(Error::new(Code::UndoUnsupported, "The call changed nothing."));
        }
        self.may_set_back(&admitted.call, &receipt.changes)
    }

    /// Whether the actor may do to the rows what sets them back. Of directories their host knows.
    fn may_set_back(&self, call: &Call, changes: &[Change]) -> Result<()> {
        let Some(workspace) = call.path.workspace().filter(|_| call.path.kind().is_some()) else {
            return Ok(());
        };
        let tree = self.inner.tree.snapshot();
        let mut needed: Vec<(ResourcePath, Right)> = Vec::new();
        // Files that a call made are no rows; they stay.
        for change in changes.iter().filter(|change| change.row.is_some()) {
            let need = (moved(change, &workspace)?, inverse_right(change.op)?);
            if !needed.contains(&need) {
                needed.push(need);
            }
        }
        for (path, right) in needed {
            let gone = || Error::new(Code::UndoConflict, format!("{path} is gone."));
            let node = tree.get(&path).ok_or_else(gone)?;
            for right in [Right::Read, right] {
                // Who may call may not have to know the tables behind it.
                if !self.inner.access.rights(&call.actor, &node.chain, &path).contains(right) {
                    let message = "Taking this back needs rights on the rows that it changed.";
                    return Err(Error::new(Code::Forbidden, message));
                }
            }
        }
        Ok(())
    }
}

/// The table of a change where its workspace lies now.
fn moved(change: &Change, workspace: &ResourcePath) -> Result<ResourcePath> {
    Ok(format!("{workspace}/{}", change.path.in_workspace()).parse()?)
}

/// What it takes to set a row back.
fn inverse_right(op: ChangeOp) -> Result<Right> {
    match op {
        ChangeOp::Create | ChangeOp::Delete | ChangeOp::Restore => Ok(Right::Delete),
        ChangeOp::Update => Ok(Right::Update),
        ChangeOp::Purge => Err(Error::new(Code::UndoUnsupported, "What was removed for good is gone.")),
    }
}

fn too_old() -> Error {
    Error::new(Code::UndoUnsupported, "What the call changed is not kept any more, or never was.")
}
