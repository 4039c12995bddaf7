//! A server that is nothing but one program: no repository, no network, no cache of Cargo.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use kageos_core::Code;
use serde_json::{Value, json};

use crate::{
    cli::{Machine, check_exit},
    example,
};

/// Starts the server and waits until it answers.
const SERVE: &str = "set -e\nkagectl serve >served 2>&1 &\n\
    for turn in $(seq 200); do kagectl status >/dev/null 2>&1 && break; sleep 0.1; done\nkagectl status >/dev/null\n";

/// A machine without a network that holds the system's libraries, one program and a folder.
struct Sealed {
    dir: tempfile::TempDir,
    program: PathBuf,
    /// What apps are built on there.
    layers: PathBuf,
}

/// The folder of a layer that another program has left.
const EARLIER: &str = "0123456789abcdef";
/// What an operator allows apps besides the SDK; it is in the lock file of the sources.
const CRATES: &str = "[crates]\nregex = \"1\"\n";

impl Sealed {
    /// With what `kagectl runtime pack` writes.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("kagectl");
        let machine = Machine::new();
        fs::write(machine.dir.path().join("crates.toml"), CRATES).unwrap();
        let sources = example::sources();
        let mut pack =
            machine.command(&["runtime", "pack", "--sources", sources, "--crates", "crates.toml", "--to"]);
        let done = pack.arg(&program).envs(example::tools()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, ["kagectl"]);
        fs::create_dir(dir.path().join("srv")).unwrap();
        let layers = dir.path().join("layers");
        Self::left_by_another(&layers.join(EARLIER));
        Self { dir, program, layers }
    }

    /// The layer of another program, which was here before: what does not change is not compiled again, and the rest is.
    fn left_by_another(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let layer = example::layer();
        let copied =
            Command::new("cp").args(["-a", "--reflink=auto"]).arg(layer.join("target")).arg(folder).status();
        assert!(copied.unwrap().success());
        let lock = fs::read_to_string(layer.join("Cargo.lock")).unwrap();
        let earlier =
            lock.replace("name = \"kageos-core\"\nversion = \"0", "name = \"kageos-core\"\nversion = \"00");
        assert_ne!(earlier, lock);
        fs::write(folder.join("Cargo.lock"), earlier).unwrap();
        // What it has of the SDK is of no use to anyone else.
        let spoil = "find . -name '*kageos*' -type f -exec truncate -s 0 {} +";
        let spoilt = Command::new("sh").args(["-c", spoil]).current_dir(folder.join("target")).status();
        assert!(spoilt.unwrap().success());
        let mut about: Value = serde_json::from_slice(&fs::read(layer.join("layer.json")).unwrap()).unwrap();
        about["toolchain"] = "/rust".into();
        about["packed"] = "another".into();
        fs::write(folder.join("layer.json"), about.to_string()).unwrap();
    }

    /// What the program carries is what was compiled from the sources, file by file.
    fn carries_the_sources(&self) {
        let made = fs::read_dir(&self.layers).unwrap().map(|it| it.unwrap().path());
        let made = made.filter(|it| it.is_dir() && !it.ends_with(EARLIER)).collect::<Vec<_>>();
        let [own] = made.as_slice() else { panic!("{made:?}") };
        let folders = [example::layer(), own.clone()].map(|layer| layer.join("vendor"));
        let differ = Command::new("diff").args(["-r", "--brief", "--"]).args(folders).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&differ.stdout), "");
        // And what does not change was not compiled again.
        let compiled = |layer: &Path| {
            let find = "find target -name 'libserde-*.rlib' -printf '%f %T@\\n'";
            let found = Command::new("sh").args(["-c", find]).current_dir(layer).output().unwrap();
            String::from_utf8(found.stdout).unwrap()
        };
        let before = compiled(&self.layers.join(EARLIER));
        assert!(!before.is_empty() && compiled(own) == before, "{before} {}", compiled(own));
    }

    /// Runs a script there, with or without a Rust toolchain.
    fn run(&self, rust: bool, script: &str) -> Output {
        let mut bwrap = Command::new("bwrap");
        bwrap.args(["--unshare-net", "--die-with-parent", "--dev", "/dev", "--tmpfs", "/tmp", "--clearenv"]);
        // The sandboxes of builds and apps are made within this one; the kernel wants to see all of `/proc` for that.
        bwrap.args(["--dev-bind", "/proc", "/proc"]);
        for tools in ["/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"] {
            bwrap.args(["--ro-bind-try", tools, tools]);
        }
        let mut path = "/opt:/usr/bin:/bin".to_owned();
        if rust {
            bwrap.arg("--ro-bind").arg(sysroot()).arg("/rust");
            path.push_str(":/rust/bin");
        }
        for tool in ["/usr/bin/rustc", "/usr/bin/cargo"].iter().filter(|it| Path::new(it).exists()) {
            bwrap.args(["--ro-bind", "/dev/null", tool]);
        }
        bwrap.arg("--ro-bind").arg(&self.program).arg("/opt/kagectl");
        bwrap.arg("--bind").arg(self.dir.path().join("srv")).args(["/srv", "--chdir", "/srv"]);
        bwrap.arg("--bind").arg(&self.layers).arg("/layers");
        bwrap.args([
            "--setenv",
            "KAGEOS_RUNTIME__LAYERS",
            "/layers",
            "--setenv",
            "PATH",
            &path,
            "--setenv",
            "HOME",
            "/tmp",
        ]);
        bwrap.args(["--setenv", "KAGEOS_SERVER__ADDRESS", "127.0.0.1:0", "/bin/sh", "-c", script]);
        bwrap.stdin(Stdio::null()).output().unwrap()
    }

    /// What the lines say that the commands of a script print.
    #[track_caller]
    fn lines(&self, rust: bool, script: &str) -> Vec<Value> {
        let done = self.run(rust, script);
        assert!(done.status.success(), "{done:?}");
        let text = String::from_utf8(done.stdout).unwrap();
        serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect()
    }
}

