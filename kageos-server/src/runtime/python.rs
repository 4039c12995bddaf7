//! Scripts of apps, by Python in the sandbox of apps.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use kageos_core::{
    Code, Env, Error, HostCall, LogEntry, LogLevel, LogSink, LogSource, NodeId, PythonDone, PythonScript,
    Result,
    python::{ARGUMENTS, MAX_FILE_BYTES, MAX_JSON, MAX_TEXT, last},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    Driver, Limits,
    driver::{Ending, Pipes, Tool},
};

/// Bytes that a script may give in all: its output, its files and their names.
const MAX_WRITTEN: u64 = (MAX_JSON + MAX_FILE_BYTES + (1 << 20)) as u64;
/// Bytes that a script may print in all; reading more of them costs the server too much.
const MAX_PRINTED: usize = 16 << 20;
/// Bytes of all scripts that run or wait, with what they are given.
const MAX_HELD: usize = 256 << 20;
/// They are counted in such pieces.
const COUNTED: usize = 64 << 10;
/// How often it is asked whether anyone still waits for a call.
const ASKED: Duration = Duration::from_millis(200);
/// How long a Python may take to say its version.
const WITHIN: Duration = Duration::from_secs(20);
/// Characters of a script's text that are kept in the log when it fails.
const LOGGED: usize = 4000;
/// Where the programs of the system have what belongs to them.
const SYSTEM: &str = "/usr";

/// What scripts are run with.
#[derive(Debug, Clone)]
pub struct PythonOptions {
    /// Python, for scripts that name no environment; without it they have to.
    pub program: Option<PathBuf>,
    /// Folders of virtual environments, by the names that scripts know them by.
    pub environments: BTreeMap<String, PathBuf>,
    /// Folders that no script reads; a Python whose own folders lie there, or hold one, is not started.
    pub hidden: Vec<PathBuf>,
}

/// Runs the scripts of the apps of one server; cheap to clone.
#[derive(Debug, Clone)]
pub struct Scripts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: PythonOptions,
    driver: Driver,
    limits: Limits,
    env: Env,
    lanes: Mutex<HashMap<NodeId, Lane>>,
    /// Places of one workspace.
    of_workspace: usize,
    /// All places.
    all: Arc<Semaphore>,
    held: Arc<Semaphore>,
}

/// What one workspace may have at a time: places, and bytes of what runs or waits.
#[derive(Debug, Clone)]
struct Lane {
    places: Arc<Semaphore>,
    held: Arc<Semaphore>,
}

/// A Python and where it lies.
#[derive(Debug)]
struct Interpreter {
    program: PathBuf,
    folders: Vec<PathBuf>,
}

/// The scripts of one release.
#[derive(Debug)]
struct OfWorkspace {
    scripts: Scripts,
    workspace: NodeId,
    logs: Arc<dyn LogSink>,
}

/// What a script prints, the last of it.
#[derive(Debug, Default)]
struct Printed {
    bytes: VecDeque<u8>,
}

impl Scripts {
    /// Runs scripts in the sandbox of `driver`, each within `limits`.
    #[must_use]
    pub fn new(options: PythonOptions, driver: Driver, limits: Limits, env: Env) -> Self {
        // One for each processor, because a script computes, and one that another workspace has not taken.
        let all = std::thread::available_parallelism().map_or(2, |it| it.get().max(2));
        let (lanes, held) = (Mutex::default(), Arc::new(Semaphore::new(MAX_HELD / COUNTED)));
        let (of_workspace, all) = (all - 1, Arc::new(Semaphore::new(all)));
        Self { inner: Arc::new(Inner { options, driver, limits, env, lanes, of_workspace, all, held }) }
    }

    /// Those of a workspace; each is a line of its log.
    #[must_use]
    pub fn of(&self, workspace: NodeId, logs: Arc<dyn LogSink>) -> Arc<dyn kageos_core::Python> {
        Arc::new(OfWorkspace { scripts: self.clone(), workspace, logs })
    }

