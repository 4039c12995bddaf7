//! What a function has at hand.

mod files;
mod http;
mod log;
mod python;
mod remote;
mod search;
mod table;

pub use files::{FileReader, FilesOf};
pub use http::{HttpClient, Request, Response};
pub use log::Log;
pub use python::{Done, Script};
pub use search::{Page, Search};
pub use table::Rows;

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use kageos_core::{
    Actor, CallId, Code, Dispatch, Effects, Env, Error, FileInfo, Files, HostCall, Http, Progress, Python,
    ResourcePath, Result, RowId, Source, Timestamp, Trace,
};
use tokio::sync::Mutex;

use crate::{
    Date, Table, TableHooks,
    table::{Store, Unit},
};

/// What a function has at hand while it runs: who asks, its tables, other functions, its line to the caller.
///
/// What it writes is collected and kept when the function returns `Ok`. It reads the committed state, and its
/// own writes by id.
#[derive(Debug)]
pub struct Ctx {
    call: HostCall,
    workspace: ResourcePath,
    env: Env,
    store: Arc<Store>,
    unit: Mutex<Unit>,
    allowed: Effects,
    /// Whether the action declares that it does something outside.
    external: bool,
    ports: Ports,
    /// The files that the call has made so far.
    made: Mutex<Vec<FileInfo>>,
    /// The app's own code runs, or has run.
    begun: Arc<AtomicBool>,
}

/// What a host lets its functions reach beyond their rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ports {
    pub(crate) dispatch: Option<Weak<dyn Dispatch>>,
    pub(crate) files: Option<Arc<dyn Files>>,
    pub(crate) http: Option<Arc<dyn Http>>,
    pub(crate) python: Option<Arc<dyn Python>>,
}

impl Ctx {
    /// For an action with these effects; its rows may be changed as `allowed` says.
    pub(crate) fn new(
        call: HostCall,
        workspace: ResourcePath,
        store: Arc<Store>,
        (effects, allowed): (Effects, Effects),
        ports: Ports,
    ) -> Self {
        let (env, unit) = (store.env().clone(), Mutex::new(store.unit()));
        let (made, begun, external) = (Mutex::default(), Arc::default(), effects.external);
        Self { call, workspace, env, store, unit, allowed, external, ports, made, begun }
    }

    /// Who asks.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.call.actor
    }

    /// What started the call.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.call.source
    }

    /// Where the call stands in a trace.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.call.trace
    }

    /// The call.
    #[must_use]
    pub fn call_id(&self) -> CallId {
        self.call.id
    }

    /// The function that was called.
    #[must_use]
    pub fn path(&self) -> &ResourcePath {
        &self.call.path
    }

    /// The workspace that the app is installed in.
    #[must_use]
    pub fn workspace(&self) -> &ResourcePath {
        &self.workspace
    }

    /// When the call is too late.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.call.deadline
    }

    /// Whether the call only shows what it would change. Nothing has to be done about it: what is written
    /// through [`Ctx::table`] is taken back, and calls to others inherit it.
    #[must_use]
    pub fn dry_run(&self) -> bool {
        self.call.dry_run
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.env.now()
    }

    /// The present day in UTC.
    #[must_use]
    pub fn today(&self) -> Date {
        let now = jiff::Timestamp::from_microsecond(self.now().as_micros()).unwrap_or_default();
        jiff::tz::TimeZone::UTC.to_datetime(now).date()
    }

    /// The id of a row to be made.
    #[must_use]
    pub fn row_id(&self) -> RowId {
        self.store.row_id()
    }

    /// The rows of a table.
    #[must_use]
    pub fn table<T: Table + TableHooks>(&self) -> Rows<'_, T> {
        Rows::new(self)
    }

    /// Tells the caller how far the call has come.
    pub fn progress(&self, done: u64, total: Option<u64>, message: impl Into<String>) {
        self.call.control.report(Progress { done, total, message: message.into() });
    }

    /// Whether the caller has gone; work in steps asks between them.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.call.control.is_cancelled()
    }

    /// Between the steps of long work: tells the caller how far it has come, lets others have a turn, and ends the call when
    /// the caller wants no more of it. What was written so far is not kept then.
    ///
    /// # Errors
    /// [`Code::Cancelled`].
    pub async fn step(&self, done: u64, total: Option<u64>, message: impl Into<String>) -> Result<()> {
        self.progress(done, total, message);
        tokio::task::yield_now().await;
        if self.is_cancelled() { Err(Error::of(Code::Cancelled)) } else { Ok(()) }
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub(crate) fn unit(&self) -> &Mutex<Unit> {
        &self.unit
    }

    /// Refuses what the action did not declare.
    pub(crate) fn allow(&self, has: impl Fn(Effects) -> bool, effect: &str) -> Result<()> {
        if has(self.allowed) {
            return Ok(());
        }
        let message = format!(
            "{} did not declare that it {effect} rows: add `{effect}` to its effect(…)",
            self.call.path
        );
        self.log().error(&message);
        Err(Error::new(Code::Internal, message))
    }

    /// From here on the app's own code runs.
    pub(crate) fn begin(&self) -> &Self {
        self.begun.store(true, Ordering::SeqCst);
        self
    }

    /// Whether the app's own code has begun, also when this is gone.
    pub(crate) fn begun(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.begun)
    }

    pub(crate) fn host_call(&self) -> &HostCall {
        &self.call
    }

    /// The workspace, and what is to be written there.
    pub(crate) fn into_unit(self) -> (ResourcePath, Unit) {
        (self.workspace, self.unit.into_inner())
    }
}
