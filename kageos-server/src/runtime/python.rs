//! Scripts of apps, by Python in the sandbox of apps.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use kageos_core::{
    Code, Env, Error, HostCall, LogEntry, LogLevel, LogSink, LogSource, NodeId, PythonDone, PythonScript,
    Result,
    python::{ARGUMENTS, MAX_FILE_BYTES, MAX_JSON, MAX_TEXT, SCRIPT_TIMEOUT_MS, failure},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command,
    sync::{Mutex as Turn, Semaphore},
    time::timeout,
};

use super::{
    Driver, Limits,
    driver::{Pipes, Tool},
};

/// Scripts of a workspace that run at a time; others wait.
const OF_WORKSPACE: usize = 2;
/// Bytes that a script may give in all: its output, its files and their names.
const MAX_WRITTEN: u64 = (MAX_JSON + MAX_FILE_BYTES + (1 << 20)) as u64;
/// How often it is asked whether anyone still waits for a call.
const ASKED: Duration = Duration::from_millis(200);
/// How long an interpreter may take to say where it lies.
const WITHIN: Duration = Duration::from_secs(10);
/// Characters of a script's text that are kept in the log when it fails.
const LOGGED: usize = 4000;
/// Asks an interpreter where it lies.
const WHERE: &str =
    "import sys; print('\\n'.join([sys.executable, sys.base_prefix, sys.prefix, sys.version.split()[0]]))";

/// What scripts are run with.
#[derive(Debug, Clone)]
pub struct PythonOptions {
    /// Python, for scripts that name no environment; without it none run.
    pub program: Option<PathBuf>,
    /// Folders of virtual environments, by the names that scripts know them by.
    pub environments: BTreeMap<String, PathBuf>,
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
    /// Those that were asked where they lie, by the name of their environment.
    interpreters: Turn<HashMap<Option<String>, Arc<Interpreter>>>,
    lanes: Mutex<HashMap<NodeId, Arc<Semaphore>>>,
    all: Semaphore,
}

/// A Python and where it lies.
#[derive(Debug)]
struct Interpreter {
    program: PathBuf,
    folders: Vec<PathBuf>,
    version: String,
}

/// The scripts of one release.
#[derive(Debug)]
struct OfWorkspace {
    scripts: Scripts,
    workspace: NodeId,
    logs: Arc<dyn LogSink>,
}

impl Scripts {
    /// Runs scripts in the sandbox of `driver`, each within `limits`.
    #[must_use]
    pub fn new(options: PythonOptions, driver: Driver, limits: Limits, env: Env) -> Self {
        // One for each processor: a script computes.
        let all = std::thread::available_parallelism().map_or(OF_WORKSPACE, |it| it.get().max(OF_WORKSPACE));
        let (interpreters, lanes) = (Turn::default(), Mutex::default());
        let inner = Inner { options, driver, limits, env, interpreters, lanes, all: Semaphore::new(all) };
        Self { inner: Arc::new(inner) }
    }

    /// Those of a workspace; each is a line of its log.
    #[must_use]
    pub fn of(&self, workspace: NodeId, logs: Arc<dyn LogSink>) -> Arc<dyn kageos_core::Python> {
        Arc::new(OfWorkspace { scripts: self.clone(), workspace, logs })
    }

    /// What scripts run with here, in words; what is missing as an error.
    pub(super) async fn outlook(&self) -> Result<String> {
        let mut said = match self.inner.options.program {
            Some(_) => format!("scripts with Python {}", self.interpreter(None).await?.version),
            None => return Ok("no scripts: there is no Python".to_owned()),
        };
        for name in self.inner.options.environments.keys() {
            let version = &self.interpreter(Some(name)).await?.version;
            said.push_str(&format!(", {name} with {version}"));
        }
        Ok(said)
    }

    async fn interpreter(&self, environment: Option<&str>) -> Result<Arc<Interpreter>> {
        let key = environment.map(ToOwned::to_owned);
        let mut known = self.inner.interpreters.lock().await;
        if let Some(found) = known.get(&key) {
            return Ok(Arc::clone(found));
        }
        let options = &self.inner.options;
        let program = match environment {
            None => options.program.clone().ok_or_else(|| {
                Error::new(Code::Unavailable, "There is no Python on this server, so no scripts run here.")
            })?,
            Some(name) => {
                let known = || options.environments.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let folder = options.environments.get(name).ok_or_else(|| {
                    let message = match options.environments.is_empty() {
                        true => "this server has no environments".to_owned(),
                        false => format!("this server has the environments {}", known()),
                    };
                    Error::field("/environment", "enum", message)
                })?;
                folder.join("bin/python3")
            }
        };
        let found = Arc::new(Interpreter::at(&program).await?);
        known.insert(key, Arc::clone(&found));
        Ok(found)
    }

    fn lane(&self, workspace: NodeId) -> Arc<Semaphore> {
        let mut lanes = self.inner.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(workspace).or_insert_with(|| Arc::new(Semaphore::new(OF_WORKSPACE))))
    }
}