    /// What scripts run with here, in words, after each has run.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with what does not run.
    pub(super) async fn outlook(&self) -> Result<String> {
        let PythonOptions { program, environments, .. } = &self.inner.options;
        if !self.inner.driver.has_tools() {
            return Ok("no scripts run here: they need bubblewrap".to_owned());
        }
        let names = program.iter().map(|_| None).chain(environments.keys().map(|name| Some(name.as_str())));
        let mut said = Vec::new();
        for name in names {
            let called = name.unwrap_or("Python");
            let version = timeout(WITHIN, self.version(name)).await;
            let version =
                version.unwrap_or_else(|_| Err(Error::new(Code::Unavailable, "it does not answer")));
            match version {
                Ok(version) => said.push(format!("{called} {version}")),
                Err(error) => {
                    return Err(Error::new(Code::Unavailable, format!("{called}: {}", error.message)));
                }
            }
        }
        Ok(if said.is_empty() { "no scripts run here".to_owned() } else { said.join(", ") })
    }

    async fn version(&self, environment: Option<&str>) -> Result<String> {
        let python = self.interpreter(environment)?;
        let (mut running, Pipes { stdout, .. }) = self.start(&python, &["-I", "-V"]).await?;
        let mut said = String::new();
        let _ = stdout.take(100).read_to_string(&mut said).await;
        let ended = running.wait().await;
        running.kill().await;
        match said.trim().strip_prefix("Python ") {
            Some(version) if ended.is_some_and(|ended| ended.exit == Some(0)) => Ok(version.to_owned()),
            _ => Err(Error::new(Code::Unavailable, format!("{} does not run", python.program.display()))),
        }
    }

    async fn start(
        &self,
        python: &Interpreter,
        arguments: &[&str],
    ) -> Result<(super::driver::Running, Pipes)> {
        let Interpreter { program, folders } = python;
        self.inner.driver.start_tool(&Tool { program, arguments, folders, limits: &self.inner.limits }).await
    }

    fn interpreter(&self, environment: Option<&str>) -> Result<Interpreter> {
        let PythonOptions { program, environments, hidden } = &self.inner.options;
        let missing = |message: &str| Error::new(Code::Unavailable, message);
        let found = match environment {
            None => match program {
                Some(program) => Interpreter::of_system(program)
                    .ok_or_else(|| missing("The Python of this server is not where it is said to be."))?,
                None => {
                    return Err(missing("This server has no Python for scripts that name no environment."));
                }
            },
            Some(name) => match environments.get(name) {
                Some(folder) => Interpreter::of_environment(folder),
                None => {
                    let names = environments.keys().map(String::as_str).collect::<Vec<_>>();
                    let message = match names.is_empty() {
                        true => "this server has no environments".to_owned(),
                        false => format!("this server has the environments {}", names.join(", ")),
                    };
                    return Err(Error::field("/environment", "enum", message));
                }
            },
        };
        let real = |folder: &PathBuf| folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let hidden: Vec<_> = hidden.iter().map(real).collect();
        let shows =
            |folder: &PathBuf| hidden.iter().any(|it| it.starts_with(folder) || folder.starts_with(it));
        match found.folders.iter().map(real).any(|folder| shows(&folder)) {
            true => Err(missing("Its folders and those of the server lie within one another.")),
            false => Ok(found),
        }
    }

    fn lane(&self, workspace: NodeId) -> Lane {
        let mut lanes = self.inner.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(workspace).or_insert_with(|| Lane {
            places: Arc::new(Semaphore::new(self.inner.of_workspace)),
            held: Arc::new(Semaphore::new(MAX_HELD / COUNTED / 4)),
        });
        lane.clone()
    }

