//! Calls an app's functions in memory, for the app's own tests.
//!
//! ```
//! # use kageos_sdk::{App, RowId, Table, testkit::Kit};
//! # #[derive(Table)] struct Note { #[field(id)] id: RowId, text: String }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> kageos_sdk::Result<()> {
//! let kit = Kit::open(&App::new("notes").table::<Note>()).await?;
//! let made = kit.call("note.table", "create", serde_json::json!({ "values": { "text": "hello" } })).await?;
//! assert_eq!(made.output["values"]["text"], "hello");
//! # Ok(())
//! # }
//! ```
//!
//! The kit is a whole platform in memory: calls go through the same door as in a server, with its rights, its
//! validation, its operation log and its events, on fresh SQLite files, with a clock that stands still and
//! randomness that follows from a seed.

pub mod conformance;
mod http;
mod python;

pub use http::TestHttp;
pub use python::PlainPython;

use std::{
    collections::VecDeque,
    future::Future,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use kageos_core::{
    ActionName, Actor, Call, CallId, Change, Code, Dispatch, Env, Error, FileInfo, Files, Host, HostCall,
    Http, LogCall, LogEntry, LogSink, LogSource, Python, ResourcePath, Result, Source, SourceKind, Timestamp,
    bus::Listener,
    clock::ManualClock,
    entropy::SeededEntropy,
    host::NoControl,
    link::{LinkHost, LinkOptions},
    platform::{
        Platform, PlatformOptions,
        files::{FileOptions, Objects},
        identity::{NewUser, UserKind},
        oplog::{Activity, ActivityQuery, SigningKey},
    },
    sql::{
        Db, DbOptions,
        testing::{TestDb, sqlite},
    },
};
use serde_json::Value;

use crate::{App, Form, Function, InProcess, Run, Submit, Wire, field::Reader};

/// Where the app is mounted.
pub const WORKSPACE: &str = "/test/app";
/// 2026-01-01T00:00:00Z in microseconds since 1970.
const START: i64 = 1_767_225_600_000_000;
/// How long a call may take, far above what any test needs.
const DEADLINE: Duration = Duration::from_secs(60);
/// What seals cursors.
const CURSOR_KEY: [u8; 32] = [1; 32];
/// Lines of the app's log that are kept.
const MAX_LOGGED: usize = 10_000;
/// Bytes that a link of a kit holds: less than a page of rows, so that ends have to wait for each other.
const LINK_BUFFER: usize = 4096;

/// What a call gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Given<T> {
    /// The call, for [`Kit::undo`].
    pub call: CallId,
    /// The output.
    pub output: T,
    /// The rows that were, or in a dry run would be, changed.
    pub changes: Vec<Change>,
    /// Whether [`Kit::undo`] can take it back.
    pub undoable: bool,
}

/// An app, mounted for a test.
#[derive(Debug)]
pub struct Kit {
    platform: Platform,
    host: Arc<dyn Host>,
    env: Env,
    clock: Arc<ManualClock>,
    actor: Actor,
    dry_run: bool,
    door: Arc<dyn Dispatch>,
    http: Arc<TestHttp>,
    logged: Arc<Logged>,
    _folder: Folder,
    _databases: [TestDb; 2],
}

/// A line of the app's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Where it comes from.
    pub source: LogSource,
    /// The call during which it was logged.
    pub call: Option<LogCall>,
    /// What was logged.
    pub entry: LogEntry,
}

/// The last lines that an app logged.
#[derive(Debug, Default)]
struct Logged(Mutex<VecDeque<LogLine>>);

impl Logged {
    fn lines(&self) -> MutexGuard<'_, VecDeque<LogLine>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogSink for Logged {
    fn take(&self, source: LogSource, call: Option<LogCall>, entry: LogEntry) {
        let mut lines = self.lines();
        if lines.len() == MAX_LOGGED {
            lines.pop_front();
        }
        lines.push_back(LogLine { source, call, entry });
    }

    fn lost(&self, _: u64) {}
}

/// A folder of its own that goes when it is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kageos-kit-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).map_err(Error::internal)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a host of a kit is opened with.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Where it is mounted.
    pub workspace: ResourcePath,
    /// Where its database is, for [`DbOptions::new`].
    pub database: String,
    /// Time and randomness.
    pub env: Env,
    /// Other functions.
    pub dispatch: Arc<dyn Dispatch>,
    /// Files.
    pub files: Arc<dyn Files>,
    /// What lies outside.
    pub http: Arc<dyn Http>,
    /// Scripts.
    pub python: Arc<dyn Python>,
    /// Where the log of an app goes that is not in this process.
    pub logs: Arc<dyn LogSink>,
}

