//! Hostile code in an app: each way that `attack.c` knows, in a sandbox and in a container.

pub(crate) mod frames;

use std::{
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::MetadataExt,
            net::{SocketAddr, UnixListener},
        },
    },
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use kageos_core::Code;
use kageos_sdk::testkit::Kit;
use kageos_server::runtime::{AppOptions, Driver, Sandbox};
use serde_json::json;

use crate::process::{Folders, drivers, eventually, kit, try_kit, variable};

/// Bytes of memory, processes, bytes of a file and open files of the apps here.
const MEMORY: u64 = 1 << 30;
const PROCESSES: u64 = 64;
const FILE: u64 = 8 << 20;
const FILES: u64 = 256;

/// What comes of it.
enum Comes {
    /// The system refuses it.
    Refused,
    /// It comes so far at most.
    AtMost(u64),
    /// It finds so much.
    Finds(u64),
}
use Comes::{AtMost, Finds, Refused};

/// Every way, with what, and what comes of it; `{…}` is something of this machine that the test puts there.
const WAYS: &[(&str, &str, Comes)] = &[
    ("reads", "{secret}", Refused),
    ("reads", "/etc/shadow", Refused),
    ("reads", "/proc/1/root/etc/shadow", Refused),
    ("reads", "/proc/kcore", Refused),
    ("reads", "/dev/mem", Refused),
    ("reads", "/dev/kmsg", Refused),
    ("reads", "/dev/vda", Refused),
    ("reads", "/dev/fuse", Refused),
    ("lists", "/root", Refused),
    ("lists", "/home", Refused),
    ("link_out", "{secret}", Refused),
    ("creates", "/new", Refused),
    ("creates", "/app/new", Refused),
    ("creates", "/link/new", Refused),
    ("creates", "/dev/new", Refused),
    ("creates", "/usr/lib/new", Refused),
    ("writes", "/app/program", Refused),
    ("writes", "/proc/sys/kernel/core_pattern", Refused),
    ("writes", "/proc/sysrq-trigger", Refused),
    ("writes", "/sys/kernel/uevent_helper", Refused),
    ("writes", "/sys/fs/cgroup/cgroup.procs", Refused),
    ("device", "", Refused),
    ("shared_memory", "", Refused),
    ("connects", "{port}", Refused),
    ("connects", "5432", Refused),
    ("metadata", "", Refused),
    ("asks_names", "", Refused),
    ("raw_socket", "", Refused),
    ("packet_socket", "", Refused),
    ("to_the_machine_outside", "", Refused),
    ("into_the_kernel", "", Refused),
    ("abstract_socket", "{name}", Refused),
    ("interfaces", "", Finds(0)),
    ("signals", "{me}", Refused),
    ("traces", "{me}", Refused),
    ("reads_memory", "{me}", Refused),
    ("mounts", "", Refused),
    ("binds", "", Refused),
    ("remounts", "", Refused),
    ("unmounts", "", Refused),
    ("new_users", "", Refused),
    ("new_mounts", "", Refused),
    ("new_network", "", Refused),
    ("clones", "", Refused),
    ("new_root", "", Refused),
    ("pivots", "", Refused),
    ("becomes_root", "", Refused),
    ("marks_program", "", Finds(65534)),
    ("capability", "", Refused),
    ("sets_clock", "", Refused),
    ("names_host", "", Refused),
    ("restarts", "", Refused),
    ("loads_module", "", Refused),
    ("loads_bpf", "", Refused),
    ("adds_key", "", Refused),
    ("faults", "", Refused),
    ("rings", "", Refused),
    ("counts_events", "", Refused),
    ("opens_handle", "", Refused),
    ("raises_limit", "", Refused),
    ("comes_first", "", Refused),
    ("long_words", "", Refused),
    ("leaves_core", "", Refused),
    ("fills", "/data/large", AtMost(FILE)),
    ("fills", "/tmp/large", AtMost(FILE)),
    ("opens", "", AtMost(FILES)),
];

/// The program of hostile code, which needs no library.
fn attack() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let (source, program) =
            ("tests/it/hostile/attack.c", Path::new(env!("CARGO_TARGET_TMPDIR")).join("attack"));
        let made = Command::new("cc")
            .args(["-static", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&program)
            .arg(source)
            .status();
        assert!(made.unwrap().success(), "{source} does not compile");
        program
    })
}

/// Lets the app of a kit try a way; `None` when that was the end of the app.
async fn tries(kit: &Kit, way: &str, with: &str) -> Option<String> {
    let line = format!("/data/attack {way} {with}");
    let given = kit.call("probe.form", "submit", json!({ "what": "run", "with": line.trim() })).await.ok()?;
    Some(given.output.as_str().unwrap().to_owned())
}

/// The limits of the apps here.
fn limited(options: &mut AppOptions) {
    let limits = &mut options.limits;
    (limits.memory, limits.processes, limits.file, limits.open_files) = (MEMORY, PROCESSES, FILE, FILES);
}

