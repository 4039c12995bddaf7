//! Which commit is the source of a workspace, what was built of it, and which build is live.
//!
//! Commits, programs and logs lie elsewhere and never change once they are named here. So one transaction on the
//! platform's database is enough for each step: the newest commit moves with the receipt of the call that moved it, and a
//! release goes live together with the nodes that it declares.

mod attached;
mod changes;
mod consent;
mod place;
mod store;

use serde::{Deserialize, Serialize};

pub use attached::Attached;
pub use changes::{ChangeKind, FunctionChange, PartChange, function_changes};
pub use consent::{Consent, egress_digest};
pub use place::{RuntimePlace, RuntimePlaces};
pub use store::MIGRATIONS;

use super::oplog::Log;
use super::receipts::{Receipts, Stop, Work};
use super::tree::Tree;
use crate::host::{HostCall, HostError, HostReply, Receipt};
use crate::sql::{Db, SqlError, Tx, UnitFuture};
use crate::{
    CallId, Change, ChangeOp, Code, Env, Error, Manifest, NodeId, ResourcePath, Result, TableSteps,
    Timestamp, UserId,
};

/// Attempts at a publication that a change of the tree came before, and at what else somebody was faster with.
const ATTEMPTS: u32 = 5;
/// Deleted workspaces that are given up in one go.
const GIVEN_UP: i64 = 100;

/// How a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being built.
    Building,
    /// Its program is there.
    Built,
    /// Its program is being started to go live.
    Starting,
    /// It runs the workspace.
    Live,
    /// Another one is live; its last calls run.
    Draining,
    /// It was live, and can be again.
    Retired,
    /// It could not be built, or did not start.
    Failed,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Building,
        Self::Built,
        Self::Starting,
        Self::Live,
        Self::Draining,
        Self::Retired,
        Self::Failed,
    ];

    /// The state as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Built => "built",
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Failed => "failed",
        }
    }
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// How many there are.
    pub size: u64,
}

/// How a build ended.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// The program and what it declares; `None` when there is none.
    pub program: Option<(Program, Manifest)>,
    /// Why there is none.
    pub error: Option<String>,
    /// Errors that the compiler told.
    pub errors: u32,
    /// Warnings that it told.
    pub warnings: u32,
    /// How long it took, in milliseconds.
    pub build_ms: u64,
    /// What was done to functions.
    pub changes: Vec<FunctionChange>,
}

/// An immutable build of a workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Its number in the workspace, from 1.
    pub number: u32,
    /// How it stands.
    pub state: State,
    /// The source that it was built of.
    pub commit: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Who asked.
    pub created_by: Option<UserId>,
    /// Whether it ever was live.
    pub was_live: bool,
    /// How long its build took, in milliseconds.
    pub build_ms: Option<u64>,
    /// Its program, while that is kept.
    pub program: Option<Program>,
    /// Errors that the compiler told.
    pub errors: u32,
    /// Warnings that it told.
    pub warnings: u32,
    /// Why it failed.
    pub error: Option<String>,
    /// What keeps it apart where it runs.
    pub sandbox: Option<String>,
    /// What it did to functions when it was built.
    pub changes: Vec<FunctionChange>,
    /// What its starts did to tables, see [`Releases::add_steps`].
    pub tables: TableSteps,
    /// Who has consented to what it reaches outside.
    pub consent: Option<Consent>,
}

/// How a release goes live.
#[derive(Debug, Clone)]
pub struct Switch {
    /// Its number.
    pub number: u32,
    /// The one that is live, as it was found.
    pub before: Option<u32>,
    /// What keeps it apart where it runs.
    pub sandbox: String,
    /// Who has consented to what it reaches outside; see [`Releases::consent`].
    pub consent: Option<Consent>,
}

/// A release that is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// Of which workspace.
    pub workspace: NodeId,
    /// Its number.
    pub release: u32,
    /// Since when: whoever runs it from before starts it again.
    pub since: Timestamp,
}

/// The commit that is the source of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its id.
    pub commit: String,
    /// Since when.
    pub at: Timestamp,
}

/// Sources and releases; cheap to clone.
#[derive(Debug, Clone)]
pub struct Releases {
    db: Db,
    env: Env,
    tree: Tree,
    log: Log,
    receipts: Receipts,
}

impl Releases {
    /// Those of a platform.
    pub(super) fn new(db: Db, env: Env, tree: Tree, log: Log) -> Self {
        let receipts = Receipts::new(db.clone(), env.clone());
        Self { db, env, tree, log, receipts }
    }