impl Setting {
    /// The app in this process.
    ///
    /// # Errors
    /// Every mistake in the app's declaration, or what the database answers.
    pub async fn in_process(self, app: &App) -> Result<Arc<dyn Host>> {
        let db = Db::open(&DbOptions::new(&self.database)).await.map_err(Error::internal)?;
        let host = InProcess::open(app, self.workspace, db, self.env, CURSOR_KEY).await?;
        host.connect(&self.dispatch);
        host.connect_files(self.files);
        host.connect_http(self.http);
        host.connect_python(self.python);
        Ok(host)
    }

    /// The app at the other end of a link that leads nowhere else.
    ///
    /// # Errors
    /// As [`Setting::in_process`].
    pub async fn linked(self, app: App) -> Result<Arc<dyn Host>> {
        let (here, there) = tokio::io::duplex(LINK_BUFFER);
        let env = self.env.clone();
        let app = tokio::spawn(async move { crate::serve(&app, env, there).await });
        let options = LinkOptions {
            workspace: self.workspace,
            database: self.database,
            cursor_key: CURSOR_KEY,
            ready_within: DEADLINE,
            dispatch: self.dispatch,
            files: self.files,
            http: Some(self.http),
            python: Some(self.python),
            logs: self.logs,
            steps: None,
        };
        match LinkHost::accept(here, self.env, options).await {
            Ok(host) => Ok(host),
            Err(error) => match app.await.map_err(Error::internal)? {
                Ok(_) => Err(error),
                Err(why) => Err(why),
            },
        }
    }
}

impl Kit {
    /// Mounts the app for its owner, `ada`, on fresh databases.
    ///
    /// # Errors
    /// Every mistake in the app's declaration, or what the database answers.
    pub async fn open(app: &App) -> Result<Self> {
        Self::with(|setting| setting.in_process(app)).await
    }

