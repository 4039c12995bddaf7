//! Workspace apps: their source, what is built of it, and the processes that run it.
//!
//! [`Runtime`] composes a platform with the actions that workspaces have about themselves, and mounts what is live.
//! [`ProcessHost`] is a [`Host`](kageos_core::Host) like every other: it starts the app's program in a [`Sandbox`] at the
//! first call, stops it when nobody calls, and starts it again when it has died.

mod actions;
mod attach;
mod backoff;
mod build;
mod database;
mod depot;
mod driver;
mod forward;
mod handing;
mod host;
mod keeping;
mod kept;
mod live;
mod logs;
mod mount;
mod nodes;
mod options;
mod process;
mod python;
mod quota;
mod releases;
mod said;
mod secrets;
mod source;

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicU64},
    },
    time::Duration,
};

use kageos_core::{
    Code, Dispatch, Error, Manifest, NodeId, Result, Timestamp,
    bus::EventBody,
    platform::{Platform, files::Objects, release::Live, secrets::Secrets, workspace::Databases},
};
use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;

pub(crate) use attach::StillIn;
pub(crate) use build::outlook;
pub use build::{
    BuildLimits, Crates, Diagnostic, Fix, FixEdit, Ingredients, Layer, Packed, PackedError, Place, Supply,
};
pub use driver::{
    Containers, Driver, Groups, Limits, Sandbox, mark, probe, probe_holding, probe_writing, restrict,
};
pub(crate) use nodes::is_name;
pub use nodes::{NodeOptions, Nodes, NodesOptions, RuntimeNode};
pub use options::{AppOptions, Origin};
pub(crate) use process::MOVE;
pub use process::ProcessHost;
pub use python::{PythonOptions, Scripts};
pub use quota::{Quota, Quotas};
pub(crate) use source::hash;
pub use source::{SourcePath, SourcePathError};

use crate::{egress::Egress, state::StateDir, wire::Finding};
use attach::Links;
use build::Queue;
use depot::Depot;
use host::WorkspaceHost;
use logs::{InThisProcess, Kept, Logs};

/// The folder of an app's own data in that of its workspace.
pub(crate) const DATA: &str = "data";
/// How long a call may take that the door has let in, until it is with the release that was live then.
const HANDED_ON: Duration = Duration::from_secs(2);

/// What a runtime works with.
pub struct RuntimeOptions {
    /// Where sources, programs and data lie.
    pub state: StateDir,
    /// What keeps apps and builds apart; `None` refuses both.
    pub sandbox: Option<Sandbox>,
    /// Where processes of apps are limited together; without it each has its own limits.
    pub groups: Option<Groups>,
    /// What runs apps in containers; without it they are processes in the sandbox.
    pub containers: Option<Containers>,
    /// Machines that run the apps, whose rows lie on a database server then; without it they run on this one.
    pub nodes: Option<Nodes>,
    /// The program and its arguments that sets [`Limits`] and becomes what follows: `kagectl restrict`.
    pub restrict: Vec<OsString>,
    /// Where warm layers lie.
    pub layers: PathBuf,
    /// The program that may carry what a layer is made of: this one.
    pub program: PathBuf,
    /// Where sources and programs lie besides, for other servers and for this one when it has lost its disk.
    pub depot: Option<Objects>,
    /// What an app may use.
    pub limits: Limits,
    /// What one build may use.
    pub builds: BuildLimits,
    /// How long an app is kept when nobody calls.
    pub idle: Duration,
    /// How long the calls of a process that is replaced, or of a server that ends, may take until they are cut off.
    pub drain: Duration,
    /// Releases whose programs stay, besides the live one.
    pub keep: u32,
    /// Bytes of what was compiled for workspaces.
    pub build_cache: u64,
    /// What each workspace may keep.
    pub quotas: Quotas,
    /// How long the folders of a deleted workspace stay.
    pub keep_deleted: Duration,
    /// What is kept of the log of one workspace, in bytes.
    pub log_bytes: u64,
    /// How many days of it.
    pub log_days: u32,
    /// What makes the databases of apps on a server; without it they are files.
    pub databases: Option<Databases>,
    /// What seals the cursors of lists.
    pub cursor_key: [u8; 32],
    /// What apps reach outside.
    pub egress: Egress,
    /// What scripts of apps are run with.
    pub python: PythonOptions,
}

