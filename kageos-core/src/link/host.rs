//! The platform's end: an app at the other end of a stream as a [`Host`].

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use super::{
    Closed, MAX_ASKS, Session, VERSIONS,
    handler::{Answered, Handler, answered, asked, with_body},
    message::{CallHead, Called, Dispatched, Note, ToApp, ToPlatform, Welcome},
    session::WeakSession,
};
use crate::{
    Actor, Call, CallId, Change, Code, Dispatch, Env, Error, Files, Host, HostCall, HostError, HostReply,
    Http, LogCall, LogSink, LogSource, Manifest, Python, PythonScript, Receipt, ResourcePath, Result, Source,
    SourceKind, StepSink, TableSteps, Timestamp, file::NewFile, json,
};

/// How long an app may take to answer what its database knows.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Most calls that run at a time: some questions are left for what is asked beside them, as whether the app works.
const MAX_CALLS: usize = MAX_ASKS - 16;
/// Longest text of progress, in characters.
const MAX_MESSAGE: usize = 500;
/// Longest id of a row, in bytes.
const MAX_ROW: usize = 64;
/// How often callers are asked whether they still want their calls.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// What an app is let in with.
#[derive(Clone)]
pub struct LinkOptions {
    /// Where it is mounted.
    pub workspace: ResourcePath,
    /// Where its database is, as it can reach it.
    pub database: String,
    /// What seals the cursors of its lists.
    pub cursor_key: [u8; 32],
    /// How long it may take from the first byte until it is ready.
    pub ready_within: Duration,
    /// Other functions.
    pub dispatch: Arc<dyn Dispatch>,
    /// The files of the workspace.
    pub files: Arc<dyn Files>,
    /// What lies outside; without it nothing is reached.
    pub http: Option<Arc<dyn Http>>,
    /// What runs scripts; without it none run.
    pub python: Option<Arc<dyn Python>>,
    /// Where its log goes.
    pub logs: Arc<dyn LogSink>,
    /// Who keeps what it does to its tables; without one nobody does.
    pub steps: Option<Arc<dyn StepSink>>,
}

impl fmt::Debug for LinkOptions {
    /// Without what nobody may read in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkOptions")
            .field("workspace", &self.workspace)
            .field("ready_within", &self.ready_within)
            .finish_non_exhaustive()
    }
}

/// An app at the other end of a stream. What it says is believed of its own rows only: who calls, where and until when
/// stands here.
pub struct LinkHost {
    session: Session,
    end: Arc<PlatformEnd>,
    manifest: Arc<Manifest>,
    /// The paths of what it declares, inside the workspace.
    functions: HashSet<String>,
}

impl Drop for LinkHost {
    fn drop(&mut self) {
        self.session.close();
        // Whoever looks after its calls has nothing more to do.
        self.end.changed.notify_waiters();
    }
}

impl fmt::Debug for LinkHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkHost")
            .field("app", &self.manifest.app)
            .field("workspace", &self.end.options.workspace)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

struct PlatformEnd {
    env: Env,
    options: LinkOptions,
    /// What the app has declared when it was let in.
    manifest: OnceLock<Arc<Manifest>>,
    ready: watch::Sender<Start>,
    /// It has told what it did to its tables.
    told: AtomicBool,
    calls: Mutex<Calls>,
    /// A call has begun where none ran, or none runs any more.
    changed: Notify,
}

/// How far an app is that comes to its link.
#[derive(Debug, Clone, Default)]
enum Start {
    #[default]
    Opening,
    Ready,
    /// It cannot run, and said why.
    Refused(Error),
}

/// The calls that run.
#[derive(Default)]
struct Calls {
    running: HashMap<CallId, Arc<HostCall>>,
    /// No other one begins.
    draining: bool,
    /// Where the last one found the app.
    workspace: Option<ResourcePath>,
}

impl LinkHost {
    /// Lets in the app at the other end of a stream and waits until it is ready.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it goes away, is too slow, or does not keep to the protocol.
    pub async fn accept(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        env: Env,
        options: LinkOptions,
    ) -> Result<Arc<Self>> {
        let within = options.ready_within;
        let (manifest, calls, changed) = (OnceLock::new(), Mutex::default(), Notify::new());
        let (ready, told) = (watch::Sender::default(), AtomicBool::new(false));
        let end = PlatformEnd { env, options, manifest, ready, told, calls, changed };
        let end = Arc::new(end);
        let session = Session::start(stream, Arc::<PlatformEnd>::clone(&end));
        let mut ready = end.ready.subscribe();
        let why = tokio::select! {
            is = timeout(within, ready.wait_for(|start| !matches!(start, Start::Opening))) => match is {
                Ok(Ok(start)) => match &*start {
                    Start::Refused(error) => Some(brief(&error.message)),
                    _ => None,
                },
                Ok(Err(_)) => None,
                Err(_) => Some("it was not ready in time".to_owned()),
            },
            closed = session.closed() => Some(closed.to_string()),
        };
        let manifest = end.manifest.get().filter(|_| why.is_none()).cloned();
        let Some(manifest) = manifest else {
            session.close();
            let why = why.unwrap_or_default();
            return Err(Error::new(Code::Unavailable, format!("The app did not start: {why}.")));
        };
        tokio::spawn(stop_cancelled(session.downgrade(), Arc::clone(&end)));
        let functions = manifest.functions.iter().map(|function| function.path.clone()).collect();
        Ok(Arc::new(Self { session, end, manifest, functions }))
    }

