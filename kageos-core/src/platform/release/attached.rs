//! Apps that a developer runs on another machine, in the place of a release.

use super::{Releases, egress_digest, store};
use crate::platform::receipts::Stop;
use crate::{
    Change, ChangeOp, Code, Error, HostCall, HostError, HostReply, Manifest, NodeId, Result, Timestamp,
    UserId,
};

/// An app that a developer has attached to a workspace. Whether it runs now is not written down: who runs it may go away at
/// any time.
#[derive(Debug, Clone, PartialEq)]
pub struct Attached {
    /// The workspace.
    pub workspace: NodeId,
    /// Whose app it is, and who alone may call it.
    pub user: UserId,
    /// Since when.
    pub since: Timestamp,
    /// What it declares.
    pub manifest: Manifest,
    /// What it may reach outside, with consent.
    pub egress_digest: Option<String>,
}

impl Releases {
    /// Lets an app that a developer runs take the workspace, in place of whatever was attached before: who did that, the
    /// nodes that it declares and the call's receipt in one unit.
    ///
    /// # Errors
    /// [`Code::Conflict`] when a release of the workspace is live; what the database answers.
    pub async fn attach(
        &self,
        call: &HostCall,
        attached: Attached,
        output: serde_json::Value,
    ) -> Result<HostReply, HostError> {
        let new = serde_json::json!({ "user": attached.user, "app": attached.manifest.app });
        let (path, row) = (call.path.clone(), Some("attached".to_owned()));
        let change = Change { path, row, version: None, op: ChangeOp::Update, old: None, new: Some(new) };
        let (workspace, manifest) = (attached.workspace, attached.manifest.clone());
        self.declare(call, (workspace, &manifest), (change, output), attached, |(_, attached), tx, _| {
            Box::pin(async move {
                match store::attach(tx, attached).await? {
                    true => Ok(()),
                    false => Err(Stop::Refused(is_live())),
                }
            })
        })
        .await
    }

    /// Whether an app that a developer attaches may reach what it declares: the developer has to consent to that, once for
    /// the same. Answers the digest of what is reached.
    ///
    /// # Errors
    /// As [`Releases::consent`].
    pub async fn consent_attached(
        &self,
        call: &HostCall,
        workspace: NodeId,
        manifest: &Manifest,
        given: Option<&str>,
    ) -> Result<Option<String>> {
        let egress = &manifest.egress;
        if egress.is_empty() {
            return Ok(None);
        }
        let digest = egress_digest(egress);
        if given == Some(digest.as_str()) {
            return Ok(Some(self.given(call, digest.clone(), &digest)?.digest));
        }
        let before = self.attached(workspace).await?.filter(|it| Some(it.user) == call.actor.id);
        match before.is_some_and(|it| it.egress_digest.as_ref() == Some(&digest)) {
            true => Ok(Some(digest)),
            false => Err(super::consent::required(egress, &crate::Egress::default(), &digest)),
        }
    }

    /// What is attached to a workspace.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn attached(&self, workspace: NodeId) -> Result<Option<Attached>> {
        Ok(store::attached(&self.db, workspace).await?)
    }

    /// Every workspace that something is attached to.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn all_attached(&self) -> Result<Vec<NodeId>> {
        Ok(store::all_attached(&self.db).await?)
    }
}

/// An address means the same app to everybody.
fn is_live() -> Error {
    let message = "A release of this workspace is live; an app is attached to a workspace of its own.";
    Error::new(Code::Conflict, message)
}
