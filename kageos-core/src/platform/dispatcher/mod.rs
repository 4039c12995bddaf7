//! The one door: every use of a function goes through [`Dispatcher::dispatch`].
//!
//! Resolve, authorise, validate, record the intent, run, record the outcome, announce. A call that may change
//! something runs in a task of its own: whoever asked may go away, its outcome is recorded all the same.

mod added;
mod calls;
mod fields;
mod function;
mod mounts;
mod named;
mod page;
mod redact;
mod refusals;
mod rows;
mod run;
mod running;
mod settle;
mod undo;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;

pub use calls::{CallState, Started};
pub use function::{Action, Function};
pub use mounts::Mounts;
pub use rows::RowCount;
pub(super) use running::Running;

use super::access::Access;
use super::files::{FileHost, FileStore, file_actions, is_about_files, right_of};
use super::identity::Identity;
use super::oplog::{Draft, Log, Status};
use super::tree::{DirectoryHost, Node, Snapshot, Tree, directory_actions, is_own_transfer};
use crate::bus::Bus;
use crate::call::MAX_IDEMPOTENCY_KEY;
use crate::{
    ActionName, ActionSchema, Audit, Call, Code, Dispatch, Env, Error, FileId, Host, Kind, LogSink, Relation,
    Reply, Result, Right, Rights, SourceKind,
};
use added::Added;
use calls::is_about_calls;
use mounts::Target;
use refusals::{Counted, Refusals};
use running::Place;

/// The dispatcher; cheap to clone.
#[derive(Debug, Clone)]
pub struct Dispatcher {
    inner: Arc<Inner>,
}

/// What a dispatcher works with.
#[derive(Debug)]
pub struct Parts {
    /// Time and randomness.
    pub env: Env,
    /// Where everything is.
    pub tree: Tree,
    /// Who may do what.
    pub access: Access,
    /// Who there is.
    pub identity: Identity,
    /// Where it is recorded.
    pub log: Log,
    /// Where it is announced.
    pub events: Arc<dyn Bus>,
    /// What runs it.
    pub mounts: Mounts,
    /// Files.
    pub files: FileStore,
    /// How much is at least recorded of calls that only read.
    pub audit: Audit,
}

#[derive(Debug)]
struct Inner {
    env: Env,
    tree: Tree,
    access: Access,
    identity: Identity,
    log: Log,
    events: Arc<dyn Bus>,
    mounts: Mounts,
    /// The actions of directories, compiled, and what runs them.
    directories: Arc<Function>,
    directory_host: Arc<dyn Host>,
    files: FileStore,
    /// The actions about files, compiled, and what runs them.
    file_functions: Arc<Function>,
    file_host: Arc<dyn Host>,
    /// The actions about calls, compiled.
    call_functions: Arc<Function>,
    /// What was added to workspaces.
    added: Added,
    running: Running,
    refusals: Refusals,
    audit: Audit,
    /// Where goes what apps in this process log.
    logs: OnceLock<Arc<dyn LogSink>>,
}

/// A call that was let through the door.
#[derive(Debug, Clone)]
struct Admitted {
    call: Arc<Call>,
    node: Arc<Node>,
    function: Arc<Function>,
    host: Arc<dyn Host>,
    started: Duration,
    timeout: Duration,
    /// The files that the input names and that nothing keeps yet.
    claims: Vec<FileId>,
    /// Whether somebody will ask for it later.
    followed: bool,
    place: Arc<Place>,
}

impl Admitted {
    fn action(&self) -> Option<&Action> {
        self.function.action(&self.call.action)
    }

    fn changes(&self) -> bool {
        self.action().is_some_and(|action| action.schema().effect.effects.changes())
    }
}