    /// A place to run in, one of the workspace's own and one of all.
    async fn place(&self, workspace: NodeId) -> Result<[OwnedSemaphorePermit; 2]> {
        let own = self.lane(workspace).places.acquire_owned().await.map_err(Error::internal)?;
        Ok([own, Arc::clone(&self.inner.all).acquire_owned().await.map_err(Error::internal)?])
    }

    /// Room for a script and what it is given, until it is dropped.
    fn hold(&self, workspace: NodeId, script: &PythonScript) -> Result<[OwnedSemaphorePermit; 2]> {
        let counted = u32::try_from(script.size().div_ceil(COUNTED).max(1)).unwrap_or(u32::MAX);
        let hold = |held: Arc<Semaphore>, whose: &str| {
            held.try_acquire_many_owned(counted).map_err(|_| {
                let message = format!("As many scripts of {whose} wait as may; try again.");
                Error::new(Code::TooManyRequests, message)
            })
        };
        let own = hold(self.lane(workspace).held, "this workspace")?;
        Ok([own, hold(Arc::clone(&self.inner.held), "this server")?])
    }
}

impl Interpreter {
    /// One that is installed; `None` when it is not there. Nothing of it is run outside a sandbox.
    fn of_system(program: &Path) -> Option<Self> {
        let program = program.canonicalize().ok()?;
        let folders = parts(program.parent()?.parent()?);
        Some(Self { program, folders })
    }

    /// That of a virtual environment, which names the one that it was made of.
    fn of_environment(folder: &Path) -> Self {
        let mut folders = vec![folder.to_owned()];
        let about = fs::read_to_string(folder.join("pyvenv.cfg")).unwrap_or_default();
        let home = about.lines().find_map(|line| line.strip_prefix("home")?.trim_start().strip_prefix('='));
        // As it is named there, and where it really is.
        let named = home.map(|home| PathBuf::from(home.trim()));
        let real = named.as_ref().and_then(|home| home.join("python3").canonicalize().ok());
        let real = real.as_deref().and_then(Path::parent);
        for prefix in [named.as_deref(), real].into_iter().flatten().filter_map(Path::parent) {
            folders.extend(parts(prefix));
        }
        Self { program: folder.join("bin/python3"), folders }
    }
}

/// What a Python needs of the folder that it is installed in; nothing where the system has its programs.
fn parts(prefix: &Path) -> Vec<PathBuf> {
    match prefix == Path::new(SYSTEM) || prefix.parent().is_none() {
        true => Vec::new(),
        false => ["bin", "lib"].map(|part| prefix.join(part)).into(),
    }
}

impl OfWorkspace {
    /// Waits for a place and runs the script there.
    async fn ran(&self, call: &HostCall, script: &PythonScript, printed: &mut Printed) -> Result<PythonDone> {
        let _held = self.scripts.hold(self.workspace, script)?;
        let python = self.scripts.interpreter(script.environment.as_deref())?;
        let left = || call.deadline.since(self.scripts.inner.env.now());
        let busy =
            || Error::new(Code::TooManyRequests, "No place for the script came free in time; try again.");
        let place = timeout(left(), self.scripts.place(self.workspace)).await;
        let _place = place.unwrap_or_else(|_| Err(busy()))?;
        let started = self.scripts.start(&python, &ARGUMENTS).await?;
        let within = script.timeout().min(left());
        let late = || Error::new(Code::DeadlineExceeded, "The script took too long.");
        timeout(within, answer(started, script, printed)).await.unwrap_or_else(|_| Err(late()))
    }
}