    /// Whether the app answers.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it does not, within `within`.
    pub async fn health(&self, within: Duration) -> Result<()> {
        let answer = timeout(within, self.session.ask::<()>(&ToApp::Health, &[])).await;
        match (answer, self.session.closed_now()) {
            // One that says that it has too much to do says something.
            (Ok(_), None) => Ok(()),
            (_, Some(why)) => Err(Error::new(Code::Unavailable, format!("Its link has ended: {why}."))),
            (Err(_), None) => Err(Error::new(Code::Unavailable, "It does not answer.")),
        }
    }

    /// Lets no other call begin, waits for those that run, at most `within`, and ends the link. Answers how many calls
    /// had to be cut off.
    pub async fn drain(&self, within: Duration) -> usize {
        self.end.lock().draining = true;
        self.session.note(&Note::Drain);
        let done = async {
            loop {
                let changed = self.end.changed.notified();
                if self.end.lock().running.is_empty() {
                    break;
                }
                changed.await;
            }
        };
        let _ = timeout(within, done).await;
        let left = self.end.lock().running.len();
        self.session.close();
        left
    }

    /// Whether no call runs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.end.lock().running.is_empty()
    }

    /// Waits for the end of the link.
    pub async fn closed(&self) -> Closed {
        self.session.closed().await
    }

    /// Why the link has ended; `None` while it has not.
    #[must_use]
    pub fn closed_now(&self) -> Option<Closed> {
        self.session.closed_now()
    }

    /// A receipt as the app may give it: of that call, and of rows of its own workspace, wherever that lies now.
    fn sound(&self, call: CallId, receipt: Option<Receipt>) -> Result<Option<Receipt>> {
        let Some(mut receipt) = receipt else { return Ok(None) };
        let rows = receipt.changes.iter().filter_map(|change| change.row.as_ref());
        if receipt.call != call || rows.into_iter().any(|row| row.len() > MAX_ROW) {
            return Err(Error::internal(Wrong("a receipt is not what was asked for".to_owned())));
        }
        let workspace =
            self.end.lock().workspace.clone().unwrap_or_else(|| self.end.options.workspace.clone());
        let omitted = receipt.omitted.iter_mut().flat_map(|omitted| &mut omitted.paths);
        for path in receipt.changes.iter_mut().map(|change| &mut change.path).chain(omitted) {
            if path.workspace().as_ref() != Some(&workspace) {
                *path = format!("{workspace}/{}", path.in_workspace()).parse()?;
            }
        }
        Ok(Some(receipt))
    }

    async fn look_up<R: DeserializeOwned>(&self, ask: &ToApp, within: Duration) -> Result<R> {
        match timeout(within, self.session.ask(ask, &[])).await {
            Ok(Ok((value, _))) => Ok(value),
            Ok(Err(error)) => Err(error.into_error()),
            Err(_) => Err(Error::new(Code::Unavailable, "The app does not answer.")),
        }
    }
}

#[async_trait]
impl Host for LinkHost {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest)
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        let call = Arc::new(call);
        let running = Entered::new(&self.end, &call)?;
        let ask = ToApp::Call(Box::new(CallHead::of(&call, self.end.env.now())));
        let answer = self.session.ask::<Called>(&ask, &call.input).await;
        drop(running);
        let (Called { changes, receipt, undoable }, output) = answer?;
        // From here on what was done is done; a reply that makes no sense is the app's mistake.
        let wrong = |what: &str| HostError::Ended(Error::internal(Wrong(what.to_owned())));
        let output: Box<RawValue> =
            serde_json::from_slice(&output).map_err(|_| wrong("its output is no JSON"))?;
        let declared = |change: &Change| {
            let row = change.row.as_ref().is_none_or(|row| row.len() <= MAX_ROW);
            row && self.functions.contains(change.path.in_workspace())
        };
        let workspace = call.path.workspace();
        if !changes.iter().all(|change| change.path.workspace() == workspace && declared(change)) {
            return Err(wrong("it tells of changes that are not its own"));
        }
        Ok(HostReply { output: output.into(), changes, receipt, undoable })
    }

    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>> {
        self.sound(call, self.look_up(&ToApp::Receipt { call }, LOOK_UP).await?)
    }

    async fn forget_receipts(&self, before: Timestamp) -> Result<u64> {
        self.look_up(&ToApp::ForgetReceipts { before }, LOOK_UP).await
    }

    async fn fence(&self, call: CallId) -> Result<Option<Receipt>> {
        self.sound(call, self.look_up(&ToApp::Fence { call }, LOOK_UP).await?)
    }

    async fn row_count(&self, path: &str, most: u32) -> Result<Option<u32>> {
        self.look_up(&ToApp::RowCount { path: path.to_owned(), most }, LOOK_UP).await
    }
}