fn hostile(folders: &Folders) {
    std::fs::copy(attack(), folders.data().join("attack")).unwrap();
}

#[tokio::test]
async fn what_hostile_code_tries_is_refused() {
    for driver in drivers() {
        let folders = Folders::new();
        hostile(&folders);
        let secret = folders.data().with_file_name("secret");
        std::fs::write(&secret, "secret").unwrap();
        let secret = secret.to_str().unwrap().to_owned();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let name = format!("kageos-{}", std::process::id());
        let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let me = std::process::id().to_string();
        let (kit, host) = kit(&folders, &driver, &["--nocapture"], limited).await;
        let mut wrong = Vec::new();
        for (way, with, comes) in WAYS {
            let with = with.replace("{secret}", &secret).replace("{port}", &port).replace("{name}", &name);
            let with = with.replace("{me}", &me);
            let said = tries(&kit, way, &with).await.unwrap_or_else(|| "ended the app".to_owned());
            let number: Option<u64> = said.trim().parse().ok();
            let as_it_should = match comes {
                Refused => said.starts_with("refused: "),
                Finds(found) => number == Some(*found),
                AtMost(most) => number.is_some_and(|number| number <= *most),
            };
            if !as_it_should {
                wrong.push(format!("{way} {with}: {said}"));
            }
        }
        assert!(wrong.is_empty(), "{}: {wrong:#?}", driver.as_str());
        assert!(!folders.data().join("core").exists());
        drop(listener);
        host.stop(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn what_hostile_code_uses_up_is_its_own() {
    for driver in drivers() {
        let folders = Folders::new();
        hostile(&folders);
        let (kit, host) = kit(&folders, &driver, &["--nocapture"], limited).await;
        // All that it gets counts for the app: whatever is too much ends what took it, or the app.
        if let Some(said) = tries(&kit, "memory", "").await {
            let megabytes = said.lines().filter_map(|line| line.parse().ok()).max();
            assert!(megabytes.is_some_and(|it: u64| it < MEMORY >> 20), "{}: {said}", driver.as_str());
        }
        host.stop(Duration::ZERO).await;
        if let Some(said) = tries(&kit, "memories", "").await {
            let shares: Option<u64> = said.trim().parse().ok();
            assert!(shares.is_some_and(|it| it < MEMORY >> 28), "{}: {said}", driver.as_str());
        }
        for way in ["zombies", "forks"] {
            host.stop(Duration::ZERO).await;
            let said = tries(&kit, way, "").await;
            let count: Option<u64> = said.as_deref().and_then(|said| said.trim().parse().ok());
            assert!(count.is_some_and(|count| count < PROCESSES), "{} {way}: {said:?}", driver.as_str());
        }
        // What waits for ever ends with the app.
        let program = folders.data().join("attack");
        assert!(running(&program) > 0, "{}", driver.as_str());
        host.stop(Duration::ZERO).await;
        eventually(async || (running(&program) == 0).then_some(())).await;
        assert!(tries(&kit, "interfaces", "").await.is_some(), "{}: it starts again", driver.as_str());
        host.stop(Duration::ZERO).await;
    }
}

/// Processes of this machine that run a program, by what it is: where it lies they see otherwise.
fn running(program: &Path) -> usize {
    let id = |path: &Path| std::fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    let wanted = id(program);
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter(|entry| id(&entry.path().join("exe")).is_some_and(|found| Some(found) == wanted)).count()
}

#[tokio::test]
async fn what_keeps_apps_apart_is_measured() {
    for driver in drivers() {
        let folder = tempfile::tempdir().unwrap();
        let probe = Path::new(env!("CARGO_BIN_EXE_kagectl"));
        let name = driver.as_str();
        let told = driver.clone().measured(probe.into(), folder.path().join("good")).prove().await;
        assert!(told.as_ref().is_ok_and(|told| told.ends_with("(measured)")), "{name}: {told:?}");
        // Who sets no limits has none, and starts nothing.
        let sandbox = Sandbox::find(&variable("PATH").unwrap_or_default()).unwrap();
        let lax =
            Driver::processes(sandbox, Vec::new(), None).measured(probe.into(), folder.path().join("lax"));
        let lax_folders = Folders::new();
        let started = try_kit(&lax_folders, &lax, &[], |_| {}).await;
        assert!(started.is_err_and(|error| error.code == Code::Unavailable), "{name}");
        let wrong = lax.prove().await.unwrap_err().message;
        for what in [
            "calls of the system are not filtered",
            "257 open files, not 128",
            "a file of 8388608 bytes",
            "1073741824 bytes of memory",
        ] {
            assert!(wrong.contains(what), "{what}: {wrong}");
        }
        // A program that measures nothing shows nothing.
        let silent = driver.measured("/bin/true".into(), folder.path().join("silent")).prove().await;
        assert!(silent.is_err_and(|error| error.code == Code::Unavailable), "{name}");
    }
}
