//! Scripts of apps in the sandbox of apps.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kageos_core::{
    ActionName, CallControl, CallId, Code, Env, HostCall, LogCall, LogEntry, LogSink, LogSource, NodeId,
    Progress, PythonDone, PythonFile, PythonScript, Result, Source, SourceKind, Trace,
};
use kageos_server::runtime::{Driver, Limits, PythonOptions, Sandbox, Scripts};
use serde_json::{Value, json, value::to_raw_value};
use tempfile::TempDir;

use crate::process::{drivers, variable};

/// The Python of this machine; CI has one.
fn program() -> Option<PathBuf> {
    let found = Some(PathBuf::from("/usr/bin/python3")).filter(|program| program.is_file());
    assert!(found.is_some() || variable("CI").is_none(), "CI needs Python");
    found
}

/// What runs scripts here, with these limits and one environment, `own`.
struct Bench {
    scripts: Scripts,
    env: Env,
    logged: Arc<Logged>,
    _folder: TempDir,
}

#[derive(Debug, Default)]
struct Logged(Mutex<Vec<LogEntry>>);

impl LogSink for Logged {
    fn take(&self, source: LogSource, call: Option<LogCall>, entry: LogEntry) {
        assert!(source == LogSource::Platform && call.is_some());
        self.0.lock().unwrap().push(entry);
    }

    fn lost(&self, _: u64) {}
}

/// A caller who may give up.
#[derive(Debug, Default)]
struct Caller(AtomicBool);

impl CallControl for Caller {
    fn report(&self, _: Progress) {}

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn log(&self, _: LogEntry) {}
}

impl Bench {
    fn new(change: impl FnOnce(&mut Limits)) -> Option<Self> {
        let program = program()?;
        let driver = drivers().into_iter().find(|driver| driver.as_str() == "bubblewrap")?;
        let folder = TempDir::new().unwrap();
        let packages = environment(&program, folder.path());
        std::fs::write(packages.join("told.py"), "WHAT = 'of an operator'\n").unwrap();
        let environments = [("own".to_owned(), folder.path().to_owned())].into();
        let mut limits = Limits::default();
        change(&mut limits);
        let options = PythonOptions { program: Some(program), environments, hidden: Vec::new() };
        let env = Env::system();
        let scripts = Scripts::new(options, driver, limits, env.clone());
        Some(Self { scripts, env, logged: Arc::default(), _folder: folder })
    }

    fn script(source: &str) -> PythonScript {
        let input = to_raw_value(&json!({ "n": 20 })).unwrap().into();
        PythonScript { source: source.into(), input, files: Vec::new(), environment: None, timeout_ms: None }
    }

    fn call(&self, control: Arc<Caller>) -> HostCall {
        HostCall {
            id: CallId::new(&self.env),
            path: "/demo/app/act.form".parse().unwrap(),
            action: ActionName::new("submit").unwrap(),
            input: Vec::new(),
            actor: kageos_core::Actor::system(),
            source: Source { kind: SourceKind::Web, reference: None, path: None, title: None },
            trace: Trace::start(&*self.env.entropy),
            deadline: self.env.now().plus(Duration::from_secs(60)),
            dry_run: false,
            control,
        }
    }

    async fn run(&self, script: PythonScript) -> Result<PythonDone> {
        let of = self.scripts.of(NodeId::new(&self.env), Arc::clone(&self.logged) as _);
        of.run(&self.call(Arc::default()), script).await
    }

    /// What a script gives.
    async fn output(&self, source: &str) -> Value {
        let done = self.run(Self::script(source)).await.unwrap_or_else(|error| panic!("{source}: {error:?}"));
        serde_json::from_str(done.output.get()).unwrap()
    }

    /// Why a script failed.
    async fn failed(&self, source: &str) -> String {
        let error = self.run(Self::script(source)).await.expect_err(source);
        assert_eq!(error.code, Code::ScriptFailed, "{source}: {error:?}");
        error.message
    }
}