    /// The newest commit of a workspace.
    ///
    /// # Errors
    /// What the database answers, as everywhere here.
    pub async fn head(&self, workspace: NodeId) -> Result<Option<Head>> {
        Ok(store::head(&self.db, workspace).await?)
    }

    /// Makes `to` the newest commit, with the receipt of the call that asks for it. In a dry run nothing is kept.
    ///
    /// # Errors
    /// [`Code::Conflict`] when `from` is not the newest commit any more.
    pub async fn commit(
        &self,
        call: &HostCall,
        workspace: NodeId,
        from: Option<String>,
        to: String,
        (output, changes): (serde_json::Value, Vec<Change>),
    ) -> Result<HostReply, HostError> {
        let work = Work { input: (workspace, from, to), output, changes };
        let reply = self.receipts.apply(call, work, moved, |(workspace, from, to), tx, at| {
            Box::pin(async move { Ok(store::move_head(tx, *workspace, from.as_deref(), to, at).await?) })
        });
        Ok(reply.await?.ok_or_else(|| Error::of(Code::Conflict))?)
    }

    /// Begins a release of a commit and answers its number.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn begin(&self, workspace: NodeId, commit: &str, by: Option<UserId>) -> Result<u32> {
        let mut attempts = 0..ATTEMPTS;
        loop {
            let number = store::last_number(&self.db, workspace).await? + 1;
            let of = (commit, self.log.stream());
            match store::insert(&self.db, workspace, number, of, by, self.env.now()).await {
                Ok(()) => return Ok(number),
                Err(error) if error.is_unique_violation() && attempts.next().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Says how a build ended, with the receipt of the call that asked for it.
    ///
    /// # Errors
    /// [`Code::Conflict`] when it is not being built any more.
    pub async fn built(
        &self,
        call: &HostCall,
        workspace: NodeId,
        number: u32,
        built: Built,
        output: serde_json::Value,
    ) -> Result<HostReply, HostError> {
        let state = if built.program.is_some() { State::Built } else { State::Failed };
        let new = serde_json::json!({ "release": number, "state": state });
        let row = Some(format!("release/{number}"));
        let path = call.path.clone();
        let change = Change { path, row, version: None, op: ChangeOp::Create, old: None, new: Some(new) };
        let work = Work { input: (workspace, number, state, built), output, changes: vec![change] };
        let reply = self.receipts.apply(call, work, moved, |(workspace, number, state, built), tx, at| {
            Box::pin(async move { Ok(store::built(tx, *workspace, *number, *state, built, at).await?) })
        });
        Ok(reply.await?.ok_or_else(|| Error::of(Code::Conflict))?)
    }

    /// Says that a release that was being built will not be.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn abandon(&self, workspace: NodeId, number: u32, error: &str) -> Result<()> {
        Ok(store::abandon(&self.db, workspace, number, error, self.env.now()).await?)
    }

    /// Says that a release is being started. Of several processes one starts one release of a workspace at a time.
    ///
    /// # Errors
    /// [`Code::Conflict`] when it is live, is being built or started, or its program is gone, and while another process
    /// starts one.
    pub async fn starting(&self, workspace: NodeId, number: u32) -> Result<()> {
        let input = ((workspace, number), self.log.stream(), self.env.now());
        let unit = self.db.write_with(input, |(release, stream, at), tx| {
            Box::pin(async move { store::starting(tx, *release, *stream, *at).await })
        });
        match unit.await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(moved(error)),
        }
        Err(Error::new(Code::Conflict, "This release is live already, is being started, or has no program."))
    }

    /// Adds to a release what a start of it did to tables, also when it does not become live by that. What an earlier start
    /// did stays: one that goes on where another has failed does the rest only. A process that was killed while it opened
    /// its tables has told nothing, and what it did until then is in no record.
    ///
    /// # Errors
    /// [`Code::Conflict`] when others add to it all the time, else what the database answers.
    pub async fn add_steps(&self, workspace: NodeId, number: u32, steps: TableSteps) -> Result<()> {
        for _ in 0..ATTEMPTS {
            if store::add_steps(&self.db, workspace, number, steps.clone()).await? {
                return Ok(());
            }
        }
        Err(Error::of(Code::Conflict))
    }