impl Interpreter {
    async fn at(program: &Path) -> Result<Self> {
        let missing = |why: String| {
            tracing::warn!(program = %program.display(), why, "a Python does not start");
            Error::new(Code::Unavailable, "A Python of this server does not start; its log tells why.")
        };
        let mut asked = Command::new(program);
        asked.args(["-I", "-c", WHERE]).env_clear().stdin(Stdio::null()).kill_on_drop(true);
        let said = match timeout(WITHIN, asked.output()).await {
            Ok(Ok(said)) if said.status.success() => said.stdout,
            Ok(Ok(said)) => return Err(missing(String::from_utf8_lossy(&said.stderr).into_owned())),
            Ok(Err(error)) => return Err(missing(error.to_string())),
            Err(_) => return Err(missing("it does not answer".to_owned())),
        };
        let said = String::from_utf8(said).map_err(|error| missing(error.to_string()))?;
        let [executable, base, own, version] = said.lines().collect::<Vec<_>>()[..] else {
            return Err(missing(format!("it says {said}")));
        };
        // What lies elsewhere than the system's own.
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in [base, own].map(PathBuf::from) {
            if !folder.starts_with("/usr") && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        Ok(Self { program: executable.into(), folders, version: version.to_owned() })
    }
}

impl OfWorkspace {
    async fn ran(&self, script: &PythonScript) -> Result<PythonDone> {
        let inner = &*self.scripts.inner;
        let lane = self.scripts.lane(self.workspace);
        let _places = (
            lane.acquire().await.map_err(Error::internal)?,
            inner.all.acquire().await.map_err(Error::internal)?,
        );
        let python = self.scripts.interpreter(script.environment.as_deref()).await?;
        let tool = Tool {
            program: &python.program,
            arguments: &ARGUMENTS,
            folders: &python.folders,
            limits: &inner.limits,
        };
        let (mut running, Pipes { mut stdin, stdout, stderr }) = inner.driver.start_tool(&tool).await?;
        let head = script.head()?;
        let give = async move {
            // Who does not read it, fails by itself.
            let _ = stdin.write_all(&head).await;
            for file in &script.files {
                let _ = stdin.write_all(&file.bytes).await;
            }
        };
        let mut written = Vec::new();
        let mut stdout = stdout.take(MAX_WRITTEN + 1);
        let read = async {
            let _ = stdout.read_to_end(&mut written).await;
            // What is more is read by nobody, so whoever writes it ends.
            drop(stdout);
        };
        let ((), (), text) = tokio::join!(give, read, last(stderr));
        let ending = running.wait().await.unwrap_or_default();
        running.kill().await;
        let failed = |message: &str| Err(Error::new(Code::ScriptFailed, message));
        if written.len() as u64 > MAX_WRITTEN {
            return failed("The script gives too much.");
        }
        match ending.exit {
            Some(0) => PythonDone::of(&written, text),
            _ if ending.out_of_memory => failed("The script had used all its memory."),
            _ if text.is_empty() => failed(&format!("The script was ended: {ending}.")),
            _ => Err(failed_with(&text)),
        }
    }
}

/// How it failed, with what it printed before.
fn failed_with(text: &str) -> Error {
    let error = failure(text);
    let start = text.char_indices().rev().nth(LOGGED).map_or(0, |(at, _)| at);
    error.caused_by(Printed(text[start..].to_owned()))
}

/// What a script had printed when it failed, for the log of its app.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Printed(String);

#[async_trait]
impl kageos_core::Python for OfWorkspace {
    async fn run(&self, call: &HostCall, script: PythonScript) -> Result<PythonDone> {
        script.check()?;
        let env = &self.scripts.inner.env;
        let (began, left) = (env.clock.monotonic(), call.deadline.since(env.now()));
        let most = Duration::from_millis(script.timeout_ms.unwrap_or(SCRIPT_TIMEOUT_MS));
        let given_up = async {
            while !call.control.is_cancelled() {
                tokio::time::sleep(ASKED).await;
            }
        };
        let ran = tokio::select! {
            ran = timeout(most.min(left), self.ran(&script)) => {
                ran.unwrap_or_else(|_| Err(Error::new(Code::DeadlineExceeded, "The script took too long.")))
            }
            () = given_up => Err(Error::of(Code::Cancelled)),
        };
        let ms = u64::try_from(env.clock.monotonic().saturating_sub(began).as_millis()).unwrap_or(u64::MAX);
        let mut entry = match &ran {
            Ok(_) => LogEntry::new(LogLevel::Info, "A script has run."),
            Err(error) => {
                LogEntry::new(LogLevel::Warn, error.message.clone()).with("code", error.code.as_str())
            }
        };
        if let Some(Printed(text)) =
            ran.as_ref().err().and_then(|error| error.source.as_ref()?.downcast_ref())
        {
            entry = entry.with("printed", text.clone());
        }
        let environment = script.environment.as_deref().unwrap_or_default();
        let entry = entry.with("environment", environment).with("ms", ms).bounded();
        self.logs.take(LogSource::Platform, Some(call.into()), entry);
        ran
    }
}

/// The last bytes that a script prints, as text.
async fn last(mut printed: impl AsyncRead + Unpin) -> String {
    let (mut kept, mut some) = (VecDeque::with_capacity(MAX_TEXT), vec![0; 16 << 10]);
    while let Ok(read) = printed.read(&mut some).await {
        if read == 0 {
            break;
        }
        kept.extend(&some[..read]);
        let over = kept.len().saturating_sub(MAX_TEXT);
        kept.drain(..over);
    }
    // Not from within a character.
    while kept.front().is_some_and(|byte| byte & 0xc0 == 0x80) {
        kept.pop_front();
    }
    String::from_utf8_lossy(kept.make_contiguous()).into_owned()
}