impl Dispatcher {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the schemas of the platform's own actions do not compile.
    pub fn new(parts: Parts) -> Result<Self> {
        let Parts { env, tree, access, identity, log, events, mounts, files, audit } = parts;
        let directory_host = Arc::new(DirectoryHost::new(tree.clone()));
        let compiled = |title, actions| Function::compile(mounts::own_schema(title, actions)).map(Arc::new);
        let directories = compiled("Directory", directory_actions())?;
        let file_functions = compiled("Files", file_actions())?;
        let file_host = Arc::new(FileHost::new(files.clone()));
        let call_functions = compiled("Calls", &calls::call_actions())?;
        let (running, refusals) = (Running::default(), Refusals::default());
        let inner = Inner {
            env,
            tree,
            access,
            identity,
            log,
            events,
            mounts,
            directories,
            directory_host,
            files,
            file_functions,
            file_host,
            call_functions,
            added: Added::default(),
            running,
            refusals,
            audit,
            logs: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Adds actions to every workspace, which `host` runs: what it changes, and the receipts of its calls, lie in the
    /// platform's database (see [`super::release`]). They need the rights that their schemas name.
    ///
    /// # Errors
    /// When a schema is none, or [`Code::Conflict`] when there is an action of that name already.
    pub fn add_workspace_actions(
        &self,
        title: &str,
        actions: &[ActionSchema],
        host: Arc<dyn Host>,
    ) -> Result<()> {
        if let Some(own) = actions.iter().find(|action| self.inner.directories.action(&action.name).is_some())
        {
            return Err(Error::new(
                Code::Conflict,
                format!("Directories have an action {} already.", own.name),
            ));
        }
        self.inner.added.add(title, actions, host)
    }

    /// Keeps what calls log that run in this process. The first one stays; without one it goes to the log of the process.
    pub fn log_to(&self, logs: Arc<dyn LogSink>) {
        let _ = self.inner.logs.set(logs);
    }

    /// The schemas of the actions that were added to workspaces.
    #[must_use]
    pub fn workspace_actions(&self) -> Vec<ActionSchema> {
        self.inner.added.actions()
    }

    /// What runs here.
    pub(super) fn running(&self) -> &Running {
        &self.inner.running
    }

    /// Steps one to three: resolve, authorise, validate.
    fn admit(&self, call: &Arc<Call>, started: Duration) -> Result<Admitted> {
        let inner = &*self.inner;
        let tree = inner.tree.snapshot();
        let node = tree.get(&call.path).ok_or_else(|| Error::of(Code::NotFound))?;
        // Who may not read learns nothing more, not even whether the action exists.
        let is_own = is_own_transfer(call);
        if !is_own {
            inner.access.check(&call.actor, Right::Read, &node.chain, &call.path)?;
        }
        let Target { function, host } = self.target(node, &call.action)?;
        // What ends a call no host runs.
        let narrowed = if call.action == ActionName::CANCEL { None } else { host.narrows(&call.actor)? };
        let narrowed = narrowed.map(|actor| Arc::new(Call { actor, ..Call::clone(call) }));
        let call = narrowed.as_ref().unwrap_or(call);
        let action = function.action(&call.action).ok_or_else(|| Error::of(Code::UnknownAction))?;
        let held = inner.access.rights(&call.actor, &node.chain, &call.path);
        for right in rights_of(node, action.schema(), held).filter(|_| !is_own) {
            inner.access.check(&call.actor, right, &node.chain, &call.path)?;
        }
        self.check_source(call, &tree, &function)?;
        action.validate(&call.input)?;
        check_shape(call, action)?;
        let place = inner.running.enter(&call.actor, call.id)?;
        let timeout = Duration::from_millis(action.schema().effect.timeout_ms);
        let left = call.deadline.map_or(timeout, |deadline| deadline.since(inner.env.now()).min(timeout));
        if left.is_zero() {
            return Err(Error::of(Code::DeadlineExceeded));
        }
        let (call, node) = (Arc::clone(call), Arc::clone(node));
        let (timeout, claims, followed, place) = (left, Vec::new(), false, Arc::new(place));
        Ok(Admitted { call, node, function, host, started, timeout, claims, followed, place })
    }

    /// A chart shows what its source table holds, so whoever asks for it has to be a reader of that table too.
    fn check_source(&self, call: &Call, tree: &Snapshot, function: &Function) -> Result<()> {
        let (Some(source), Some(workspace)) = (function.source(), call.path.workspace()) else {
            return Ok(());
        };
        let source = Relation { path: source.to_owned(), label: String::new() }.resolve(&workspace)?;
        if self.may_read(tree, &call.actor, &source) {
            return Ok(());
        }
        Err(Error::new(Code::Forbidden, "The rows behind this chart are not yours to read."))
    }

    fn target(&self, node: &Node, action: &ActionName) -> Result<Target> {
        if is_about_files(action) {
            let (function, host) =
                (Arc::clone(&self.inner.file_functions), Arc::clone(&self.inner.file_host));
            return Ok(Target { function, host });
        }
        if let Some(target) = self.inner.added.target(node, action) {
            return Ok(target);
        }
        let target = if node.path.kind().is_none() || is_about_access(action) {
            let (function, host) =
                (Arc::clone(&self.inner.directories), Arc::clone(&self.inner.directory_host));
            Target { function, host }
        } else {
            let missing = || Error::new(Code::Unavailable, "The app of this workspace is not running here.");
            self.inner.mounts.target(node).ok_or_else(missing)?
        };
        if is_about_calls(action) {
            return Ok(Target { function: Arc::clone(&self.inner.call_functions), ..target });
        }
        Ok(target)
    }

    /// Through the door, up to where the call is recorded; a refusal is recorded here.
    async fn enter(&self, call: &Arc<Call>) -> Result<Admitted> {
        let started = self.inner.env.clock.monotonic();
        let admitted = match self.admit(call, started) {
            Ok(admitted) => self.looked_up(admitted).await,
            refused => refused,
        };
        if let Err(error) = &admitted {
            self.refuse(call, error, started).await;
        }
        admitted
    }

    /// What of step three needs a query: the files, people and calls that the input names.
    async fn looked_up(&self, admitted: Admitted) -> Result<Admitted> {
        let admitted = self.with_files(admitted).await?;
        let admitted = self.with_users(admitted).await?;
        self.with_undo(admitted).await
    }

    /// From there to the end.
    async fn finish(&self, admitted: Admitted) -> Result<Reply> {
        if admitted.call.action == ActionName::CANCEL {
            return self.cancel(&admitted).await;
        }
        if !admitted.changes() || admitted.call.dry_run {
            return self.read(admitted).await;
        }
        let this = self.clone();
        match tokio::spawn(async move { this.change(admitted).await }).await {
            Ok(reply) => reply,
            Err(error) => Err(Error::of(Code::OutcomeUnknown).caused_by(error)),
        }
    }

    /// How much is recorded of a call that only read: what its action says, more for what no person looked at.
    fn audit_of(&self, admitted: &Admitted, succeeded: bool) -> Audit {
        let declared = admitted.action().map(|action| action.schema().effect.audit).unwrap_or_default();
        let person = admitted.call.source.kind == SourceKind::Web && succeeded;
        declared.max(self.inner.audit).max(if person { Audit::None } else { Audit::Summary })
    }

    /// Records that somebody tried what no function stands for and was refused. Equal refusals that follow are counted
    /// and recorded together.
    pub async fn refused(&self, call: Call, error: &Error) {
        self.refuse(&Arc::new(call), error, self.inner.env.clock.monotonic()).await;
    }

    /// The one record of a call that was not let in. Equal refusals that follow are counted and recorded together.
    async fn refuse(&self, call: &Arc<Call>, error: &Error, started: Duration) {
        let Some(key) = self.inner.refusals.count(call, error.code) else { return };
        let duration = self.inner.env.clock.monotonic().saturating_sub(started);
        self.inner.log.settled(self.refusal(call, error.code).duration(duration)).await;
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(refusals::WINDOW).await;
            let counted = this.inner.refusals.take(&key);
            this.record_counted(counted).await;
        });
    }