impl fmt::Debug for RuntimeOptions {
    /// Without what nobody may read in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeOptions").field("state", &self.state).finish_non_exhaustive()
    }
}

/// The apps of one server; cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    platform: Platform,
    dispatch: Arc<dyn Dispatch>,
    options: RuntimeOptions,
    driver: OnceLock<Driver>,
    scripts: OnceLock<Scripts>,
    depot: Option<Arc<Depot>>,
    logs: Logs,
    apps: Mutex<HashMap<NodeId, App>>,
    /// Apps that developers run on their machines.
    links: Links,
    /// The workspaces that are known to lie here; what an earlier process left of them is settled.
    here: Mutex<HashSet<NodeId>>,
    /// The workspaces that were found to lie on other servers.
    elsewhere: Mutex<HashSet<NodeId>>,
    /// The generation of the tree up to which apps were ended and mounted.
    followed: AtomicI64,
    /// How many processes of a release were replaced here, or are about to be, whose calls have not ended.
    draining: Mutex<HashMap<(NodeId, u32), usize>>,
    /// When what other servers left was settled last, in seconds.
    settled: AtomicU64,
    /// Held by who moves or removes files that a backup copies, and by backups.
    upkeep: Arc<tokio::sync::Mutex<()>>,
    /// Whose build is next.
    building: Queue,
    /// One publication of a workspace at a time.
    publishing: Mutex<HashSet<NodeId>>,
    /// Whether a workspace lies here is found out once.
    finding: tokio::sync::Mutex<()>,
    /// Releases that go live or drain.
    changing: TaskTracker,
}

/// What a program is started for.
enum Runs {
    /// To say what it declares, in a folder that is not the app's own.
    Trial(PathBuf),
    /// To run the workspace, with what its release declares.
    Workspace(Arc<Manifest>),
}

/// What is live.
#[derive(Debug, Clone)]
struct App {
    host: Arc<ProcessHost>,
    release: u32,
    /// Since when it is live, as the database said when it was looked at last.
    since: Option<Timestamp>,
}

