//! Apps in processes of their own: what every host keeps, and what only a process can do.
//!
//! The apps are this very program: started by a platform, the test `app_of_this_program` serves the one that its
//! arguments ask for.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use kageos_core::{
    Code, Error, Host, HostCall, HostError, LogEntry, LogLevel, LogSource, Result,
    sql::{
        Engine,
        testing::{self, TestDb},
    },
};
use kageos_sdk::{
    App, Ctx, Form, Submit,
    testkit::{self, Kit, Setting, conformance},
};
use kageos_server::runtime::{AppOptions, Containers, Driver, Groups, Limits, ProcessHost, Quota, Sandbox};
use serde_json::json;
use tempfile::TempDir;

use crate::{hostile::frames, nodes::Cluster};

const WAIT: Duration = Duration::from_secs(20);
const APP: &str = "process::app_of_this_program";

/// What this program was started with.
#[expect(clippy::disallowed_methods, reason = "tests have no main that could hand it in")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Serves an app when a platform has started this program, and does nothing in a run of tests.
#[test]
fn app_of_this_program() {
    let started = [kageos_sdk::serve::LINK, kageos_sdk::serve::ATTACH];
    if started.into_iter().any(|name| variable(name).is_some()) && !frames::attacks() {
        let probed = std::env::args().any(|argument| argument == "--nocapture");
        let app = if probed { App::new("probe").form::<Probe>() } else { conformance::app() };
        assert_eq!(kageos_sdk::main(&app), std::process::ExitCode::SUCCESS);
    }
}

/// Tries what an app must not do, and says what came of it.
#[derive(Debug, Form)]
#[form(effect(reads))]
pub(crate) struct Probe {
    what: String,
    with: Option<String>,
}

impl Submit for Probe {
    type Output = String;

    async fn submit(self, ctx: &Ctx) -> Result<String> {
        let with = self.with.unwrap_or_default();
        let said =
            |outcome: std::io::Result<String>| outcome.unwrap_or_else(|error| format!("refused: {error}"));
        Ok(match self.what.as_str() {
            "read" => said(std::fs::read_to_string(with)),
            "list" => said(std::fs::read_dir(with).map(|all| {
                let mut names: Vec<_> =
                    all.flatten().map(|one| one.file_name().to_string_lossy().into_owned()).collect();
                names.sort();
                names.join(" ")
            })),
            "write" => said(std::fs::write(with, "x").map(|()| "written".to_owned())),
            "connect" => said(std::net::TcpStream::connect(with).map(|_| "connected".to_owned())),
            "environment" => std::env::vars().map(|(name, _)| name).collect::<Vec<_>>().join(" "),
            "memory" => {
                let most = with.parse().unwrap_or(usize::MAX);
                let mut bytes: Vec<u8> = Vec::new();
                bytes.try_reserve_exact(most).map_or_else(|_| "refused".to_owned(), |()| "given".to_owned())
            }
            "hang" => {
                std::thread::sleep(Duration::from_secs(3600));
                String::new()
            }
            "run" => {
                let mut words = with.split(' ');
                let program = words.next().unwrap_or_default();
                said(std::process::Command::new(program).args(words).output().map(|output| {
                    let ended =
                        if output.status.success() { String::new() } else { format!("{}\n", output.status) };
                    String::from_utf8_lossy(&output.stdout).into_owned() + &ended
                }))
            }
            "call" => ctx.call::<String>(&with, "submit", &json!({ "what": "-" })).await?,
            "wait" => {
                tokio::time::sleep(Duration::from_millis(with.parse().unwrap_or(u64::MAX))).await;
                "waited".to_owned()
            }
            "exit" => std::process::exit(3),
            "loud" => {
                for line in 0..100_000 {
                    println!("line {line}");
                }
                "told".to_owned()
            }
            _ => String::new(),
        })
    }
}

/// The folders of one app.
pub(crate) struct Folders(TempDir);