/// What an app got wrong.
#[derive(Debug, thiserror::Error)]
#[error("the app's answer is refused: {0}")]
struct Wrong(String);

/// A call that runs, until this is dropped.
struct Entered<'a> {
    end: &'a PlatformEnd,
    call: CallId,
}

impl<'a> Entered<'a> {
    fn new(end: &'a PlatformEnd, call: &Arc<HostCall>) -> Result<Self> {
        let mut calls = end.lock();
        if calls.draining {
            return Err(Error::new(Code::Unavailable, "The app is being replaced."));
        }
        if calls.running.len() >= MAX_CALLS {
            return Err(Error::new(Code::Unavailable, "The app runs as many calls as it may; try again."));
        }
        if calls.running.is_empty() {
            end.changed.notify_waiters();
        }
        calls.running.insert(call.id, Arc::clone(call));
        if calls.workspace.as_ref() != call.path.workspace().as_ref() {
            calls.workspace = call.path.workspace();
        }
        Ok(Self { end, call: call.id })
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut calls = self.end.lock();
        calls.running.remove(&self.call);
        if calls.running.is_empty() {
            self.end.changed.notify_waiters();
        }
    }
}

/// Tells the app of callers who want no more of their calls.
async fn stop_cancelled(session: WeakSession, end: Arc<PlatformEnd>) {
    let mut told: Vec<CallId> = Vec::new();
    loop {
        let changed = end.changed.notified();
        let (idle, cancelled) = {
            let calls = end.lock();
            told.retain(|call| calls.running.contains_key(call));
            let cancelled = calls.running.values().filter(|call| call.control.is_cancelled());
            (calls.running.is_empty(), cancelled.map(|call| call.id).collect::<Vec<_>>())
        };
        let Some(session) = session.upgrade().filter(|session| session.closed_now().is_none()) else {
            return;
        };
        for call in cancelled {
            if !told.contains(&call) {
                session.note(&Note::Stop { call });
                told.push(call);
            }
        }
        drop(session);
        if idle { changed.await } else { sleep(ASKED_EVERY).await }
    }
}

impl PlatformEnd {
    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call that the app says it runs.
    fn during(&self, call: CallId) -> Result<Arc<HostCall>> {
        let running = self.lock().running.get(&call).cloned();
        running.ok_or_else(|| Error::new(Code::Forbidden, "The app runs no such call."))
    }

    /// Waits until a call has ended.
    async fn ended(&self, call: CallId) {
        while self.lock().running.contains_key(&call) {
            sleep(ASKED_EVERY).await;
        }
    }

    fn welcome(&self, versions: (u32, u32), manifest: Manifest) -> Result<Welcome> {
        let version = versions.1.min(VERSIONS.1);
        if version < versions.0.max(VERSIONS.0) {
            let (first, last) = VERSIONS;
            let message = format!("The platform speaks versions {first} to {last} of the protocol.");
            return Err(Error::new(Code::Conflict, message));
        }
        if self.manifest.set(Arc::new(manifest)).is_err() {
            return Err(Error::new(Code::Conflict, "An app says hello once."));
        }
        let LinkOptions { workspace, database, cursor_key, .. } = &self.options;
        let (workspace, database) = (workspace.clone(), database.clone());
        Ok(Welcome { version, workspace, database, cursor_key: *cursor_key })
    }

    /// Keeps what the app did to tables that it declares.
    async fn steps(&self, steps: TableSteps) -> Result<()> {
        let opening = matches!(&*self.ready.borrow(), Start::Opening);
        let manifest = self.manifest.get().filter(|_| opening);
        let manifest = manifest
            .ok_or_else(|| Error::new(Code::Conflict, "An app says so while it opens its tables."))?;
        if self.told.swap(true, Ordering::Relaxed) {
            return Err(Error::new(Code::Conflict, "An app says once what it did to its tables."));
        }
        let steps = steps.bounded();
        let declared = |table: &str| manifest.functions.iter().any(|function| function.path == table);
        if !steps.steps.iter().all(|step| declared(&step.table)) {
            return Err(Error::new(Code::InvalidInput, "An app tells of tables that it declares."));
        }
        match &self.options.steps {
            Some(sink) if !steps.is_empty() => sink.take(steps).await,
            _ => Ok(()),
        }
    }