impl Runtime {
    /// Adds the actions of source and releases to the workspaces of a platform, and mounts every release that is live and
    /// lies here. No app is started for that.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn open(platform: &Platform, options: RuntimeOptions) -> Result<Self> {
        let logs = open_logs(platform, &options);
        platform
            .dispatcher()
            .log_to(Arc::new(InThisProcess { logs: logs.clone(), platform: platform.clone() }));
        let depot = options.depot.clone().map(|it| Arc::new(Depot::new(it, options.state.clone())));
        let inner = Inner {
            platform: platform.clone(),
            dispatch: Arc::new(platform.dispatcher().clone()),
            options,
            driver: OnceLock::new(),
            scripts: OnceLock::new(),
            depot,
            logs,
            apps: Mutex::default(),
            links: Links::default(),
            here: Mutex::default(),
            elsewhere: Mutex::default(),
            followed: AtomicI64::new(keeping::NEVER),
            draining: Mutex::default(),
            settled: AtomicU64::new(0),
            upkeep: Arc::default(),
            building: Queue::default(),
            publishing: Mutex::default(),
            finding: tokio::sync::Mutex::default(),
            changing: TaskTracker::new(),
        };
        let this = Self { inner: Arc::new(inner) };
        this.clear_leftovers().await;
        // What they were building or starting has ended with them.
        platform.log().fence_ended().await?;
        let host = Arc::new(WorkspaceHost::new(this.clone()));
        platform.dispatcher().add_workspace_actions("Workspace", actions::workspace_actions(), host)?;
        let live = platform.releases().all_live().await?;
        if !live.is_empty() && this.inner.options.nodes.is_none() {
            this.prove_driver();
        }
        for live in live {
            match this.mount(live).await {
                Err(error) if error.code == Code::Conflict => return Err(error),
                Err(error) => {
                    let Live { workspace, release, .. } = live;
                    tracing::warn!(%workspace, release, %error, "a workspace is not run here");
                }
                Ok(()) => {}
            }
        }
        this.mount_attached().await?;
        Ok(this)
    }

    /// Measures in the background what keeps apps apart, before the first call needs it; what does not hold is in the log.
    fn prove_driver(&self) {
        if let Ok(driver) = self.driver() {
            self.inner.changing.spawn(async move {
                if let Err(error) = driver.prove().await {
                    tracing::error!(%error, "no app is started here");
                }
            });
        }
    }

    /// Takes the place of the one publication of a workspace.
    fn publishing(&self, workspace: NodeId) -> Result<Publishing> {
        if lock(&self.inner.publishing).insert(workspace) {
            return Ok(Publishing { runtime: self.clone(), workspace });
        }
        Err(Error::new(Code::Conflict, "Another app is being given this workspace; try again."))
    }

    /// Ends every app, once its calls have ended.
    pub async fn close(&self) {
        self.forget_links();
        self.inner.changing.close();
        let _ = tokio::time::timeout(self.inner.options.drain, self.inner.changing.wait()).await;
        let apps: Vec<_> = lock(&self.inner.apps).drain().collect();
        let stopping = apps.iter().map(|(workspace, app)| {
            self.platform().mounts().unmount(*workspace);
            app.host.retire(self.inner.options.drain)
        });
        futures_util::future::join(futures_util::future::join_all(stopping), self.close_links()).await;
        self.inner.logs.close().await;
    }

    /// How apps are kept apart and built here, for the doctor.
    pub(crate) async fn finding(&self, apps: usize) -> Finding {
        let options = &self.inner.options;
        let built = outlook(&options.layers, &options.program).await;
        let nodes = options.nodes.as_ref().map(Nodes::outlook).transpose();
        let depot = self.inner.depot.as_ref();
        let kept =
            depot.map_or_else(String::new, |it| format!(", sources and programs also in {}", it.place()));
        let proved = async {
            let here = self.driver()?.prove().await?;
            Ok::<_, Error>(nodes?.map_or(here.clone(), |nodes| format!("{nodes}; here {here}")))
        };
        match proved.await {
            Ok(driver) => Finding::good("runtime", format!("{apps} apps, {driver}, {built}{kept}")),
            Err(error) => Finding::bad(
                "runtime",
                error.message,
                "mend that; docs/operating.md tells what keeps apps apart",
            ),
        }
    }

    /// What scripts of apps run with here, for the doctor.
    pub(crate) async fn scripts_finding(&self) -> Finding {
        match self.scripts().outlook().await {
            Ok(said) => Finding::good("python", said),
            Err(error) => Finding::bad("python", error.message, "mend it, or set python.enabled to false"),
        }
    }

    /// What keeps apps apart here.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with what to do when there is nothing.
    fn sandbox(&self) -> Result<&Sandbox> {
        self.inner.options.sandbox.as_ref().ok_or_else(|| {
            let message = "Nothing keeps apps apart on this server: install bubblewrap, or allow apps without \
                           a sandbox (runtime.sandbox).";
            Error::new(Code::Unavailable, message)
        })
    }

    /// What starts apps here.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with what to do when there is nothing.
    fn driver(&self) -> Result<Driver> {
        if let Some(driver) = self.inner.driver.get() {
            return Ok(driver.clone());
        }
        let driver = match &self.inner.options.containers {
            Some(containers) => self.measured(Driver::containers(containers.clone()), "probe"),
            None => self.processes()?,
        };
        Ok(self.inner.driver.get_or_init(|| driver).clone())
    }

    /// What starts processes here.
    fn processes(&self) -> Result<Driver> {
        let RuntimeOptions { restrict, groups, .. } = &self.inner.options;
        let driver = Driver::processes(self.sandbox()?.clone(), restrict.clone(), groups.clone());
        Ok(self.measured(driver, "probe-process"))
    }

    fn measured(&self, driver: Driver, folder: &str) -> Driver {
        let RuntimeOptions { restrict, state, .. } = &self.inner.options;
        match restrict.first() {
            Some(program) => driver.measured(program.into(), state.run_file(folder)),
            None => driver,
        }
    }

    /// What runs scripts of apps here, which is a process also where apps run in containers.
    fn scripts(&self) -> &Scripts {
        self.inner.scripts.get_or_init(|| {
            let RuntimeOptions { containers, python, limits, .. } = &self.inner.options;
            let driver = if containers.is_some() { self.processes() } else { self.driver() };
            // Without a sandbox none run, which they are told when they are to.
            let driver = driver.unwrap_or_else(|_| Driver::processes(Sandbox::Open, Vec::new(), None));
            Scripts::new(python.clone(), driver, limits.clone(), self.platform().env().clone())
        })
    }

    /// The layer that apps are built on: the last one, or of what this program carries when there is none, or when that
    /// one is of what an earlier version carried.
    async fn layer(&self, tell: impl FnMut(&str) + Send) -> Result<Layer> {
        let options = &self.inner.options;
        let found = Layer::find(&options.layers)?;
        match (found, Packed::find(&options.program)?) {
            (Some(layer), None) => Ok(layer),
            (Some(layer), Some(packed)) if layer.fits(&packed) => Ok(layer),
            (_, Some(packed)) => {
                let (supply, restrict) = (Supply::Packed(packed), &options.restrict);
                let ingredients = Ingredients { supply: &supply, sandbox: self.sandbox()?, restrict };
                Layer::prepare(&options.layers, &ingredients, tell).await
            }
            (None, None) => {
                Err(Error::new(Code::Unavailable, outlook(&options.layers, &options.program).await))
            }
        }
    }

    fn secrets(&self) -> &Secrets {
        self.inner.options.egress.secrets()
    }

    fn platform(&self) -> &Platform {
        &self.inner.platform
    }

    /// A folder of a workspace, made when it is missing.
    fn dir(&self, workspace: NodeId, name: &str) -> Result<PathBuf> {
        let state = &self.inner.options.state;
        let folder = state.workspace_dir(&workspace.to_string()).join(name);
        state.make_dir(&folder).map_err(|error| {
            Error::new(Code::StorageFull, "The folder of the workspace cannot be made.").caused_by(error)
        })?;
        Ok(folder)
    }

    fn source_dir(&self, workspace: NodeId) -> Result<PathBuf> {
        self.dir(workspace, "source")
    }

    /// The app's own folder.
    fn data_dir(&self, workspace: NodeId) -> Result<PathBuf> {
        self.dir(workspace, DATA)
    }

    fn build_dir(&self, workspace: NodeId) -> Result<PathBuf> {
        self.dir(workspace, "build")
    }

    fn release_dir(&self, workspace: NodeId, release: u32) -> PathBuf {
        let state = &self.inner.options.state;
        state.workspace_dir(&workspace.to_string()).join("releases").join(release.to_string())
    }

    fn program(&self, workspace: NodeId, release: u32) -> PathBuf {
        self.release_dir(workspace, release).join("program")
    }
}

/// The logs of the workspaces of a platform, and who is told that they grow.
fn open_logs(platform: &Platform, options: &RuntimeOptions) -> Logs {
    let kept = Kept { bytes: options.log_bytes, days: options.log_days };
    let (tree, events) = (platform.tree().clone(), Arc::clone(platform.events()));
    let place = move |workspace| tree.snapshot().by_id(workspace).map(|node| node.path.clone());
    let announce = move |path| events.publish(EventBody::Log { path });
    Logs::open(platform.env().clone(), options.state.clone(), kept, place, announce)
}

/// What seals the cursors of one workspace: an app that knows it knows nothing of the others.
fn own_key(key: &[u8; 32], workspace: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in ["cursors of a workspace".as_bytes(), key, workspace.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The place of a publication, given back when it ends.
struct Publishing {
    runtime: Runtime,
    workspace: NodeId,
}

impl Drop for Publishing {
    fn drop(&mut self) {
        lock(&self.runtime.inner.publishing).remove(&self.workspace);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