impl Folders {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn data(&self) -> PathBuf {
        let data = self.0.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        data
    }
}

/// The socket of a container engine; CI has one.
pub(crate) fn container_engine() -> Option<OsString> {
    let found = variable("KAGEOS_TEST_CONTAINER_ENGINE");
    assert!(found.is_some() || variable("CI").is_none(), "CI needs Podman");
    found
}

/// What keeps apps apart on this machine, each with all that it has; CI has both.
pub(crate) fn drivers() -> Vec<Driver> {
    static SERVERS: AtomicU32 = AtomicU32::new(0);
    let server = format!("t{}x{}", std::process::id(), SERVERS.fetch_add(1, Ordering::Relaxed));
    let sandbox = Sandbox::find(&variable("PATH").unwrap_or_default());
    let groups = Groups::find(&server);
    if variable("CI").is_some() {
        assert!(sandbox.is_some() && groups.is_some(), "CI needs bubblewrap and control groups");
    }
    let processes = sandbox.map(|sandbox| Driver::processes(sandbox, restrict(), groups));
    let containers = container_engine()
        .map(|socket| Driver::containers(Containers::at(Path::new(&socket), &server, restrict())));
    processes.into_iter().chain(containers).collect()
}

/// Where apps run in a test: on this machine, or on a runtime node.
pub(crate) enum Ground {
    Here(Driver),
    Node(Box<Cluster>),
}

impl Ground {
    /// Where rows lie that outlive a process: a runtime node keeps no folder.
    async fn rows(&self) -> Option<TestDb> {
        let engines = testing::engines().await.unwrap();
        let server = engines.into_iter().find(|db| db.engine() != Engine::Sqlite);
        server.filter(|_| matches!(self, Self::Node(_)))
    }

    /// What starts one app.
    pub(crate) fn driver(&self) -> Driver {
        match self {
            Self::Here(driver) => driver.clone(),
            Self::Node(cluster) => cluster.driver(),
        }
    }
}

/// What keeps apps apart on this machine, and a runtime node of it.
pub(crate) async fn grounds() -> Vec<Ground> {
    let drivers = drivers();
    let node = match drivers.first() {
        Some(driver) => Cluster::of_one(driver.clone()).await,
        None => None,
    };
    let here = drivers.into_iter().map(Ground::Here);
    here.chain(node.map(|cluster| Ground::Node(Box::new(cluster)))).collect()
}

fn restrict() -> Vec<OsString> {
    vec![env!("CARGO_BIN_EXE_kagectl").into(), "restrict".into()]
}

/// Nothing keeps it apart.
fn open(restrict: Vec<OsString>) -> Driver {
    Driver::processes(Sandbox::Open, restrict, None)
}

fn options(setting: Setting, folders: &Folders, driver: &Driver, more: &[&str]) -> AppOptions {
    let mut arguments: Vec<OsString> = vec!["--exact".into(), APP.into(), "--quiet".into()];
    arguments.extend(more.iter().map(Into::into));
    AppOptions {
        workspace: setting.workspace,
        program: std::env::current_exe().unwrap(),
        origin: None,
        arguments,
        data: folders.data(),
        database: None,
        link: folders.0.path().join("link"),
        driver: driver.clone(),
        limits: Limits::default(),
        ready_within: WAIT,
        answers_within: WAIT,
        idle: Duration::from_secs(300),
        quota: Arc::new(Quota::of(u64::MAX)),
        cursor_key: [1; 32],
        dispatch: setting.dispatch,
        files: setting.files,
        http: Some(setting.http),
        python: Some(setting.python),
        logs: setting.logs,
        steps: None,
    }
}

/// A kit whose app is a process; the host by itself too, for what only a process has.
pub(crate) async fn kit(
    folders: &Folders,
    driver: &Driver,
    more: &[&str],
    change: impl FnOnce(&mut AppOptions),
) -> (Kit, Arc<ProcessHost>) {
    try_kit(folders, driver, more, change).await.unwrap()
}

