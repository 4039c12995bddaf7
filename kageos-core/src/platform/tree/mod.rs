//! The Service Tree: one address for everything.
//!
//! The tree lives in a snapshot that every call reads without a query. A change is worked out from the snapshot as
//! data, applied in one unit whose statements repeat what they rely on, and read back.

mod actions;
mod directory;
mod node;
mod plan;
mod reconcile;
mod search;
mod snapshot;
mod store;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

pub use actions::directory_actions;
pub use directory::DirectoryHost;
pub use node::{Node, NodeKind, Origin};
pub use search::Hit;
pub use snapshot::Snapshot;
pub use store::MIGRATIONS;
pub(in crate::platform) use store::{read_receipt, write_receipt};

use super::access::{Access, NewGrant, Subject};
use crate::sql::{Db, SqlError};
use crate::{Code, Env, Error, GrantId, Manifest, NodeId, ResourcePath, Result, Role, Timestamp, UserId};
use plan::{Plan, Step};
use store::NewNode;

/// Pause before a snapshot that could not be read back is read again.
const REFRESH_AGAIN: Duration = Duration::from_millis(500);

/// A handle to the tree; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tree {
    db: Db,
    env: Env,
    access: Access,
    snapshot: Arc<ArcSwap<Snapshot>>,
    /// Changes are planned and applied one after the other.
    changing: Arc<Mutex<()>>,
}

impl Tree {
    /// Reads the tree.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn open(db: Db, env: Env, access: Access) -> Result<Self> {
        let tree = Self { db, env, access, snapshot: Arc::default(), changing: Arc::default() };
        tree.reload().await?;
        Ok(tree)
    }

    /// The tree as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Reads the tree anew, after a change by another process.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn reload(&self) -> Result<()> {
        let nodes = store::load(&self.db).await?;
        self.snapshot.store(Arc::new(Snapshot::link(nodes)));
        Ok(())
    }

    /// Makes a namespace that belongs to `owner`; one that is there stays as it is.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn ensure_namespace(&self, path: &ResourcePath, title: &str, owner: UserId) -> Result<NodeId> {
        self.ensure(path, title, "", owner).await
    }

    /// Makes a workspace and, where it is missing, its namespace; both belong to `owner`.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn ensure_workspace(
        &self,
        path: &ResourcePath,
        manifest: &Manifest,
        owner: UserId,
    ) -> Result<NodeId> {
        if let Some(namespace) = path.parent() {
            self.ensure(&namespace, namespace.code(), "", owner).await?;
        }
        self.ensure(path, &manifest.title, &manifest.description, owner).await
    }

    async fn ensure(&self, path: &ResourcePath, title: &str, text: &str, owner: UserId) -> Result<NodeId> {
        let _changing = self.changing.lock().await;
        let tree = self.snapshot();
        if let Some(node) = tree.get(path) {
            return Ok(node.id);
        }
        let parent = match path.parent() {
            None => None,
            Some(above) => Some(tree.get(&above).ok_or_else(|| Error::of(Code::NotFound))?.id),
        };
        let id = NodeId::new(&self.env);
        let mut plan = Plan::default();
        let node = NewNode::titled(id, parent, path.clone(), title, Origin::People);
        plan.insert(NewNode { description: text.to_owned(), ..node });
        plan.steps.push(self.owner_grant(id, owner));
        self.apply(plan).await?;
        Ok(id)
    }

    fn owner_grant(&self, node: NodeId, owner: UserId) -> Step {
        let new = NewGrant {
            node,
            subject: Subject::User(owner),
            role: Role::Owner,
            deny: false,
            expires_at: None,
            created_by: None,
        };
        Step::Grant { id: GrantId::new(&self.env), new }
    }

    /// Makes the nodes of a workspace match what its app declares. Answers how many nodes that changed.
    ///
    /// # Errors
    /// [`Code::NotFound`] without the workspace, or what the database answers.
    pub async fn reconcile(&self, workspace: &ResourcePath, manifest: &Manifest) -> Result<usize> {
        let _changing = self.changing.lock().await;
        let tree = self.snapshot();
        let node = tree.get(workspace).ok_or_else(|| Error::of(Code::NotFound))?;
        let bin = store::bin(&self.db, workspace).await?;
        let plan = reconcile::plan(&tree, node, manifest, &bin, &self.env)?;
        let changed = plan.steps.len();
        if changed > 0 {
            self.apply(plan).await?;
        }
        Ok(changed)
    }

    /// Forgets some of the receipts from before a moment, and answers how many: zero when there is none left.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn forget_receipts(&self, before: Timestamp) -> Result<u64> {
        Ok(store::forget_receipts(&self.db, before).await?)
    }

    /// Applies a plan that nobody's call asked for.
    async fn apply(&self, plan: Plan) -> Result<()> {
        let at = self.env.now();
        self.db.write_with(plan.steps, move |steps, tx| Box::pin(plan::apply(tx, steps, at))).await?;
        self.refresh_soon().await;
        Ok(())
    }

    /// Reads both snapshots back after a change that is committed: now, or if that fails again and again until it
    /// is done. The change stands, so its caller is not told of a failure here.
    pub(super) async fn refresh_soon(&self) {
        let Err(error) = self.refresh().await else { return };
        tracing::error!(%error, "a change of the tree cannot be read back yet");
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(REFRESH_AGAIN).await;
                if this.refresh().await.is_ok() {
                    return;
                }
            }
        });
    }

    /// After a change of nodes or grants: both snapshots are read back.
    async fn refresh(&self) -> Result<()> {
        self.access.reload().await?;
        self.reload().await
    }
}

/// A statement that did not find what the plan relied on: somebody else was first.
fn came_between(error: SqlError) -> Error {
    match error {
        SqlError::RowsAffected { .. } | SqlError::UniqueViolation { .. } => {
            Error::new(Code::Conflict, "The tree was changed by somebody else at the same time.")
                .caused_by(error)
        }
        error => error.into(),
    }
}