    async fn dispatch(
        &self,
        parent: &HostCall,
        (path, action, dry_run): (ResourcePath, crate::ActionName, bool),
        input: &[u8],
    ) -> Result<Answered, HostError> {
        let workspace = parent.path.workspace();
        let call = Call {
            id: CallId::new(&self.env),
            path,
            action,
            input: json::parse(input)?,
            actor: Actor { app: workspace, ..parent.actor.clone() },
            source: Source {
                kind: SourceKind::App,
                reference: Some(parent.id.to_string()),
                path: Some(parent.path.clone()),
                title: None,
            },
            trace: parent.trace.child(&*self.env.entropy),
            deadline: Some(parent.deadline),
            idempotency_key: None,
            dry_run: parent.dry_run || dry_run,
        };
        let reply = self.options.dispatch.dispatch(call).await?;
        let output = reply.output.get().as_bytes().to_vec();
        with_body(&Dispatched::from(reply), output)
    }
}

#[async_trait]
impl Handler for PlatformEnd {
    async fn answer(&self, ask: &RawValue, body: Vec<u8>) -> Result<Answered, HostError> {
        let files = &self.options.files;
        match asked(ask)? {
            ToPlatform::Hello { versions, manifest } => answered(&self.welcome(versions, *manifest)?),
            ToPlatform::TableSteps(steps) => answered(&self.steps(steps).await?),
            ToPlatform::Ready => {
                if self.manifest.get().is_none() {
                    return Err(Error::new(Code::Conflict, "An app says hello first.").into());
                }
                self.ready.send_replace(Start::Ready);
                answered(&())
            }
            ToPlatform::NotReady(error) => {
                self.ready.send_replace(Start::Refused(error));
                answered(&())
            }
            ToPlatform::Dispatch { during, path, action, dry_run } => {
                self.dispatch(&*self.during(during)?, (path, action, dry_run), &body).await
            }
            ToPlatform::FindFiles { during, ids } => {
                answered(&files.find(&*self.during(during)?, &ids).await?)
            }
            ToPlatform::ClaimFiles { during, ids } => {
                answered(&files.claim(&*self.during(during)?, &ids).await?)
            }
            ToPlatform::ReadFile { during, id, range } => {
                let bytes = files.read(&*self.during(during)?, id, range).await?;
                with_body(&(), bytes)
            }
            ToPlatform::WriteFile { during, name, media_type } => {
                let new = NewFile { name, media_type, bytes: body };
                answered(&files.write(&*self.during(during)?, new).await?)
            }
            ToPlatform::Http { during, mut request } => {
                let call = self.during(during)?;
                let http = self.options.http.as_ref().ok_or_else(|| Error::of(Code::EgressDenied))?;
                request.body = body;
                let mut response = http.send(&call, *request).await?;
                let body = std::mem::take(&mut response.body);
                with_body(&response, body)
            }
            ToPlatform::Python { during, script } => {
                let call = self.during(during)?;
                let python = self.options.python.as_ref().ok_or_else(|| Error::of(Code::Unavailable))?;
                let script = PythonScript::joined(*script, &body)?;
                drop(body);
                let done = tokio::select! {
                    done = python.run(&call, script) => done?,
                    () = self.ended(during) => return Err(Error::of(Code::Cancelled).into()),
                };
                let (done, body) = done.apart();
                with_body(&done, body)
            }
        }
    }

    fn note(&self, note: Note) {
        match note {
            Note::Progress { call, mut progress } => {
                let Ok(call) = self.during(call) else { return };
                if let Some((end, _)) = progress.message.char_indices().nth(MAX_MESSAGE) {
                    progress.message.truncate(end);
                }
                call.control.report(progress);
            }
            Note::LogLost { lines } => self.options.logs.lost(lines),
            Note::Log { call, entry } => {
                // A call that it does not run is none.
                let call = call.and_then(|call| self.during(call).ok());
                let call = call.as_deref().map(LogCall::from);
                self.options.logs.take(LogSource::App, call, entry.bounded());
            }
            Note::Stop { .. } | Note::Drain => {}
        }
    }

    /// What an app asked for goes on when it asks no more; it keeps its place until then.
    fn cancels(&self) -> bool {
        false
    }
}

/// What an app says of itself, as far as it is shown.
fn brief(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect()
}