    /// Says that a release could not be started.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn not_started(&self, workspace: NodeId, number: u32, error: &str) -> Result<()> {
        let input = (workspace, number, error.to_owned(), self.env.now());
        let unit = self.db.write_with(input, |(workspace, number, error, at), tx| {
            Box::pin(async move { store::not_started(tx, *workspace, *number, error, *at).await })
        });
        unit.await.map_err(Into::into)
    }

    /// Makes a release live in place of `before`: the nodes that it declares, the pointer and the call's receipt in one
    /// unit.
    ///
    /// # Errors
    /// [`Code::Conflict`] when another one was made live since.
    pub async fn go_live(
        &self,
        call: &HostCall,
        workspace: NodeId,
        switch: Switch,
        manifest: &Manifest,
        output: serde_json::Value,
    ) -> Result<HostReply, HostError> {
        let row = Some("live".to_owned());
        let (old, new) = (switch.before.map(shown), Some(shown(switch.number)));
        let path = call.path.clone();
        let change = Change { path, row, version: None, op: ChangeOp::Update, old, new };
        let switch = (switch, self.log.stream());
        self.declare(call, (workspace, manifest), (change, output), switch, |(workspace, switch), tx, at| {
            Box::pin(async move { Ok(store::switch(tx, *workspace, switch, at).await?) })
        })
        .await
    }

    /// Lets a workspace have the nodes that a manifest declares, and does what `unit` does, in one unit with the call's
    /// receipt.
    async fn declare<W, F>(
        &self,
        call: &HostCall,
        (workspace, manifest): (NodeId, &Manifest),
        (change, output): (Change, serde_json::Value),
        input: W,
        unit: F,
    ) -> Result<HostReply, HostError>
    where
        W: Clone + Send + Sync + 'static,
        F: for<'t> Fn(&'t (NodeId, W), &'t mut Tx, Timestamp) -> UnitFuture<'t, (), Stop>
            + Copy
            + Send
            + Sync
            + 'static,
    {
        let _changing = self.tree.changing().await;
        for _ in 0..ATTEMPTS {
            // Where it lies now: it may have moved while its program was started.
            let path = self.tree.snapshot().by_id(workspace).map(|node| node.path.clone());
            let path = path.ok_or_else(|| Error::of(Code::NotFound))?;
            let (generation, plan) = self.tree.reconcile_plan(&path, manifest).await?;
            let changes = std::iter::once(change.clone()).chain(plan.changes).collect();
            let input = ((workspace, input.clone()), plan.steps);
            let work = Work { input, output: output.clone(), changes };
            let reply = self.receipts.apply(call, work, moved, move |(input, steps), tx, at| {
                Box::pin(async move {
                    if !super::tree::touch(tx, steps, generation).await? {
                        return Err(Stop::TooLate);
                    }
                    super::tree::apply_steps(tx, steps, at).await?;
                    unit(input, tx, at).await
                })
            });
            if let Some(reply) = reply.await? {
                self.tree.refresh_soon().await;
                return Ok(reply);
            }
            self.tree.reload().await?;
        }
        Err(Error::of(Code::Conflict).into())
    }

    /// The receipt of a call that changed something here.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn receipt(&self, call: CallId) -> Result<Option<Receipt>> {
        self.receipts.receipt(call).await
    }

    /// The same for a call that is given up, which can take effect no more; see [`crate::Host::fence`].
    ///
    /// # Errors
    /// What the database answers.
    pub async fn fence(&self, call: CallId) -> Result<Option<Receipt>> {
        self.receipts.fence(call).await
    }

    /// Says that the last calls have ended of a release that this process has replaced; not of one that is live again, or
    /// that another process has replaced since.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn drained(&self, workspace: NodeId, number: u32) -> Result<()> {
        Ok(store::drained(&self.db, (workspace, number), self.log.stream(), self.env.now()).await?)
    }

    /// Settles what processes left between two states whose streams are closed or fenced: what they built, started or
    /// drained has ended with them. Of one workspace, or of all.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn settle(&self, workspace: Option<NodeId>) -> Result<()> {
        Ok(store::settle(&self.db, workspace, self.env.now()).await?)
    }

    /// The number of the release that is live.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn live(&self, workspace: NodeId) -> Result<Option<u32>> {
        Ok(store::live(&self.db, workspace).await?)
    }

    /// Every release that is live.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn all_live(&self) -> Result<Vec<Live>> {
        Ok(store::all_live(&self.db).await?)
    }

    /// What is live of a workspace, and the number of the release that is being started in its place, if one is.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn standing(&self, workspace: NodeId) -> Result<Option<(Live, Option<u32>)>> {
        Ok(store::standing(&self.db, workspace).await?)
    }

    /// The workspaces of which this process says that it starts a release. One that does not start any
    /// ([`Releases::starts_none`]) could not say so when it had failed.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn all_starting(&self) -> Result<Vec<NodeId>> {
        Ok(store::all_starting(&self.db, self.log.stream()).await?)
    }

    /// Says that this process starts no release of a workspace.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn starts_none(&self, workspace: NodeId) -> Result<()> {
        Ok(store::starts_none(&self.db, workspace, self.log.stream()).await?)
    }

    /// Lets what is live be so since now: whoever runs it starts it again. Answers since when that is.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn renew(&self, workspace: NodeId) -> Result<Option<Timestamp>> {
        store::renew(&self.db, workspace, self.env.now()).await?;
        Ok(self.standing(workspace).await?.map(|(live, _)| live.since))
    }

    /// A release.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn get(&self, workspace: NodeId, number: u32) -> Result<Option<Release>> {
        Ok(store::get(&self.db, workspace, number).await?)
    }

    /// What a release declares, once it was built.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn manifest(&self, workspace: NodeId, number: u32) -> Result<Option<Manifest>> {
        Ok(store::manifest(&self.db, workspace, number).await?)
    }

    /// The newest releases below `before`, at most `limit`.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn list(&self, workspace: NodeId, before: Option<u32>, limit: u32) -> Result<Vec<Release>> {
        Ok(store::list(&self.db, workspace, before, limit).await?)
    }

    /// The releases that have a program, the newest first.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn programs(&self, workspace: NodeId) -> Result<Vec<(u32, Program)>> {
        Ok(store::programs(&self.db, workspace).await?)
    }

    /// Releases that have no program, or have it no more, the newest first.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn without_program(&self, workspace: NodeId) -> Result<Vec<u32>> {
        Ok(store::without_program(&self.db, workspace).await?)
    }

    /// Gives up the programs of all but the newest `keep` releases that were live and the newest `keep` others; the live one
    /// always stays. Answers whose they were, with what they hash to.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn give_up(&self, workspace: NodeId, keep: u32) -> Result<Vec<(u32, String)>> {
        Ok(store::give_up(&self.db, workspace, keep, self.env.now()).await?)
    }
}