/// Makes a virtual environment; answers where its packages are.
fn environment(program: &Path, folder: &Path) -> PathBuf {
    let made = std::process::Command::new(program)
        .args(["-I", "-m", "venv", "--without-pip"])
        .arg(folder)
        .status()
        .unwrap();
    assert!(made.success());
    let lib = std::fs::read_dir(folder.join("lib")).unwrap().flatten().next().unwrap().path();
    lib.join("site-packages")
}

#[tokio::test]
async fn a_script_gives_what_it_makes_of_what_it_is_given() {
    let Some(bench) = Bench::new(|_| {}) else { return };
    let mut script = Bench::script(
        "import csv, sys\nfrom told import WHAT\nrows = list(csv.reader(open('a b.csv')))\nprint('ä', WHAT)\n\
         print('error', file=sys.stderr)\nopen('out/ü.txt', 'w').write(rows[1][0])\n\
         output = {'n': input['n'] + 1, 'rows': rows}",
    );
    script.files = vec![PythonFile { name: "a b.csv".into(), bytes: b"x,y\n1,2\n".to_vec() }];
    script.environment = Some("own".into());
    let done = bench.run(script.clone()).await.unwrap();
    let output: Value = serde_json::from_str(done.output.get()).unwrap();
    assert_eq!(output, json!({ "n": 21, "rows": [["x", "y"], ["1", "2"]] }));
    assert_eq!(done.text, "ä of an operator\nerror\n");
    assert_eq!(done.files, [PythonFile { name: "ü.txt".into(), bytes: b"1".to_vec() }]);
    let line = bench.logged.0.lock().unwrap().pop().unwrap();
    assert_eq!((line.message.as_str(), &line.fields["environment"]), ("A script has run.", &json!("own")));
    // Only what an operator has named.
    script.environment = Some("other".into());
    let error = bench.run(script.clone()).await.unwrap_err();
    assert_eq!((error.code, error.fields[0].pointer.as_str()), (Code::InvalidInput, "/environment"));
    script.environment = None;
    let error = bench.run(script).await.unwrap_err();
    assert_eq!(error.message, "The script failed: ModuleNotFoundError: No module named 'told' (line 2)");
    assert_eq!(bench.output("").await, Value::Null);
    assert_eq!(bench.output("import sys; output = 1; sys.exit()").await, json!(1));
}

#[tokio::test]
async fn how_a_script_fails_is_told() {
    let Some(bench) = Bench::new(|_| {}) else { return };
    for (source, told) in [
        ("x = (", "The script failed: SyntaxError: '(' was never closed (script.py, line 1)"),
        (
            "raise ValueError('so many: %d\\nand more' % input['n'])",
            "The script failed: ValueError: so many: 20 (line 1)",
        ),
        ("import sys; sys.exit('no rows')", "The script failed: SystemExit: no rows (line 1)"),
        ("def f():\n  g()\ndef g():\n  raise KeyError()\nf()", "The script failed: KeyError (line 4)"),
        ("output = {1, 2}", "The script failed: TypeError: Object of type set is not JSON serializable"),
        (
            "output = float('nan')",
            "The script failed: ValueError: Out of range float values are not JSON compliant",
        ),
        ("output = '\\ud800'", "The script failed: UnicodeEncodeError: "),
        ("open(b'out/\\xff', 'w')", "The script failed: UnicodeEncodeError: "),
        (
            "raise ExceptionGroup('all', [ValueError()])",
            "The script failed: ExceptionGroup: all (1 sub-exception) (line 1)",
        ),
        ("class E(Exception):\n  def __str__(self): raise self\nraise E()", "The script failed: E (line 3)"),
        ("raise ValueError('\\ud800' + 'x' * 1000)", "The script failed: ValueError: \\ud800xxx"),
        ("import os; os._exit(0)", "The script gives no answer, or too much."),
        ("import os; os._exit(3)", "The script was ended: exit status 3."),
        ("print('secret')\nimport os; os.kill(os.getpid(), 9)", "The script was ended: SIGKILL."),
        ("output = 'x' * 4_200_000", "The script gives more than 4194304 bytes of JSON."),
        ("output = 'x' * 50_000_000", "The script gives too much."),
        ("while True: print('x' * 10_000)", "The script prints too much."),
    ] {
        let said = bench.failed(source).await;
        assert!(said.starts_with(told), "{source}: {said}");
    }
    let many = "The script makes more than 64 files or 16777216 bytes.";
    assert_eq!(bench.failed("[open(f'out/{n}', 'w').close() for n in range(65)]").await, many);
    assert_eq!(bench.failed("open('out/large', 'wb').write(bytes(17_000_000))").await, many);
    bench.failed("print('line')\ndef broken():\n    return 1 / 0\nbroken()").await;
    let line = bench.logged.0.lock().unwrap().pop().unwrap();
    let printed = line.fields["printed"].as_str().unwrap().to_owned();
    assert!(
        printed.starts_with("line\n") && printed.contains("line 3, in broken\n    return 1 / 0"),
        "{printed}"
    );
    assert!(!printed.contains("in main"), "{printed}");
    let done = bench.run(Bench::script("print('x' * 200_000 + 'end')")).await.unwrap();
    assert!(done.text.len() == 64 * 1024 && done.text.ends_with("end\n"), "{}", done.text.len());
}