/// The same of an app that may not start.
pub(crate) async fn try_kit(
    folders: &Folders,
    driver: &Driver,
    more: &[&str],
    change: impl FnOnce(&mut AppOptions),
) -> Result<(Kit, Arc<ProcessHost>)> {
    let mut process = None;
    let open = async |setting: Setting| {
        let env = setting.env.clone();
        let mut options = options(setting, folders, driver, more);
        change(&mut options);
        let host = ProcessHost::start(env, options).await?;
        process = Some(Arc::clone(&host));
        Ok(host as Arc<dyn Host>)
    };
    let kit = Kit::with(open).await?;
    Ok((kit, process.unwrap()))
}

async fn probe(kit: &Kit, what: &str, with: &str) -> String {
    let input = json!({ "what": what, "with": with });
    let given = kit.call("probe.form", "submit", input).await.unwrap();
    given.output.as_str().unwrap().to_owned()
}

pub(crate) fn late(kit: &Kit, path: &str, what: &str) -> HostCall {
    kit.host_call(path, "submit", &json!({ "what": what })).unwrap()
}

pub(crate) async fn eventually<T>(mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WAIT, wait).await.expect("it comes soon")
}

#[tokio::test]
async fn an_app_in_a_process_keeps_what_every_host_keeps() {
    let open = Ground::Here(open(restrict()));
    for ground in std::iter::once(open).chain(grounds().await) {
        let folders = std::sync::Mutex::new(Vec::new());
        let mount = async || {
            let folder = Folders::new();
            let kit = kit(&folder, &ground.driver(), &[], |_| {}).await.0;
            folders.lock().unwrap().push(folder);
            Result::<Kit, Error>::Ok(kit)
        };
        conformance::check(mount).await;
    }
}