    fn refusal(&self, call: &Call, code: Code) -> Draft {
        let node = self.inner.tree.snapshot().get(&call.path).map(|node| node.id);
        Draft::settled(call, node, self.inner.env.now(), Status::Refused).code(Some(code))
    }

    async fn record_counted(&self, counted: Option<Counted>) {
        let Some(Counted { last, code, times }) = counted else { return };
        self.inner.log.settled(self.refusal(&last, code).repeated(times - 1)).await;
    }

    /// Records the refusals that were only counted so far; before the log is closed.
    pub async fn record_refusals(&self) {
        for counted in self.inner.refusals.take_all() {
            self.record_counted(Some(counted)).await;
        }
    }
}

/// Grants are given and taken on every node, on functions too.
fn is_about_access(action: &ActionName) -> bool {
    matches!(action.as_str(), "grant" | "revoke")
}

/// The rights that an action needs: the one it names, and on a table one for each of its effects.
fn rights_of(node: &Node, action: &ActionSchema, held: Rights) -> impl Iterator<Item = Right> {
    let effects = action.effect.effects;
    let files = is_about_files(&action.name);
    let first = if files { right_of(&action.name, node.path.kind(), held) } else { action.right };
    let own = is_about_access(&action.name) || is_about_calls(&action.name) || files;
    let table = node.path.kind() == Some(Kind::Table) && !own;
    let more =
        [(effects.creates, Right::Write), (effects.updates, Right::Update), (effects.deletes, Right::Delete)];
    let more = more.into_iter().filter_map(move |(has, right)| (has && table).then_some(right));
    std::iter::once(first).chain(more)
}

/// What the schema cannot say: the key's length, and whether the action can be tried.
fn check_shape(call: &Call, action: &Action) -> Result<()> {
    if call.idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY) {
        let message = format!("An idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} bytes.");
        return Err(Error::field("/idempotency_key", "length", message));
    }
    if call.dry_run && !action.schema().effect.dry_run {
        return Err(Error::of(Code::DryRunUnsupported));
    }
    Ok(())
}

#[async_trait]
impl Dispatch for Dispatcher {
    async fn dispatch(&self, call: Call) -> Result<Reply> {
        let call = Arc::new(call);
        let admitted = self.enter(&call).await?;
        self.finish(admitted).await
    }
}