/// What people write, and what others have not thought of.
#[tokio::test]
async fn a_script_is_a_program_like_others() {
    let Some(bench) = Bench::new(|_| {}) else { return };
    for source in [
        // A file that it has left open is whole.
        "def f(): pass\nmade = open('out/made', 'w'); made.write('x')\noutput = 1",
        "import os; os.chdir('/tmp'); open('/work/out/made', 'w').write('x'); output = 1",
        "import os; os.rmdir('out'); output = 1",
        // It is the program that runs.
        "import pickle\nclass A: pass\npickle.dumps(A()); output = 1",
        "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer)\nprint('a'); output = 1",
        "import sys; sys.stderr = None; sys.stdout.close(); output = 1",
        "import sys, os; os.close(0); os.close(1); os.close(2); output = 1",
        "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); output = 1",
        "import os\nif os.fork() == 0: output = 2\nelse: os.wait(); output = 1",
        "import atexit, os; atexit.register(os._exit, 3); output = 1",
        "import json; json.dumps = None; json.loads = None; output = 1",
        "import subprocess, sys\nassert subprocess.run([sys.executable, '-c', 'print(7)']).returncode == 0; output = 1",
        "from multiprocessing import get_context\ndef same(x): return x\nif __name__ == '__main__':\n with get_context('spawn').Pool(1) as pool: output = sum(pool.map(same, [0, 1]))",
        "from multiprocessing import Pool\ndef same(x): return x\nwith Pool(2) as pool: output = sum(pool.map(same, [0, 1]))",
    ] {
        let done = bench.run(Bench::script(source)).await;
        if source.contains("json.dumps = None") {
            assert_eq!(done.unwrap_err().code, Code::ScriptFailed);
            continue;
        }
        let done = done.unwrap_or_else(|error| panic!("{source}: {error:?}"));
        assert_eq!(done.output.get(), "1", "{source}");
        let made = PythonFile { name: "made".into(), bytes: b"x".to_vec() };
        assert!(!source.contains("out/made") || done.files == [made], "{source}");
    }
}