#[tokio::test]
async fn a_process_that_is_killed_cuts_its_calls_off_and_is_started_again() {
    for ground in grounds().await {
        let rows = ground.rows().await;
        let (driver, folders) = (ground.driver(), Folders::new());
        let database = rows.as_ref().map(|rows| rows.options().clone());
        let (kit, host) = kit(&folders, &driver, &[], |options| options.database = database).await;
        kit.call("act.form", "submit", json!({ "what": "own" })).await.unwrap();
        let first = host.pid().await.unwrap();
        let call = late(&kit, "act.form", "late");
        let id = call.id;
        let running = tokio::spawn({
            let host = Arc::clone(&host);
            async move { host.call(call).await }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        rustix::process::kill_process(pid(first), rustix::process::Signal::KILL).unwrap();
        let error = tokio::time::timeout(WAIT, running).await.unwrap().unwrap().unwrap_err();
        assert!(matches!(&error, HostError::CutOff(error) if error.code == Code::Unavailable), "{error:?}");
        // What was not applied is not there, and what was is; both are asked of the next process.
        assert!(host.fence(id).await.unwrap().is_none());
        assert_ne!(host.pid().await, Some(first));
        let rows = kit.call("item.table", "search", json!({})).await.unwrap().output;
        assert_eq!(rows["rows"].as_array().map(Vec::len), Some(1));
        eventually(async || (!is_alive(first)).then_some(())).await;
        let died = eventually(async || said(&kit, "The app has died.").pop()).await;
        assert_eq!((died.level, &died.fields["signal"]), (LogLevel::Error, &json!("SIGKILL")), "{died:?}");
        assert_eq!(said(&kit, "The app is started.").len(), 2);
    }
}

/// What the platform said of the app.
pub(crate) fn said(kit: &Kit, message: &str) -> Vec<LogEntry> {
    let lines = kit.logs().into_iter().filter(|line| line.source == LogSource::Platform);
    lines.map(|line| line.entry).filter(|entry| entry.message == message).collect()
}

fn pid(number: u32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

pub(crate) fn is_alive(number: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

#[tokio::test]
async fn a_process_that_nobody_calls_is_stopped_until_somebody_does() {
    for ground in grounds().await {
        let driver = ground.driver();
        let folders = Folders::new();
        let (kit, host) =
            kit(&folders, &driver, &[], |options| options.idle = Duration::from_millis(400)).await;
        let first = host.pid().await.unwrap();
        eventually(async || host.pid().await.is_none().then_some(())).await;
        eventually(async || (!is_alive(first)).then_some(())).await;
        // Upkeep starts nothing.
        assert_eq!(host.row_count("item.table", 10).await.unwrap(), None);
        assert_eq!(host.forget_receipts(kit.platform().env().now()).await.unwrap(), 0);
        assert!(host.pid().await.is_none());
        let given = kit.call("act.form", "submit", json!({ "what": "own" })).await.unwrap();
        assert_eq!(given.output, json!("2"));
        // A call that runs is use.
        let long = HostCall {
            deadline: kit.platform().env().now().plus(Duration::from_millis(1500)),
            ..late(&kit, "act.form", "late")
        };
        let error = host.call(long).await.unwrap_err();
        assert!(
            matches!(&error, HostError::Refused(error) if error.code == Code::DeadlineExceeded),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_app_that_dies_again_and_again_is_left_alone_for_a_while() {
    for ground in grounds().await {
        let driver = ground.driver();
        let folders = Folders::new();
        let (kit, host) = kit(&folders, &driver, &["--nocapture"], |_| {}).await;
        for _ in 0..3 {
            let error = host.call(late(&kit, "probe.form", "exit")).await.unwrap_err();
            assert!(matches!(error, HostError::CutOff(_)), "{error:?}");
        }
        let error = host.call(late(&kit, "probe.form", "")).await.unwrap_err();
        let told = |error: &Error| {
            error.code == Code::Unavailable && error.message.contains("several times; it is tried again in ")
        };
        assert!(matches!(&error, HostError::Refused(error) if told(error)), "{error:?}");
        let died =
            eventually(async || Some(said(&kit, "The app has died.")).filter(|all| all.len() == 3)).await;
        assert!(died.iter().all(|entry| entry.fields["exit"] == json!(3)), "{died:?}");
        let refused = said(&kit, "The app has died several times; callers are refused for a while.");
        assert_eq!(refused.len(), 1);
        assert!(refused[0].fields["seconds"].as_u64() <= Some(10), "{refused:?}");
    }
}

#[tokio::test]
async fn an_app_whose_calls_hang_is_ended_and_started_again() {
    for ground in grounds().await {
        let driver = ground.driver();
        let folders = Folders::new();
        let soon = |options: &mut AppOptions| options.answers_within = Duration::from_millis(500);
        let (kit, host) = kit(&folders, &driver, &["--nocapture"], soon).await;
        let first = host.pid().await.unwrap();
        // More than it has threads.
        let mut hanging = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (host, call) = (Arc::clone(&host), late(&kit, "probe.form", "hang"));
            hanging.spawn(async move { host.call(call).await });
        }
        while let Some(ended) = tokio::time::timeout(WAIT, hanging.join_next()).await.unwrap() {
            assert!(matches!(ended.unwrap(), Err(HostError::CutOff(_))));
        }
        assert_eq!(probe(&kit, "nothing", "").await, "");
        assert_ne!(host.pid().await, Some(first));
        eventually(async || (!is_alive(first)).then_some(())).await;
        assert_eq!(host.stop(Duration::from_millis(100)).await, 0);
        assert_eq!(probe(&kit, "nothing", "").await, "");
    }
}

#[tokio::test]
async fn an_app_reaches_nothing_but_its_own_folder() {
    for driver in drivers() {
        let folders = Folders::new();
        let outside = folders.0.path().join("secret");
        std::fs::write(&outside, "secret").unwrap();
        std::os::unix::fs::symlink(&outside, folders.data().join("out")).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let limits = |options: &mut AppOptions| options.limits.file = 1_000_000;
        let (kit, _host) = kit(&folders, &driver, &["--nocapture"], limits).await;
        let refused = async |what: &str, with: &str| {
            let outcome = probe(&kit, what, with).await;
            assert!(outcome.starts_with("refused"), "{what} {with}: {outcome}");
        };
        for file in ["/etc/shadow", "/etc/debian_version", "/data/out", "/sys/kernel/version"] {
            refused("read", file).await;
        }
        refused("read", outside.to_str().unwrap()).await;
        for folder in ["/home", "/root", "/srv"] {
            refused("list", folder).await;
        }
        // An engine puts files and folders of its own there, and its limit of memory shows when that is used.
        if driver.as_str() == "bubblewrap" {
            refused("read", "/etc/passwd").await;
            refused("list", "/var").await;
            refused("list", "/etc").await;
            refused("memory", "8000000000").await;
        }
        refused("write", "/app/program").await;
        refused("write", "/usr/lib/x").await;
        for place in [
            "/link/other",
            "/other",
            "/dev/shm/other",
            "/sys/other",
            "/app/other",
            "/proc/sys/kernel/core_pattern",
        ] {
            refused("write", place).await;
        }
        for place in [&*address, "169.254.169.254:80", "127.0.0.1:5432"] {
            refused("connect", place).await;
        }
        assert_eq!(probe(&kit, "write", "/data/own").await, "written");
        assert_eq!(probe(&kit, "write", "/tmp/own").await, "written");
        let (there, known) = seen(&driver);
        assert_eq!(probe(&kit, "list", "/").await, there);
        let names = probe(&kit, "environment", "").await;
        for name in names.split(' ') {
            assert!(known.contains(&name), "{names}");
        }
        // Its own processes only: the sandbox's and its own.
        let processes = probe(&kit, "list", "/proc").await;
        let processes = processes.split(' ').filter(|name| name.parse::<u32>().is_ok()).count();
        assert!(processes <= 2, "{processes}");
        assert_eq!(probe(&kit, "loud", "").await, "told");
        let loud =
            |line: &testkit::LogLine| line.source == LogSource::Stdout && line.entry.message == "line 99999";
        eventually(async || kit.logs().iter().any(loud).then_some(())).await;
    }
}

/// What an app finds in its root, and in its environment: an engine adds some of its own.
fn seen(driver: &Driver) -> (&'static str, &'static [&'static str]) {
    match driver.as_str() {
        "bubblewrap" => {
            ("app data dev lib lib64 link proc tmp usr", &["HOME", "KAGEOS_LINK", "PWD", "RUST_TEST_THREADS"])
        }
        _ => (
            "app data dev etc lib lib64 link proc run sys tmp usr var",
            &["HOME", "HOSTNAME", "KAGEOS_LINK", "PATH", "RUST_TEST_THREADS", "TERM", "container"],
        ),
    }
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let (folders, driver) = (Folders::new(), open(restrict()));
    let refused = async |change: fn(&mut AppOptions)| {
        let open = async |setting: Setting| {
            let env = setting.env.clone();
            let mut options = options(setting, &folders, &driver, &[]);
            change(&mut options);
            Ok(ProcessHost::start(env, options).await? as Arc<dyn Host>)
        };
        let error = Kit::with(open).await.unwrap_err();
        assert_eq!(error.code, Code::Unavailable, "{error}");
        error.message
    };
    let none = refused(|options| {
        options.driver = open(Vec::new());
        options.program = Path::new("/nothing/here").to_owned();
    });
    assert_eq!(none.await, "The app cannot be started.");
    let ended = refused(|options| options.arguments = vec!["--list".into()]).await;
    assert!(ended.contains("ended before it was ready: exit status 0"), "{ended}");
    let silent = refused(|options| {
        options.driver = open(Vec::new());
        options.program = "/bin/sleep".into();
        options.arguments = vec!["60".into()];
        options.ready_within = Duration::from_millis(200);
    });
    assert_eq!(silent.await, "The app did not come to its link in time.");
}
