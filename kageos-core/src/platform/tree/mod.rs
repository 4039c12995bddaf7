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
mod transfer;
mod undo;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard};

pub use actions::directory_actions;
pub use directory::DirectoryHost;
pub use node::{Node, NodeKind, Origin};
pub(super) use plan::{apply as apply_steps, touch};
pub use reconcile::{MAX_DECLARED, check as check_declared};
pub use search::Hit;
pub use snapshot::Snapshot;
pub use store::MIGRATIONS;
pub(in crate::platform) use store::{
    deleted_workspaces, fence_receipt, give_up, is_given_up, read_receipt, write_receipt,
};
pub(super) use transfer::{is_own_transfer, is_transfer};

use super::access::{Access, NewGrant, Subject};
use super::handover::{Participant, Participants};
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
    /// Snapshots are read and published one after the other.
    reading: Arc<Mutex<()>>,
    /// Who takes part when something is handed over.
    participants: Participants,
}

/// Attempts at a change that another server came before.
const ATTEMPTS: u32 = 5;

impl Tree {
    /// Reads the tree.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn open(db: Db, env: Env, access: Access) -> Result<Self> {
        let (changing, reading, participants) = (Arc::default(), Arc::default(), Participants::default());
        let tree = Self { db, env, access, snapshot: Arc::default(), changing, reading, participants };
        tree.reload().await?;
        Ok(tree)
    }

    /// The tree as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Reads the tree anew when the database has a newer state, made by another process perhaps; answers whether it
    /// had. Without a change it costs one query of one row.
    ///
    /// # Errors
    /// What the database answers; the snapshot stays as it is.
    pub async fn reload(&self) -> Result<bool> {
        let _alone = self.reading.lock().await;
        if store::generation(&self.db).await? == self.snapshot.load().generation() {
            return Ok(false);
        }
        let (generation, nodes) = store::load(&self.db).await?;
        self.snapshot.store(Arc::new(Snapshot::link(nodes).of(generation)));
        Ok(true)
    }

    /// Says that `node` has the rows of a workspace on its own disk, unless another was named before; answers which.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn settle_home(&self, workspace: NodeId, node: &str) -> Result<String> {
        Ok(store::settle_home(&self.db, workspace, node, self.env.now()).await?)
    }

    /// Whether a server was named that has the rows of a workspace on its own disk.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn has_home(&self, workspace: NodeId) -> Result<bool> {
        Ok(store::home(&self.db, workspace).await?.is_some())
    }

    /// From now on `participant` takes part when somebody hands over what they hold.
    pub fn participate(&self, participant: Arc<dyn Participant>) {
        self.participants.add(participant);
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
        let mut attempts = 0..ATTEMPTS;
        loop {
            match self.ensure_from(&self.snapshot(), path, title, text, owner).await {
                Err(error) if error.code == Code::Conflict && attempts.next().is_some() => {}
                done => return done,
            }
            self.reload().await?;
        }
    }

    async fn ensure_from(
        &self,
        tree: &Snapshot,
        path: &ResourcePath,
        title: &str,
        text: &str,
        owner: UserId,
    ) -> Result<NodeId> {
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
        self.apply(tree, plan).await?;
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
        let mut attempts = 0..ATTEMPTS;
        loop {
            match self.reconcile_from(&self.snapshot(), workspace, manifest).await {
                Err(error) if error.code == Code::Conflict && attempts.next().is_some() => {}
                done => return done,
            }
            self.reload().await?;
        }
    }

    async fn reconcile_from(
        &self,
        tree: &Snapshot,
        workspace: &ResourcePath,
        manifest: &Manifest,
    ) -> Result<usize> {
        let plan = self.plan_from(tree, workspace, manifest).await?;
        let changed = plan.steps.len();
        if changed > 0 {
            self.apply(tree, plan).await?;
        }
        Ok(changed)
    }

    async fn plan_from(
        &self,
        tree: &Snapshot,
        workspace: &ResourcePath,
        manifest: &Manifest,
    ) -> Result<Plan> {
        let node = tree.get(workspace).ok_or_else(|| Error::of(Code::NotFound))?;
        let bin = store::bin(&self.db, workspace).await?;
        reconcile::plan(tree, node, manifest, &bin, &self.env)
    }

    /// How the nodes of a workspace have to change to match a manifest, from which generation of the tree. Whoever applies
    /// it holds [`Tree::changing`] meanwhile.
    pub(super) async fn reconcile_plan(
        &self,
        workspace: &ResourcePath,
        manifest: &Manifest,
    ) -> Result<(i64, Plan)> {
        let tree = self.snapshot();
        Ok((tree.generation(), self.plan_from(&tree, workspace, manifest).await?))
    }

    /// Held by who changes the tree.
    pub(super) async fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Forgets some of the receipts from before a moment, and answers how many: zero when there is none left.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn forget_receipts(&self, before: Timestamp) -> Result<u64> {
        Ok(store::forget_receipts(&self.db, before).await?)
    }

    /// Applies a plan that was made from `tree` and that nobody's call asked for.
    async fn apply(&self, tree: &Snapshot, plan: Plan) -> Result<()> {
        let (at, generation) = (self.env.now(), tree.generation());
        let unit = self.db.write_with(plan.steps, move |steps, tx| {
            Box::pin(async move {
                if !plan::touch(tx, steps, generation).await? {
                    return Err(too_late());
                }
                plan::apply(tx, steps, at).await
            })
        });
        unit.await?;
        self.refresh_soon().await;
        Ok(())
    }

    /// Reads both snapshots back after a change that is committed: now, or if that fails again and again until it
    /// is done. The change stands, so its caller is not told of a failure here.
    pub(super) async fn refresh_soon(&self) {
        self.access.herald().renew();
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
        self.reload().await?;
        Ok(())
    }
}

/// Another server changed the tree after the plan was made.
fn too_late() -> Error {
    Error::new(Code::Conflict, "The tree was changed by somebody else at the same time.")
}

/// A statement that did not find what the plan relied on: somebody else was first.
fn came_between(error: SqlError) -> Error {
    match error {
        SqlError::RowsAffected { .. } | SqlError::UniqueViolation { .. } => too_late().caused_by(error),
        error => error.into(),
    }
}