/// Gives a script what it is given, and takes what it gives.
async fn answer(
    (mut running, pipes): (super::driver::Running, Pipes),
    script: &PythonScript,
    printed: &mut Printed,
) -> Result<PythonDone> {
    let Pipes { mut stdin, stdout, stderr } = pipes;
    let head = script.head()?;
    let give = async move {
        // Who does not read it, fails by itself.
        let _ = stdin.write_all(&head).await;
        for file in &script.files {
            let _ = stdin.write_all(&file.bytes).await;
        }
        Ok(())
    };
    let read = async move {
        let mut written = Vec::new();
        let _ = stdout.take(MAX_WRITTEN + 1).read_to_end(&mut written).await;
        if written.len() as u64 > MAX_WRITTEN { Err("The script gives too much.") } else { Ok(written) }
    };
    let failed = |message: &str| Err(Error::new(Code::ScriptFailed, message));
    let written = match tokio::try_join!(give, read, printed.take(stderr)) {
        Ok(((), written, ())) => written,
        Err(too_much) => {
            running.kill().await;
            return failed(too_much);
        }
    };
    let ending = running.wait().await.unwrap_or_default();
    running.kill().await;
    if ending.out_of_memory {
        return failed("The script had used all its memory.");
    }
    let ended: Option<&Ending> = Some(&ending).filter(|ending| ending.exit != Some(0));
    PythonDone::of(ended.map(|it| it as _), &written, printed.text(MAX_TEXT))
}

#[async_trait]
impl kageos_core::Python for OfWorkspace {
    async fn run(&self, call: &HostCall, script: PythonScript) -> Result<PythonDone> {
        script.check()?;
        let mut told = Told::new(self, call, script.environment.as_deref());
        let given_up = async {
            while !call.control.is_cancelled() {
                tokio::time::sleep(ASKED).await;
            }
        };
        let ran = tokio::select! {
            ran = self.ran(call, &script, &mut told.printed) => ran,
            () = given_up => Err(Error::of(Code::Cancelled)),
        };
        told.ended(&ran);
        ran
    }
}

/// The line about a script, which is written also when nobody waits any more for what becomes of it.
struct Told<'a> {
    of: &'a OfWorkspace,
    call: &'a HostCall,
    environment: String,
    began: Duration,
    printed: Printed,
    entry: Option<LogEntry>,
}

impl<'a> Told<'a> {
    fn new(of: &'a OfWorkspace, call: &'a HostCall, environment: Option<&str>) -> Self {
        let began = of.scripts.inner.env.clock.monotonic();
        let environment = environment.unwrap_or_default().to_owned();
        Self { of, call, environment, began, printed: Printed::default(), entry: None }
    }

    fn ended(&mut self, ran: &Result<PythonDone>) {
        self.entry = Some(match ran {
            Ok(_) => LogEntry::new(LogLevel::Info, "A script has run."),
            Err(error) => LogEntry::new(LogLevel::Warn, error.message.clone())
                .with("code", error.code.as_str())
                .with("printed", self.printed.text(LOGGED)),
        });
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let cut_off = || LogEntry::new(LogLevel::Warn, "A script was cut off: its call has ended.");
        let entry = self.entry.take().unwrap_or_else(cut_off);
        let now = self.of.scripts.inner.env.clock.monotonic();
        let ms = u64::try_from(now.saturating_sub(self.began).as_millis()).unwrap_or(u64::MAX);
        let entry = entry.with("environment", std::mem::take(&mut self.environment)).with("ms", ms).bounded();
        self.of.logs.take(LogSource::Platform, Some(self.call.into()), entry);
    }
}

impl Printed {
    async fn take(&mut self, mut from: impl AsyncRead + Unpin) -> std::result::Result<(), &'static str> {
        let (mut some, mut all) = (vec![0; 16 << 10], 0);
        while let Ok(read @ 1..) = from.read(&mut some).await {
            self.bytes.extend(&some[..read]);
            let over = self.bytes.len().saturating_sub(MAX_TEXT);
            self.bytes.drain(..over);
            all += read;
            if all > MAX_PRINTED {
                return Err("The script prints too much.");
            }
        }
        Ok(())
    }

    /// The last of it, at most so many bytes of text.
    fn text(&mut self, most: usize) -> String {
        last(String::from_utf8_lossy(self.bytes.make_contiguous()).into_owned(), most)
    }
}
