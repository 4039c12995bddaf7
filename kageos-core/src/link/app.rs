//! The app's end: it asks to be let in and runs what it is asked for on a host of its own.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Closed, LinkDispatch, LinkFiles, LinkHttp, LinkPython, LinkSteps, Session, VERSIONS,
    handler::{Answered, Handler, answered, asked, with_body},
    message::{CallHead, Called, Note, ToApp, ToPlatform, Welcome},
};
use crate::{
    CallControl, CallId, Code, Env, Error, Host, HostCall, HostError, HostReply, LogEntry, Manifest,
    Progress, Result,
};

/// Progress that comes quicker than this is left out.
const PROGRESS: Duration = Duration::from_millis(50);

/// How an app was let in, and what it may ask of its platform.
#[derive(Debug, Clone)]
pub struct Served {
    /// How it was let in.
    pub welcome: Welcome,
    /// Other functions.
    pub dispatch: LinkDispatch,
    /// Files.
    pub files: LinkFiles,
    /// What lies outside.
    pub http: LinkHttp,
    /// Scripts.
    pub python: LinkPython,
    /// Who keeps what it does to its tables.
    pub steps: LinkSteps,
}

/// Offers an app to the platform at the other end of a stream and runs its calls, until the link ends. `open` makes the
/// host when the app was let in.
///
/// # Errors
/// When the platform does not let the app in, or the host cannot be opened.
pub async fn serve<O>(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    env: Env,
    manifest: &Manifest,
    open: impl FnOnce(Served) -> O,
) -> Result<Closed>
where
    O: Future<Output = Result<Arc<dyn Host>>>,
{
    let (host, session, calls) = (OnceLock::new(), OnceLock::new(), Mutex::default());
    let end = Arc::new(AppEnd { env, host, session, calls, lost: Arc::default() });
    let session = Session::start(stream, Arc::<AppEnd>::clone(&end));
    let hello = ToPlatform::Hello { versions: VERSIONS, manifest: Box::new(manifest.clone()) };
    let (welcome, _): (Welcome, _) = session.ask(&hello, &[]).await.map_err(HostError::into_error)?;
    let (dispatch, files) = (LinkDispatch(session.clone()), LinkFiles(session.clone()));
    let (http, python) = (LinkHttp(session.clone()), LinkPython(session.clone()));
    let steps = LinkSteps(session.clone());
    let host = match open(Served { welcome, dispatch, files, http, python, steps }).await {
        Ok(host) => host,
        Err(error) => {
            // The reason is for whoever started the app; without an answer there is nobody to tell.
            let _ = session.ask::<()>(&ToPlatform::NotReady(error.clone()), &[]).await;
            return Err(error);
        }
    };
    let _ = end.host.set(host);
    let _ = end.session.set(session.clone());
    let ((), _) = session.ask(&ToPlatform::Ready, &[]).await.map_err(HostError::into_error)?;
    Ok(session.closed().await)
}

struct AppEnd {
    env: Env,
    host: OnceLock<Arc<dyn Host>>,
    session: OnceLock<Session>,
    /// The calls that run.
    calls: Mutex<HashMap<CallId, Arc<Control>>>,
    /// Lines of the log that were not sent because much waited already.
    lost: Arc<AtomicU64>,
}

impl AppEnd {
    async fn call(&self, head: CallHead, input: Vec<u8>) -> Result<Answered, HostError> {
        let (host, session) = self.host.get().zip(self.session.get()).ok_or_else(too_early)?;
        let control = Arc::new(Control {
            call: head.id,
            session: session.clone(),
            env: self.env.clone(),
            cancelled: AtomicBool::new(false),
            told: Mutex::default(),
            lost: Arc::clone(&self.lost),
        });
        let running = Running::enter(self, &control);
        let CallHead { id, path, action, actor, source, trace, left_ms, dry_run } = head;
        let deadline = self.env.now().plus(Duration::from_millis(left_ms));
        let call = HostCall { id, path, action, input, actor, source, trace, deadline, dry_run, control };
        let reply = host.call(call).await;
        drop(running);
        let lines = self.lost.swap(0, Ordering::Relaxed);
        if lines > 0 {
            // The answer waits for its turn as well.
            session.tell(&Note::LogLost { lines }).await;
        }
        let HostReply { output, changes, receipt, undoable } = reply?;
        with_body(&Called { changes, receipt, undoable }, output.get().as_bytes().to_vec())
    }

    fn control(&self, call: CallId) -> Option<Arc<Control>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(&call).cloned()
    }
}

#[async_trait]
impl Handler for AppEnd {
    async fn answer(&self, ask: &RawValue, body: Vec<u8>) -> Result<Answered, HostError> {
        let host = self.host.get().ok_or_else(too_early)?;
        match asked(ask)? {
            ToApp::Call(head) => self.call(*head, body).await,
            ToApp::Receipt { call } => answered(&host.receipt(call).await?),
            ToApp::Fence { call } => answered(&host.fence(call).await?),
            ToApp::ForgetReceipts { before } => answered(&host.forget_receipts(before).await?),
            ToApp::RowCount { path, most } => answered(&host.row_count(&path, most).await?),
            ToApp::Health => answered(&()),
        }
    }

    fn note(&self, note: Note) {
        match note {
            Note::Stop { call } => {
                if let Some(control) = self.control(call) {
                    control.cancelled.store(true, Ordering::SeqCst);
                }
            }
            Note::Drain | Note::Progress { .. } | Note::Log { .. } | Note::LogLost { .. } => {}
        }
    }

    fn cancels(&self) -> bool {
        true
    }
}

fn too_early() -> Error {
    Error::new(Code::Unavailable, "The app is not ready yet.")
}

/// A call that runs, until this is dropped; then whoever works for it somewhere learns that nobody waits.
struct Running<'a> {
    end: &'a AppEnd,
    control: Arc<Control>,
}

impl<'a> Running<'a> {
    fn enter(end: &'a AppEnd, control: &Arc<Control>) -> Self {
        let mut calls = end.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.insert(control.call, Arc::clone(control));
        Self { end, control: Arc::clone(control) }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.control.cancelled.store(true, Ordering::SeqCst);
        self.end.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.control.call);
    }
}

/// The line to the caller.
#[derive(Debug)]
struct Control {
    call: CallId,
    session: Session,
    env: Env,
    cancelled: AtomicBool,
    /// When progress was told last.
    told: Mutex<Option<Duration>>,
    /// Lines of the app's log that were not sent.
    lost: Arc<AtomicU64>,
}

impl CallControl for Control {
    fn report(&self, progress: Progress) {
        let now = self.env.clock.monotonic();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let last = progress.total.is_some_and(|total| progress.done >= total);
        if last || told.is_none_or(|told| now.saturating_sub(told) >= PROGRESS) {
            *told = Some(now);
            self.session.note(&Note::Progress { call: self.call, progress });
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn log(&self, entry: LogEntry) {
        let note = Note::Log { call: Some(self.call), entry: entry.bounded() };
        if !self.session.note(&note) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