/// Where the toolchain of this machine lies.
fn sysroot() -> PathBuf {
    let found = Command::new("rustc").args(["--print", "sysroot"]).current_dir(example::sources()).output();
    String::from_utf8(found.unwrap().stdout).unwrap().trim().into()
}

/// What the doctor says about apps.
fn runtime(findings: &Value) -> (bool, String) {
    let found = findings.as_array().unwrap().iter().find(|it| it["layer"] == "runtime").unwrap();
    (found["ok"].as_bool().unwrap(), found["detail"].as_str().unwrap().to_owned())
}

#[test]
fn one_program_in_an_empty_folder_builds_publishes_and_opens_a_workspace() {
    let sealed = Sealed::new();
    let script = format!(
        "set -e\ntest ! -e {}\ntest ! -e /tmp/.cargo\nkagectl doctor --json || true\n{SERVE}\
         kagectl call /system create_directory '{{\"code\":\"todo\",\"title\":\"To do\"}}' --json >/dev/null\n\
         kagectl workspace new todo >/dev/null\n\
         sed -i 's/^kageos-sdk = \"0.1.0\"$/&\\nregex = \"1\"/' todo/Cargo.toml\n\
         kagectl workspace push todo /system/todo --no-build --json\n\
         kagectl workspace build /system/todo --json\n\
         kagectl workspace publish /system/todo 1 --json\n\
         kagectl call /system/todo/task.table create '{{\"values\":{{\"name\":\"Call back\"}}}}' --json\n\
         kagectl doctor --json\n\
         sed -i 's/^regex/rand = \"0.9\"\\n&/' todo/Cargo.toml\n\
         kagectl workspace push todo /system/todo --json >/dev/null 2>&1 || echo '{{\"exit\":'$?'}}'\n\
         kagectl call /system/todo read_release '{{\"release\":2}}' --json\n\
         kagectl down >/dev/null\nwait",
        example::sources()
    );
    let lines = sealed.lines(true, &script);
    let [before, pushed, built, live, made, after, exit, refused] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    let before = runtime(before).1;
    assert!(before.contains("the first build compiles the SDK that this program carries"), "{before}");
    sealed.carries_the_sources();
    assert_eq!(pushed["removed"], 0);
    assert_eq!((&built["release"], &built["state"]), (&json!(1), &json!("built")));
    assert_eq!((&live["state"], &live["sandbox"]), (&json!("live"), &json!("bubblewrap")));
    assert!(made["output"]["id"].is_string(), "{made}");
    assert!(runtime(after).1.contains("built with rustc"), "{after}");

    // A crate that nobody allows is named, with its place and what is allowed.
    assert_eq!(exit["exit"], Code::Conflict.exit());
    let told = &refused["output"]["diagnostics"][0];
    let place = (&told["code"], &told["path"], &told["line"], &told["column"]);
    assert_eq!(place, (&json!("crate_not_allowed"), &json!("Cargo.toml"), &json!(9), &json!(1)));
    let text = told["text"].as_str().unwrap();
    assert!(
        text.contains("`rand`") && text.contains("kageos-sdk, serde, serde_json, tokio, regex"),
        "{text}"
    );

    // Without a toolchain what is released runs on, and a build says what it lacks.
    let script = format!(
        "kagectl doctor --json\n{SERVE}kagectl doctor --json\n\
         kagectl call /system/todo/task.table search '{{\"count\":true}}' --json\nset +e\n\
         kagectl workspace build /system/todo --json 2>refused\nexit=$?\ntail -n 1 refused\n\
         printf '{{\"exit\":%d}}' $exit\n\
         kagectl down >/dev/null\nwait"
    );
    let lines = sealed.lines(false, &script);
    let [stopped, running, found, refused, exit] = lines.as_slice() else { panic!("{lines:?}") };
    for (ok, said) in [runtime(stopped), runtime(running)] {
        assert!(ok && said.contains("no Rust toolchain") && said.contains("released ones run"), "{said}");
    }
    assert_eq!(found["output"]["count"], 1);
    assert_eq!(refused["code"], "unavailable");
    assert!(refused["message"].as_str().unwrap().contains("no Rust toolchain"), "{refused}");
    assert_eq!(exit["exit"], Code::Unavailable.exit());
    damaged(&sealed);
}

/// A program of which something is missing says so, and nothing of it is used.
fn damaged(sealed: &Sealed) {
    let whole = fs::read(&sealed.program).unwrap();
    let mut flipped = whole.clone();
    let inside = whole.len() - 1000;
    flipped[inside] ^= 1;
    for (bytes, said) in [(&flipped[..], "was damaged"), (&whole[..whole.len() - 1], "carries no SDK")] {
        // Nobody executes what somebody writes, so it is another file each time.
        let machine = Machine::new();
        let program = machine.dir.path().join("kagectl");
        fs::write(&program, bytes).unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut prepare = Command::new(&program);
        prepare.args(["runtime", "prepare", "--json"]).current_dir(machine.dir.path());
        let refused = prepare.env_clear().envs(example::tools()).output().unwrap();
        check_exit(&refused, Code::Unavailable);
        let text = String::from_utf8_lossy(&refused.stderr);
        assert!(text.contains(said), "{text}");
    }
}