    /// Mounts what `open` gives for its owner, `ada`, on fresh databases.
    ///
    /// # Errors
    /// What `open` refuses, or what the database answers.
    pub async fn with<O>(open: impl FnOnce(Setting) -> O) -> Result<Self>
    where
        O: Future<Output = Result<Arc<dyn Host>>>,
    {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(START)));
        let env = Env { clock: Arc::<ManualClock>::clone(&clock), entropy: Arc::new(SeededEntropy::new(1)) };
        let databases = [sqlite().await?, sqlite().await?];
        let folder = Folder::new()?;
        let key = SigningKey::from_bytes(&[1; 32]);
        let files = FileOptions::at(Objects::memory());
        let options = PlatformOptions::new(key, folder.0.join("heads.jsonl"), files);
        let platform = Platform::open(databases[0].db(), env.clone(), options).await?;
        let actor = account(&platform, "ada").await?;
        let workspace: ResourcePath = WORKSPACE.parse()?;
        let door: Arc<dyn Dispatch> = Arc::new(platform.dispatcher().clone());
        let http = Arc::new(TestHttp::default());
        let logged = Arc::new(Logged::default());
        platform.dispatcher().log_to(Arc::<Logged>::clone(&logged));
        let setting = Setting {
            workspace: workspace.clone(),
            database: databases[1].url().to_owned(),
            env: env.clone(),
            dispatch: Arc::clone(&door),
            files: Arc::new(platform.files().clone()),
            http: Arc::<TestHttp>::clone(&http),
            python: Arc::new(PlainPython),
            logs: Arc::<Logged>::clone(&logged),
        };
        let host = open(setting).await?;
        http.declared(host.manifest().egress.clone());
        let owner = actor.id.ok_or_else(|| Error::of(Code::Internal))?;
        platform.mount(&workspace, owner, Arc::clone(&host)).await?;
        Ok(Self {
            platform,
            host,
            env,
            clock,
            actor,
            dry_run: false,
            door,
            http,
            logged,
            _folder: folder,
            _databases: databases,
        })
    }

    /// The same app, asked by somebody else.
    #[must_use]
    pub fn acting(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// Who asks.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Somebody who has no right yet.
    ///
    /// # Errors
    /// When the name is taken.
    pub async fn stranger(&self, login: &str) -> Result<Actor> {
        account(&self.platform, login).await
    }

    /// From now on nothing is changed, only shown.
    #[must_use]
    pub fn dry_run(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The platform that the app is mounted on.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// What lies outside: what is answered there, and what was sent.
    #[must_use]
    pub fn http(&self) -> &TestHttp {
        &self.http
    }

    /// The host that runs the app.
    #[must_use]
    pub fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    /// What the operation log says about the app, newest first.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn activity(&self) -> Result<Vec<Activity>> {
        let query = ActivityQuery { path: WORKSPACE.parse()?, limit: 500, next: None };
        Ok(self.platform.log().activity(&query).await?.0)
    }

    /// The app's log so far, the oldest first; at most the last 10,000 lines.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        self.logged.lines().iter().cloned().collect()
    }

    /// The events from now on.
    ///
    /// # Errors
    /// Never from now on; the error is for listeners that come back.
    pub fn events(&self) -> Result<Listener> {
        self.platform.events().listen(None).map_err(Error::internal)
    }

    /// Calls an action of a function, whose path lies in the app: `"deal.table"`.
    ///
    /// # Errors
    /// What the door or the function refuses.
    pub async fn call(&self, path: &str, action: &str, input: Value) -> Result<Given<Value>> {
        let call = Call {
            id: CallId::new(&self.env),
            path: format!("{WORKSPACE}/{path}").trim_end_matches('/').parse()?,
            action: ActionName::new(action).ok_or_else(|| Error::of(Code::UnknownAction))?,
            input,
            actor: self.actor.clone(),
            source: Source::of(SourceKind::Cli),
            trace: self.env.trace(),
            deadline: None,
            idempotency_key: None,
            dry_run: self.dry_run,
        };
        let reply = self.door.dispatch(call).await?;
        let output = serde_json::from_str(reply.output.get()).map_err(Error::internal)?;
        Ok(Given { call: reply.call, output, changes: reply.changes, undoable: reply.undoable })
    }

    /// Takes back what a call changed. The undo is a call too.
    ///
    /// # Errors
    /// [`Code::UndoConflict`] when it has changed since, and as [`Kit::call`].
    pub async fn undo(&self, call: CallId) -> Result<Given<Value>> {
        let path = self.platform.dispatcher().path_of(&self.actor, call).await?;
        let path = path.as_str().strip_prefix(WORKSPACE).unwrap_or_default().trim_start_matches('/');
        self.call(path, "undo", serde_json::json!({ "call": call })).await
    }

    /// Brings a file to a function, whose path lies in the app; `""` for the workspace itself.
    ///
    /// # Errors
    /// What the door or the storage refuses.
    pub async fn upload(&self, path: &str, name: &str, media_type: &str, bytes: &[u8]) -> Result<FileInfo> {
        let mut upload = self.platform.files().begin(&self.actor, name, media_type).await?;
        upload.push(bytes).await?;
        let file = upload.finish().await?;
        let input = serde_json::json!({ "file": file.id, "name": file.name, "type": file.media_type,
            "size": file.size, "sha256": file.sha256 });
        let given = self.call(path, "upload_file", input).await?;
        serde_json::from_value(given.output).map_err(Error::internal)
    }

    /// Hands in a form.
    ///
    /// # Errors
    /// As [`Kit::call`].
    pub async fn submit<T: Form + Submit>(&self, form: &T) -> Result<Given<T::Output>> {
        self.typed(T::PATH, "submit", Value::Object(form.to_map())).await
    }

    /// Runs a function.
    ///
    /// # Errors
    /// As [`Kit::call`].
    pub async fn run<T: Function + Run>(&self, function: &T) -> Result<Given<T::Output>> {
        self.typed(T::PATH, "run", Value::Object(function.to_map())).await
    }

    async fn typed<T: Wire>(&self, path: &str, action: &str, input: Value) -> Result<Given<T>> {
        let Given { call, output, changes, undoable } = self.call(path, action, input).await?;
        Ok(Given { call, output: Reader::whole(output)?, changes, undoable })
    }

    /// A call as the host sees it, for tests of the host itself.
    ///
    /// # Errors
    /// When path or action are malformed.
    pub fn host_call(&self, path: &str, action: &str, input: &Value) -> Result<HostCall> {
        Ok(HostCall {
            id: CallId::new(&self.env),
            path: format!("{WORKSPACE}/{path}").parse()?,
            action: ActionName::new(action).ok_or_else(|| Error::of(Code::UnknownAction))?,
            input: input.to_string().into_bytes(),
            actor: self.actor.clone(),
            source: Source::of(SourceKind::Cli),
            trace: self.env.trace(),
            deadline: self.env.now().plus(DEADLINE),
            dry_run: self.dry_run,
            control: Arc::new(NoControl),
        })
    }
}

/// A service account: it needs no password, so nothing has to be hashed.
async fn account(platform: &Platform, login: &str) -> Result<Actor> {
    let new = NewUser {
        login: login.to_owned(),
        name: login.to_owned(),
        email: None,
        kind: UserKind::Service,
        namespace: None,
        admin: false,
        password: None,
    };
    Ok(platform.identity().create_user(new).await?.actor())
}