impl Releases {
    /// Gives up some of the workspaces that were deleted before a moment: they can be restored no more, and their sources,
    /// releases and secrets are forgotten. Answers which; their folders are for whoever keeps them.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn give_up_deleted(&self, before: Timestamp) -> Result<Vec<NodeId>> {
        let _changing = self.tree.changing().await;
        let mut gone = Vec::new();
        for workspace in super::tree::deleted_workspaces(&self.db, before, GIVEN_UP).await? {
            let unit = self.db.write_with(workspace, |workspace, tx| {
                Box::pin(async move {
                    let given_up = super::tree::give_up(tx, *workspace).await?;
                    if given_up {
                        store::forget(tx, *workspace).await?;
                        super::secrets::forget(tx, *workspace).await?;
                    }
                    Ok::<_, SqlError>(given_up)
                })
            });
            if unit.await? {
                gone.push(workspace);
            }
        }
        if !gone.is_empty() {
            self.tree.refresh_soon().await;
        }
        Ok(gone)
    }

    /// Whether a workspace was given up.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn is_given_up(&self, workspace: NodeId) -> Result<bool> {
        Ok(super::tree::is_given_up(&self.db, workspace).await?)
    }
}

fn shown(number: u32) -> serde_json::Value {
    serde_json::json!({ "release": number })
}

/// A step that did not find what it relied on: somebody was faster.
fn moved(error: SqlError) -> Error {
    match error {
        SqlError::RowsAffected { .. } | SqlError::UniqueViolation { .. } => {
            let message = "Somebody else was faster; look again at how things stand.";
            Error::new(Code::Conflict, message).caused_by(error)
        }
        error => error.into(),
    }
}

/// The workspace at a path, which has depth two.
///
/// # Errors
/// [`Code::NotFound`] when there is none.
pub fn workspace_of(tree: &Tree, path: &ResourcePath) -> Result<NodeId> {
    let snapshot = tree.snapshot();
    let node = snapshot.get(path).filter(|node| node.path.depth() == 2 && node.path.kind().is_none());
    node.map(|node| node.id).ok_or_else(|| Error::of(Code::NotFound))
}
