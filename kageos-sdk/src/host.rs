//! Runs an app in this process.

use std::{
    any::Any,
    collections::HashMap,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock, Weak, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use kageos_core::{
    ActionName, ActionSchema, CallId, Code, Dispatch, Effects, Env, Error, Files, Host, HostCall, HostError,
    HostReply, Http, Kind, LogEntry, LogLevel, Manifest, Python, Receipt, ResourcePath, Result, TableSteps,
    Timestamp, json, sql::Db,
};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use sha2::{Digest, Sha256};

use crate::{
    App, Ctx,
    app::Handler,
    ctx::Ports,
    table::{Applied, Store, Unit, Written},
};

/// Any effect: what hooks of a table do is the table's own affair.
const ANY: Effects = Effects { reads: true, creates: true, updates: true, deletes: true, external: true };

/// An [`App`] mounted in this process, on its workspace's own database.
#[derive(Debug)]
pub struct InProcess {
    workspace: ResourcePath,
    manifest: Arc<Manifest>,
    functions: HashMap<String, Function>,
    store: Arc<Store>,
    dispatch: OnceLock<Weak<dyn Dispatch>>,
    files: OnceLock<Arc<dyn Files>>,
    http: OnceLock<Arc<dyn Http>>,
    python: OnceLock<Arc<dyn Python>>,
}

#[derive(Debug)]
struct Function {
    kind: Kind,
    actions: Vec<ActionSchema>,
    handler: Arc<dyn Handler>,
}

impl InProcess {
    /// Opens the app's tables in the workspace's database. `cursor_key` seals the cursors of lists; keep it, so
    /// that a cursor outlives a restart.
    ///
    /// # Errors
    /// Every mistake in the app's declaration, or what the database answers.
    pub async fn open(
        app: &App,
        workspace: ResourcePath,
        db: Db,
        env: Env,
        cursor_key: [u8; 32],
    ) -> Result<Arc<Self>> {
        Self::open_noting(app, workspace, db, (env, cursor_key), &mut TableSteps::default()).await
    }

    /// The same, noting what is done to the tables; see [`Store::open_noting`].
    pub(crate) async fn open_noting(
        app: &App,
        workspace: ResourcePath,
        db: Db,
        (env, cursor_key): (Env, [u8; 32]),
        done: &mut TableSteps,
    ) -> Result<Arc<Self>> {
        let tables = app.checked()?;
        let manifest = app.manifest()?;
        let store = Store::open_noting(db, tables, env, cursor_key, done).await?;
        let mut handlers: HashMap<String, Arc<dyn Handler>> = app.handlers().collect();
        let entries = manifest.functions.iter().filter_map(|entry| {
            let handler = handlers.remove(&entry.path)?;
            let (kind, actions) = (entry.schema.kind, entry.schema.actions.clone());
            Some((entry.path.clone(), Function { kind, actions, handler }))
        });
        let functions = entries.collect();
        let manifest = Arc::new(manifest);
        Ok(Arc::new(Self {
            workspace,
            manifest,
            functions,
            store,
            dispatch: OnceLock::new(),
            files: OnceLock::new(),
            http: OnceLock::new(),
            python: OnceLock::new(),
        }))
    }

    /// Lets the app's functions call others through this dispatcher. The first one stays.
    pub fn connect(&self, dispatch: &Arc<dyn Dispatch>) {
        let _ = self.dispatch.set(Arc::downgrade(dispatch));
    }

    /// Lets the app's functions read and make files. The first one stays.
    pub fn connect_files(&self, files: Arc<dyn Files>) {
        let _ = self.files.set(files);
    }

    /// Lets the app's functions send requests outside. The first one stays.
    pub fn connect_http(&self, http: Arc<dyn Http>) {
        let _ = self.http.set(http);
    }

    /// Lets the app's functions run scripts. The first one stays.
    pub fn connect_python(&self, python: Arc<dyn Python>) {
        let _ = self.python.set(python);
    }

    /// The app's tables.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Where the app was mounted when it was opened. It may be called otherwise since: a call says where it is.
    #[must_use]
    pub fn workspace(&self) -> &ResourcePath {
        &self.workspace
    }

    fn find(&self, call: &HostCall) -> Result<(&Function, &ActionSchema)> {
        let function = self.functions.get(call.path.in_workspace());
        let function = function.ok_or_else(|| Error::of(Code::NotFound))?;
        let action = function.actions.iter().find(|action| action.name == call.action);
        Ok((function, action.ok_or_else(|| Error::of(Code::UnknownAction))?))
    }

    /// Runs the function and keeps what it writes.
    async fn run(
        &self,
        function: &Function,
        effects: Effects,
        ctx: Ctx,
    ) -> std::result::Result<HostReply, HostError> {
        let call = ctx.host_call().clone();
        let input = json::parse(&call.input)?;
        let late = || Error::of(Code::DeadlineExceeded);
        let run = caught(function.handler.call(&ctx, &call.action, input), &call);
        let output: Arc<RawValue> =
            tokio::time::timeout(self.left(&call), run).await.map_err(|_| late())??.into();
        ctx.claim_files().await?;
        let made = ctx.made_files().await;
        let (workspace, unit) = ctx.into_unit();
        if !effects.changes() && unit.is_empty() {
            return Ok(HostReply { changes: made, ..HostReply::read(output) });
        }
        let reply = self.apply(call, workspace, unit, output).await?;
        Ok(HostReply { changes: reply.changes.into_iter().chain(made).collect(), ..reply })
    }

    /// Sets back the rows that another call changed.
    async fn undo(&self, call: HostCall) -> std::result::Result<HostReply, HostError> {
        let input = json::parse(&call.input)?;
        let named = input.get("call").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let named = named.ok_or_else(|| Error::field("/call", "schema", "This is not the id of a call."))?;
        let receipt = self.store.receipt(named).await?;
        let kept = receipt.filter(|receipt| receipt.omitted.is_none() && !receipt.changes.is_empty());
        let receipt = kept.ok_or_else(|| Error::of(Code::UndoUnsupported))?;
        let mut unit = self.store.unit();
        unit.undo(&receipt.changes).await?;
        let output: Arc<RawValue> = to_raw_value(&Value::Object(Map::new())).map_err(Error::internal)?.into();
        let workspace = call.path.workspace().ok_or_else(|| Error::of(Code::NotFound))?;
        self.apply(call, workspace, unit, output).await.map_err(|error| match error {
            // Somebody was faster than the undo, or a row that it would name again is gone.
            HostError::Refused(error)
                if matches!(error.code, Code::VersionConflict | Code::NotFound | Code::InvalidInput) =>
            {
                HostError::Refused(Error::of(Code::UndoConflict).caused_by(error))
            }
            error => error,
        })
    }

    /// Keeps what a call writes, with its receipt.
    async fn apply(
        &self,
        call: HostCall,
        workspace: ResourcePath,
        unit: Unit,
        output: Arc<RawValue>,
    ) -> std::result::Result<HostReply, HostError> {
        let left = self.left(&call);
        if left.is_zero() {
            return Err(Error::of(Code::DeadlineExceeded).into());
        }
        let applied = Applied {
            call: call.id,
            workspace,
            actor: call.actor,
            source: call.source,
            trace: call.trace,
            request_hash: hash(&call.input),
            output: Arc::clone(&output),
            dry_run: call.dry_run,
        };
        match tokio::time::timeout(left, self.store.apply(unit, applied)).await {
            Ok(done) => {
                let Written { changes, undoable } = done?;
                let reply = HostReply::applied(output, changes, call.dry_run);
                Ok(HostReply { undoable: reply.undoable && undoable, ..reply })
            }
            Err(_) => Err(HostError::CutOff(Error::of(Code::OutcomeUnknown))),
        }
    }

    fn left(&self, call: &HostCall) -> Duration {
        call.deadline.since(self.store.env().now())
    }
}

#[async_trait]
impl Host for InProcess {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest)
    }

    async fn call(&self, call: HostCall) -> std::result::Result<HostReply, HostError> {
        if call.action == ActionName::UNDO {
            return self.undo(call).await;
        }
        let (function, action) = self.find(&call)?;
        let effects = action.effect.effects;
        if self.left(&call).is_zero() {
            return Err(Error::of(Code::DeadlineExceeded).into());
        }
        let workspace = call.path.workspace().ok_or_else(|| Error::of(Code::NotFound))?;
        let allowed = if function.kind == Kind::Table { ANY } else { effects };
        let ports = Ports {
            dispatch: self.dispatch.get().cloned(),
            files: self.files.get().cloned(),
            http: self.http.get().cloned(),
            python: self.python.get().cloned(),
        };
        let ctx = Ctx::new(call, workspace, Arc::clone(&self.store), (effects, allowed), ports);
        let begun = ctx.begun();
        let done = self.run(function, effects, ctx).await;
        // What the function did outside stands, whatever became of the rest.
        let acted = effects.external && begun.load(Ordering::SeqCst);
        done.map_err(|error| match error {
            HostError::Refused(error) if acted => HostError::Ended(error),
            error => error,
        })
    }

    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>> {
        self.store.receipt(call).await
    }

    async fn forget_receipts(&self, before: Timestamp) -> Result<u64> {
        self.store.purge_receipts(before).await
    }

    async fn fence(&self, call: CallId) -> Result<Option<Receipt>> {
        self.store.fence(call).await
    }

    async fn row_count(&self, path: &str, most: u32) -> Result<Option<u32>> {
        self.store.row_count(path, most).await
    }
}

/// SHA-256 of a call's input, hexadecimal.
fn hash(input: &[u8]) -> String {
    kageos_core::hex(&Sha256::digest(input))
}

/// Turns a panic of the app's code into an error, so that it ends one call and nothing else.
async fn caught<T>(run: impl Future<Output = Result<T>>, call: &HostCall) -> Result<T> {
    let mut run = std::pin::pin!(run);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(panic) => {
            let text = words(panic.as_ref());
            call.control.log(LogEntry::new(LogLevel::Error, format!("The app panicked: {text}")));
            Poll::Ready(Err(Error::of(Code::Internal)))
        }
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