#[tokio::test]
async fn a_script_reaches_nothing_of_the_machine() {
    let Some(bench) = Bench::new(|_| {}) else { return };
    let secret = TempDir::new().unwrap();
    let file = secret.path().join("secret");
    std::fs::write(&file, "secret").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let source = r#"
import os, socket, ctypes
def tried(what):
    try:
        return str(what())
    except OSError as error:
        return None
def connects(address):
    with socket.create_connection(address, 2):
        return "connected"
output = {
    "secret": tried(lambda: open("FILE").read()),
    "shadow": tried(lambda: open("/etc/shadow").read()),
    "loopback": tried(lambda: connects(("127.0.0.1", PORT))),
    "metadata": tried(lambda: connects(("169.254.169.254", 80))),
    "writes": tried(lambda: open("/usr/lib/new", "w")),
    "root": tried(lambda: open("/new", "w")),
    "local": tried(lambda: os.listdir("/usr/local")),
    "becomes": tried(lambda: os.setuid(0)),
    "unshares": str(ctypes.CDLL(None, use_errno=True).unshare(0x10000000)),
    "account": os.getuid(),
    "environment": sorted(os.environ),
    "top": sorted(os.listdir("/")),
}
os.symlink("/proc/self/environ", "out/link")
os.mkdir("out/folder")
"#;
    let source = source.replace("FILE", file.to_str().unwrap()).replace("PORT", &port.to_string());
    let done = bench.run(Bench::script(&source)).await.unwrap();
    let mut output: Value = serde_json::from_str(done.output.get()).unwrap();
    let top = output["top"].take();
    let hidden = ["boot", "home", "opt", "srv", "sys", "var"];
    assert!(top.as_array().is_some_and(|all| hidden.iter().all(|it| !all.contains(&json!(it)))), "{top}");
    let environment = output["environment"].take();
    assert_eq!(environment, json!(["HOME", "LANG", "PATH", "PWD", "TMPDIR"]));
    let nothing = json!({
        "secret": null, "shadow": null, "loopback": null, "metadata": null, "writes": null, "root": null, "local": null,
        "becomes": null, "unshares": "-1", "account": 65534, "environment": null, "top": null,
    });
    assert_eq!(output, nothing);
    assert!(done.files.is_empty(), "{:?}", done.files);
}

#[tokio::test]
async fn what_a_script_uses_up_is_bounded() {
    let limited = |limits: &mut Limits| {
        (limits.memory, limits.processes, limits.file) = (512 << 20, 32, 8 << 20);
    };
    let Some(bench) = Bench::new(limited) else { return };
    let memory = bench.failed("x = []\nwhile True: x.append(bytearray(1 << 20))").await;
    assert!(memory.contains("MemoryError") || memory.contains("all its memory"), "{memory}");
    let forks = bench.failed("import os\nwhile os.fork() >= 0: pass").await;
    assert!(forks.contains("BlockingIOError") || forks.contains("ended"), "{forks}");
    let file = bench.failed("open('large', 'wb').write(bytes(9 << 20))").await;
    assert!(file.contains("OSError") || file.contains("ended") || file.contains("SIGXFSZ"), "{file}");
    let many = "for n in range(1000): open(f'large{n}', 'wb').write(bytes(1 << 20))";
    let many = bench.failed(many).await;
    assert!(many.contains("No space left") || many.contains("memory"), "{many}");
    // Who takes too long is ended, and its last words are in the log.
    let script =
        PythonScript { timeout_ms: Some(3000), ..Bench::script("print('so far')\nwhile True: pass") };
    assert_eq!(bench.run(script).await.unwrap_err().code, Code::DeadlineExceeded);
    let line = bench.logged.0.lock().unwrap().pop().unwrap();
    assert_eq!(line.fields["printed"], json!("so far\n"));
    // What it has started ends with it.
    let left = "import subprocess; subprocess.Popen(['sleep', '4242'])";
    bench.output(left).await;
    let sleeps = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let said = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        said.filter(|line| line.starts_with(b"sleep\x004242")).count()
    };
    assert_eq!(sleeps(), 0);
    assert_eq!(bench.output("output = 1").await, json!(1));
}

#[tokio::test]
async fn a_script_ends_when_nobody_waits_for_its_call() {
    let Some(bench) = Bench::new(|_| {}) else { return };
    let caller = Arc::new(Caller::default());
    let (of, call) = (
        bench.scripts.of(NodeId::new(&bench.env), Arc::clone(&bench.logged) as _),
        bench.call(Arc::clone(&caller)),
    );
    let running = tokio::spawn(async move { of.run(&call, Bench::script("while True: pass")).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    caller.0.store(true, Ordering::Relaxed);
    let ended = tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap();
    assert_eq!(ended.unwrap_err().code, Code::Cancelled);
    // And when nobody waits for the script itself.
    let of = bench.scripts.of(NodeId::new(&bench.env), Arc::clone(&bench.logged) as _);
    let call = bench.call(Arc::default());
    let running = tokio::spawn(async move { of.run(&call, Bench::script("while True: pass")).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let line = bench.logged.0.lock().unwrap().pop().unwrap();
    assert_eq!(line.message, "A script was cut off: its call has ended.");
}

#[tokio::test]
async fn a_python_that_would_show_what_is_hidden_is_not_started() {
    let Some(program) = program() else { return };
    let folder = TempDir::new().unwrap();
    environment(&program, &folder.path().join("inside/own"));
    let around = ("around".to_owned(), folder.path().to_owned());
    let environments = [("inside".to_owned(), folder.path().join("inside/own")), around].into();
    let options =
        PythonOptions { program: Some(program), environments, hidden: vec![folder.path().join("inside")] };
    let env = Env::system();
    let open = Driver::processes(Sandbox::Open, Vec::new(), None);
    let scripts = Scripts::new(options, open, Limits::default(), env.clone());
    let bench = Bench { scripts, env, logged: Arc::default(), _folder: folder };
    let script = |name: &str| PythonScript { environment: Some(name.into()), ..Bench::script("") };
    for name in ["inside", "around"] {
        let refused = bench.run(script(name)).await.unwrap_err();
        assert!(refused.message.contains("lie within one another"), "{name}: {refused}");
    }
}

#[tokio::test]
async fn one_workspace_leaves_a_place_to_others() {
    let Some(bench) = Bench::new(|_| {}) else { return };
    let (busy, other) = (NodeId::new(&bench.env), NodeId::new(&bench.env));
    let of = |workspace| bench.scripts.of(workspace, Arc::clone(&bench.logged) as _);
    let caller = Arc::new(Caller::default());
    let more = std::thread::available_parallelism().unwrap().get() + 1;
    let long = (0..more).map(|_| {
        let (of, call) = (of(busy), bench.call(Arc::clone(&caller)));
        tokio::spawn(async move { of.run(&call, Bench::script("while True: pass")).await })
    });
    let long: Vec<_> = long.collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let short = bench.call(Arc::default());
    tokio::time::timeout(Duration::from_secs(10), of(other).run(&short, Bench::script("output = 1")))
        .await
        .unwrap()
        .unwrap();
    // Who waits no longer than its call has heard that there was no place.
    let soon =
        HostCall { deadline: bench.env.now().plus(Duration::from_millis(300)), ..bench.call(Arc::default()) };
    let refused = of(busy).run(&soon, Bench::script("output = 1")).await.unwrap_err();
    assert_eq!(refused.code, Code::TooManyRequests);
    caller.0.store(true, Ordering::Relaxed);
    for one in long {
        assert_eq!(one.await.unwrap().unwrap_err().code, Code::Cancelled);
    }
}

#[tokio::test]
async fn without_a_sandbox_no_script_runs() {
    let Some(program) = program() else { return };
    let options =
        PythonOptions { program: Some(program), environments: Default::default(), hidden: Vec::new() };
    let open = Driver::processes(Sandbox::Open, Vec::new(), None);
    let env = Env::system();
    let scripts = Scripts::new(options, open, Limits::default(), env.clone());
    let logged = Arc::new(Logged::default());
    let bench = Bench { scripts, env, logged, _folder: TempDir::new().unwrap() };
    assert_eq!(bench.run(Bench::script("")).await.unwrap_err().code, Code::Unavailable);
}
