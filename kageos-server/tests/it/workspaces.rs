//! Workspaces from their source to a live release, under the real program and with a real compiler.

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, Docker, query_parameters::ListContainersOptionsBuilder};
use kageos_core::Code;
use serde_json::{Value, json};

use crate::{
    apps::run_in_containers,
    cli::{Machine, check_exit},
    example,
    process::container_engine,
};

pub(crate) const PATH: &str = "/system/todo";

/// A server with a workspace that has no source yet. It ends with the test.
pub(crate) struct Shop {
    pub(crate) machine: Machine,
    pub(crate) server: Child,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// On a server with this configuration.
    pub(crate) fn with(config: &str) -> Self {
        let machine = Machine::new();
        machine.json(&["init", "--dev"]);
        fs::write(machine.dir.path().join(".kageos/dev/config.toml"), config).unwrap();
        let (server, _) = machine.start(&["serve"]);
        let made = json!({ "code": "todo", "title": "To do" }).to_string();
        machine.json(&["call", "/system", "create_directory", &made]);
        Self { machine, server }
    }

    /// Calls an action of the workspace and answers its output.
    #[track_caller]
    pub(crate) fn call(&self, action: &str, input: &Value) -> Value {
        self.machine.json(&["call", PATH, action, &input.to_string()])["output"].take()
    }

    /// What a call is refused with.
    #[track_caller]
    pub(crate) fn refused(&self, action: &str, input: &Value, code: Code) -> Value {
        let output = self.machine.run(&["call", PATH, action, &input.to_string(), "--json"]);
        check_exit(&output, code);
        serde_json::from_slice(&output.stderr).unwrap_or_default()
    }

    /// A folder with the app that `new` makes.
    pub(crate) fn app(&self) -> PathBuf {
        self.machine.json(&["workspace", "new", "todo"]);
        self.machine.dir.path().join("todo")
    }

    /// Pushes a folder; answers the release that is live then.
    #[track_caller]
    pub(crate) fn push(&self, folder: &Path) -> Value {
        self.machine.json(&["workspace", "push", folder.to_str().unwrap(), PATH])
    }

    pub(crate) fn table(&self, action: &str, input: &Value) -> Value {
        self.machine.json(&["call", "/system/todo/task.table", action, &input.to_string()])["output"].take()
    }

    /// Whether the doctor is well content with the app, and says this of it.
    fn doctor_says(&self, text: &str) -> bool {
        let found: Value = serde_json::from_slice(&self.machine.run(&["doctor", "--json"]).stdout).unwrap();
        let apps = found.as_array().unwrap().iter().find(|finding| finding["layer"] == "apps").unwrap();
        apps["ok"] == true && apps["detail"].as_str().unwrap().contains(text)
    }

    /// How the last call of a function has ended.
    fn last_status(&self, function: &str) -> String {
        let token =
            fs::read_to_string(self.machine.dir.path().join(".kageos/dev/secrets/local.token")).unwrap();
        let running = self.machine.json(&["status"]);
        let address = running["address"].as_str().unwrap();
        let mut curl = std::process::Command::new("curl");
        curl.args(["-s", "-H", &format!("authorization: Bearer {}", token.trim())]);
        let output =
            curl.arg(format!("{address}/api/v1/activity?path={PATH}/{function}&limit=1")).output().unwrap();
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        found["items"][0]["status"].as_str().unwrap().to_owned()
    }

    /// Sets a secret as a person does who has it in a file.
    fn set_secret(&self, name: &str, value: &str) {
        let mut command = self.machine.command(&["secret", "set", PATH, name]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{value}\n").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        self.server.kill().and_then(|()| self.server.wait()).unwrap();
    }

    /// Kills the server and starts it again.
    pub(crate) fn start_again(&mut self) {
        self.kill();
        self.server = self.machine.start(&["serve"]).0;
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.server.kill().and_then(|()| self.server.wait());
    }
}

/// Replaces a passage of a file, which has to be there.
#[track_caller]
pub(crate) fn change(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{old:?} is not in {text}");
    fs::write(file, text.replace(old, new)).unwrap();
}

/// What starting each release did to the tables is in its record: the first one, one that adds a column and one that is
/// found by search, and the first one again.
#[track_caller]
fn tell_of_tables(shop: &Shop, [first, second, back]: [&Value; 3]) {
    let step = |step: &str, name: &str| json!({ "table": "task.table", "step": step, "name": name });
    let (begun, due) = (json!({ "table": "task.table", "step": "create_table" }), step("add_index", "due"));
    assert_eq!(first["tables"]["steps"], json!([begun, due]));
    let columns = ["add_column minutes", "add_column place", "add_search_column place"];
    let columns = columns.map(|it| it.split_once(' ').map(|(kind, name)| step(kind, name)));
    assert_eq!(second["tables"]["steps"], json!(columns));
    // Going back is a start as well, and what the release did before stays told.
    let (minutes, place) = (step("keep_field", "minutes"), step("keep_field", "place"));
    assert_eq!(back["tables"]["steps"], json!([begun, due, minutes, place]));
    let listed = shop.call("list_releases", &json!({}))["releases"].take();
    assert_eq!((&listed[0]["state"], &listed[0]["tables"]), (&json!("failed"), &json!({ "steps": [] })));
    assert_eq!((&listed[1]["tables"], &listed[2]["tables"]), (&second["tables"], &back["tables"]));
    let listed = shop.machine.run(&["workspace", "releases", PATH]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let briefly: Vec<_> = listed.lines().filter(|line| line.starts_with("     ")).map(str::trim).collect();
    assert_eq!(
        briefly,
        ["columns +2, search columns +1", "tables +1, indexes +1, fields kept 2"],
        "{listed}"
    );
}

#[test]
fn a_new_app_is_live_in_one_step_and_goes_back_in_another() {
    let mut shop = Shop::new();
    let app = shop.app();
    let first = shop.push(&app);
    assert_eq!((&first["release"], &first["state"]), (&json!(1), &json!("live")));
    let made = shop.table("create", &json!({ "values": { "name": "Call back" } }));
    let finish = json!({ "task": made["id"], "outcome": "Reached" }).to_string();
    let done = shop.machine.json(&["call", "/system/todo/finish_task.form", "submit", &finish]);
    assert_eq!(done["output"]["state"], "done");

    let lib = app.join("src/lib.rs");
    change(
        &lib,
        "    /// What came of it.\n    pub outcome: Option<Multiline>,\n}\n\n/// Say",
        "    /// What came of it.\n    pub outcome: Option<Multiline>,\n    /// Minutes it took.\n    pub minutes: Option<i32>,\n    /// Where.\n    #[field(max_len = 40)]\n    pub place: Option<String>,\n}\n\n/// Say",
    );
    change(&lib, "search = [name]", "search = [name, place]");
    let second = shop.push(&app);
    let added = |part: &str| json!({ "part": part, "change": "added" });
    let search = json!({ "part": "table/search", "change": "changed" });
    let parts = json!([added("row/minutes"), added("row/place"), search]);
    assert_eq!(second["changes"], json!([{ "path": "task.table", "change": "changed", "parts": parts }]));
    let tables = |release: u32| shop.call("read_release", &json!({ "release": release }))["tables"].take();
    assert_eq!([tables(1), tables(2)], [first["tables"].clone(), second["tables"].clone()]);
    let row = shop.table("get", &json!({ "id": made["id"] }));
    assert_eq!(row["values"].get("minutes"), Some(&Value::Null));

    // What does not compile says where, and changes nothing that is live.
    change(&lib, "Option<i32>", "Option<i23>");
    let refused = shop.machine.run(&["workspace", "push", "todo", PATH]);
    check_exit(&refused, Code::Conflict);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("E0412") || said.contains("E0425"), "{said}");
    let failed = shop.call("read_release", &json!({ "release": 3 }));
    let error = &failed["diagnostics"][0];
    assert_eq!(
        (&failed["state"], &error["level"], &error["path"]),
        (&json!("failed"), &json!("error"), &json!("src/lib.rs"))
    );
    assert!(error["line"].as_u64() > Some(10) && failed["log"].as_str().unwrap().contains("i23"), "{failed}");
    let refused = shop.refused("publish", &json!({ "release": 3 }), Code::Conflict);
    assert_eq!(refused["code"], "conflict");

    // A server that was killed comes back with what was live, and starts it at the first call.
    shop.start_again();
    assert_eq!(shop.call("list_releases", &json!({}))["live"], 2);
    assert!(shop.doctor_says("is stopped until somebody calls"), "to look is no call");
    assert!(shop.doctor_says("is stopped until somebody calls"));
    assert!(shop.table("get", &json!({ "id": made["id"] }))["values"].get("minutes").is_some());
    assert!(shop.doctor_says("answers, "));

    let back = shop.machine.json(&["workspace", "rollback", PATH]);
    assert_eq!((&back["release"], &back["state"]), (&json!(1), &json!("live")));
    tell_of_tables(&shop, [&first, &second, &back]);
    let row = shop.table("get", &json!({ "id": made["id"] }));
    assert_eq!((row["values"].get("minutes"), &row["values"]["outcome"]), (None, &json!("Reached")));
    shop.refused("publish", &json!({ "release": 1 }), Code::Conflict);
    shop.refused("publish", &json!({ "release": 9 }), Code::InvalidInput);
    shop.call("restart", &json!({}));
    assert_eq!(shop.table("search", &json!({ "count": true }))["count"], 1);
}

/// The containers of a server, by the names that it gives them.
async fn containers(socket: &OsStr, machine: &Machine) -> Vec<String> {
    let state = fs::canonicalize(machine.dir.path()).unwrap().join(".kageos/dev");
    let name = format!("kageos-{}-", kageos_server::runtime::mark(&state));
    let docker = Docker::connect_with_unix(socket.to_str().unwrap(), 30, API_DEFAULT_VERSION).unwrap();
    let docker = docker.negotiate_version().await.unwrap();
    let options = ListContainersOptionsBuilder::new().all(true).build();
    let mut listed = docker.list_containers(Some(options.clone())).await;
    // Those of other tests too, of which Podman has a word of its own for one that has just ended.
    while let Err(bollard::errors::Error::JsonDataError { .. }) = listed {
        tokio::time::sleep(Duration::from_millis(20)).await;
        listed = docker.list_containers(Some(options.clone())).await;
    }
    let all = listed.unwrap();
    let names = all.into_iter().flat_map(|it| it.names.unwrap_or_default());
    names.filter(|it| it.contains(&name)).collect()
}

#[tokio::test]
async fn a_workspace_runs_in_containers_and_out_of_them_again() {
    let Some(socket) = container_engine() else { return };
    let mut shop = Shop::new();
    let app = shop.app();
    shop.push(&app);
    let made = shop.table("create", &json!({ "values": { "name": "Call back" } }));
    let config = shop.machine.dir.path().join(".kageos/dev/config.toml");
    run_in_containers(&shop.machine, &socket);
    shop.start_again();
    // Rows that a process has made are those of the container, and the other way round.
    shop.table(
        "update",
        &json!({ "id": made["id"], "version": made["version"], "patch": { "name": "Write" } }),
    );
    let running = containers(&socket, &shop.machine).await;
    assert_eq!(running.len(), 1, "{running:?}");
    // A release is tried, started on the rows and drained there too.
    change(&app.join("src/lib.rs"), "    /// What came of it.", "    /// What has come of it.");
    let second = shop.push(&app);
    assert_eq!((&second["release"], &second["state"]), (&json!(2), &json!("live")));
    assert_eq!(shop.call("read_release", &json!({ "release": 2 }))["sandbox"], "container");
    assert_eq!(shop.table("get", &json!({ "id": made["id"] }))["values"]["name"], "Write");
    // What a killed server has left is gone when the next one is there, which has no engine any more.
    shop.kill();
    let left = containers(&socket, &shop.machine).await;
    assert!(!left.is_empty(), "{left:?}");
    fs::write(&config, "").unwrap();
    shop.server = shop.machine.start(&["serve"]).0;
    let now = containers(&socket, &shop.machine).await;
    assert!(now.is_empty(), "{left:?} {now:?}");
    assert_eq!(shop.table("search", &json!({ "count": true }))["count"], 1);
    // An engine that is not there is told of, and nothing else stops.
    fs::write(&config, "[runtime]\ncontainer_engine = \"/nothing/here.sock\"\n").unwrap();
    shop.start_again();
    let refused = shop.machine.run(&["call", "/system/todo/task.table", "search", "{}", "--json"]);
    check_exit(&refused, Code::Unavailable);
    assert!(shop.machine.run(&["doctor"]).stdout.windows(16).any(|it| it == b"container engine"));
    fs::write(&config, "").unwrap();
    shop.start_again();
    assert_eq!(shop.table("get", &json!({ "id": made["id"] }))["values"]["name"], "Write");
    shop.table("delete", &json!({ "id": made["id"], "version": 2 }));
}

#[test]
fn releases_change_under_load_and_no_call_fails() {
    let shop = Shop::new();
    let app = shop.app();
    shop.push(&app);
    change(&app.join("src/lib.rs"), "title = \"Tasks\"", "title = \"Things to do\"");
    shop.push(&app);
    let ends = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..2)
            .map(|caller| {
                let (machine, ends) = (&shop.machine, &ends);
                scope.spawn(move || {
                    let mut made = 0;
                    while !ends.load(Ordering::Relaxed) {
                        let values =
                            json!({ "values": { "name": format!("Task {made} of {caller}") } }).to_string();
                        machine.json(&["call", "/system/todo/task.table", "create", &values]);
                        made += 1;
                    }
                    made
                })
            })
            .collect();
        for turn in 0..20 {
            let live = shop.call("publish", &json!({ "release": 1 + turn % 2 }));
            assert_eq!(live["state"], "live");
        }
        ends.store(true, Ordering::Relaxed);
        callers.into_iter().map(|caller| caller.join().unwrap()).sum::<u32>()
    });
    assert_eq!(shop.table("search", &json!({ "count": true, "limit": 1 }))["count"], made);
    println!("{made} calls while 20 releases went live");
    let states = shop.call("list_releases", &json!({}))["releases"].clone();
    let states: Vec<_> = states.as_array().unwrap().iter().map(|it| it["state"].clone()).collect();
    assert!(states.contains(&json!("live")) && !states.contains(&json!("failed")), "{states:?}");
}

#[test]
fn source_is_written_only_over_what_was_read() {
    let shop = Shop::new();
    assert_eq!(shop.call("list_source", &json!({})), json!({ "commit": null, "files": [], "next": null }));
    shop.refused("build", &json!({}), Code::Conflict);
    let write = |path: &str, text: Value, expected: &Value| json!({ "path": path, "text": text, "expected": expected });
    let first = shop.call(
        "write_source",
        &json!({ "message": "Begin", "files": [
        write("src/a.rs", json!("one\ntwo\n"), &Value::Null),
        write("README.md", json!("Hello"), &Value::Null),
    ] }),
    );
    let hash = first["files"][1]["hash"].clone();
    assert_eq!(first["files"][1]["path"], "src/a.rs");
    // The operation log says which files, and not what is in them.
    let log = fs::read(shop.machine.dir.path().join(".kageos/dev/platform.db")).unwrap();
    let wal = fs::read(shop.machine.dir.path().join(".kageos/dev/platform.db-wal")).unwrap_or_default();
    let holds = |text: &[u8]| log.windows(text.len()).chain(wal.windows(text.len())).any(|it| it == text);
    assert!(holds(b"src/a.rs"));
    assert!(!holds(b"one\\ntwo"));

    let stale = json!({ "files": [write("src/a.rs", json!("x"), &Value::Null), write("b.rs", json!(""), &Value::Null)] });
    let refused = shop.refused("write_source", &stale, Code::Conflict);
    assert_eq!(refused["fields"][0]["pointer"], "/files/0/expected", "{refused}");
    for out in ["../x", "/etc/passwd", ".git/config", "a/../../b", ".cargo/config.toml", "src/a.rs/x"] {
        let outside = json!({ "files": [write(out, json!("x"), &Value::Null)] });
        shop.refused("write_source", &outside, Code::InvalidInput);
    }
    let edit = |old: &str, new: &str, expected: &Value| json!({ "path": "src/a.rs", "expected": expected, "edits": [{ "old": old, "new": new }] });
    let edited = shop.call("edit_source", &edit("two", "three", &hash));
    let stale = shop.refused("edit_source", &edit("three", "four", &hash), Code::Conflict);
    assert_eq!(stale["fields"][0]["pointer"], "/expected");
    let hash = edited["files"][0]["hash"].clone();
    let missing = shop.refused("edit_source", &edit("two", "four", &hash), Code::InvalidInput);
    assert_eq!(missing["fields"][0]["code"], "not_found");

    // A dry run shows what would change and changes nothing.
    let input = edit("three", "four", &hash).to_string();
    let tried = shop.machine.json(&["call", PATH, "edit_source", &input, "--dry-run"]);
    assert_eq!(tried["changes"][0]["row"], "src/a.rs");
    let read = shop.call("read_source", &json!({ "path": "src/a.rs" }));
    assert_eq!(
        (&read["text"], &read["hash"], &read["commit"]),
        (&json!("one\nthree\n"), &hash, &edited["commit"])
    );
    let before = shop.call("read_source", &json!({ "path": "src/a.rs", "at": first["commit"] }));
    assert_eq!(before["text"], "one\ntwo\n");

    let found = shop.call("search_source", &json!({ "query": "THREE" }));
    assert_eq!(found["matches"], json!([{ "path": "src/a.rs", "line": 2, "column": 1, "text": "three" }]));
    let diff = shop.call("diff_source", &json!({}));
    assert!(diff["files"][0]["patch"].as_str().unwrap().contains("-two\n+three\n"), "{diff}");
    let commits = shop.call("list_commits", &json!({ "limit": 1 }));
    assert_eq!(
        (&commits["commits"][0]["commit"], &commits["commits"][0]["author"]["name"]),
        (&edited["commit"], &json!("system"))
    );
    let rest = shop.call("list_commits", &json!({ "next": commits["next"] }));
    assert_eq!((&rest["commits"][0]["message"], &rest["next"]), (&json!("Begin"), &Value::Null));

    // A file comes where a folder was, and a folder where a file was.
    let read = |path: &str| shop.call("read_source", &json!({ "path": path }))["hash"].clone();
    let swap = json!({ "message": "Swap\u{0}\u{1b}[31m", "files": [
        write("README.md", Value::Null, &read("README.md")), write("README.md/a.md", json!("a"), &Value::Null),
    ] });
    shop.call("write_source", &swap);
    let swap = json!({ "files": [
        write("README.md/a.md", Value::Null, &read("README.md/a.md")), write("README.md", json!("b"), &Value::Null),
    ] });
    shop.call("write_source", &swap);
    let commits = shop.call("list_commits", &json!({ "limit": 2 }));
    assert_eq!(commits["commits"][1]["message"], "Swap[31m");

    shop.call("revert_commit", &json!({ "commit": edited["commit"] }));
    assert_eq!(shop.call("read_source", &json!({ "path": "src/a.rs" }))["text"], "one\ntwo\n");
    let hash = before["hash"].clone();
    shop.call("edit_source", &edit("two", "five", &hash));
    let refused = shop.refused("revert_commit", &json!({ "commit": edited["commit"] }), Code::Conflict);
    assert_eq!(refused["fields"][0]["pointer"], "/commit");
}

#[test]
fn who_may_not_administer_a_workspace_sees_nothing_of_its_source() {
    let shop = Shop::new();
    let write = json!({ "files": [{ "path": "a.rs", "text": "", "expected": null }] });
    shop.call("write_source", &write);
    shop.machine.json(&["user", "add", "ada"]);
    let token = |rights: &str| {
        let made = shop.machine.json(&["token", "create", "t", "--path", PATH, "--rights", rights]);
        made["token"].as_str().unwrap().to_owned()
    };
    let running = shop.machine.json(&["status"]);
    let ask = |token: &str, action: &str, input: &Value| {
        let body = json!({ "action": action, "input": input }).to_string();
        let address = format!("{}/api/v1/call{PATH}", running["address"].as_str().unwrap());
        let bearer = format!("authorization: Bearer {token}");
        let mut curl = std::process::Command::new("curl");
        curl.args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-H",
            &bearer,
            "-H",
            "content-type: application/json",
        ]);
        let output = curl.args(["-d", &body, &address]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (reader, admin) = (token("read,write,update,delete,run"), token("read,admin"));
    for (action, input) in [
        ("list_source", json!({})),
        ("read_source", json!({ "path": "a.rs" })),
        ("write_source", write),
        (
            "edit_source",
            json!({ "path": "a.rs", "expected": "0".repeat(40), "edits": [{ "old": "a", "new": "b" }] }),
        ),
        ("search_source", json!({ "query": "a" })),
        ("list_commits", json!({})),
        ("diff_source", json!({})),
        ("revert_commit", json!({ "commit": "0".repeat(40) })),
        ("build", json!({})),
        ("publish", json!({ "release": 1 })),
        ("list_releases", json!({})),
        ("read_release", json!({ "release": 1 })),
        ("read_usage", json!({})),
        ("restart", json!({})),
        ("attach", json!({ "link": "01j0000000000000000000000a" })),
        ("detach", json!({})),
        ("set_secret", json!({ "name": "key", "value": "0123456789", "origin": "https://a.b" })),
        ("list_secrets", json!({})),
        ("remove_secret", json!({ "name": "key" })),
        ("read_logs", json!({})),
    ] {
        assert_eq!(ask(&reader, action, &input), "403", "{action}");
    }
    assert_eq!(ask(&admin, "list_source", &json!({})), "200");
    // Neither a namespace nor a directory in a workspace has a source.
    let output = shop.machine.run(&["call", "/system", "list_source", "{}"]);
    check_exit(&output, Code::UnknownAction);
}

/// What a build script tries; each line is told as a warning of Cargo.
const HOSTILE: &str = r#"
use std::{fs, net::TcpStream, os::unix::fs::symlink, path::Path, process::Command};

fn main() {
    let said = |name: &str, done: bool| println!("cargo::warning={name}={done}");
    said("passwd", fs::read_to_string("/etc/passwd").is_ok());
    said("state", Path::new("STATE").exists());
    said("home", fs::read_dir("/root").is_ok() || fs::read_dir("/home").is_ok());
    said("loopback", TcpStream::connect("127.0.0.1:PORT").is_ok());
    said("metadata", TcpStream::connect_timeout(&"169.254.169.254:80".parse().unwrap(), std::time::Duration::from_secs(1)).is_ok());
    said("vendor", fs::write("/layer/vendor/x", "x").is_ok());
    said("toolchain", fs::write("/toolchain/x", "x").is_ok());
    said("source", fs::write("/source/src/x.rs", "x").is_ok());
    said("namespace", Command::new("unshare").args(["--user", "true"]).status().is_ok_and(|it| it.success()));
    said("environment", std::env::vars().any(|(name, _)| name.contains("KAGEOS") || name == "SSH_AUTH_SOCK"));
    said("parent", fs::read("/proc/1/environ").is_ok_and(|it| it.windows(6).any(|it| it == b"KAGEOS")));
    let _ = fs::create_dir_all("/build/target/links");
    said("target", symlink("/etc/hostname", "/build/target/links/host").is_ok());
    println!("cargo::rerun-if-changed=/nowhere");
}
"#;

#[test]
fn a_build_script_reaches_nothing_but_its_own_folders() {
    let shop = Shop::new();
    let app = shop.app();
    let state = shop.machine.dir.path().join(".kageos/dev");
    let running = shop.machine.json(&["status"]);
    let port = running["address"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let script = HOSTILE.replace("STATE", state.to_str().unwrap()).replace("PORT", &port);
    fs::write(app.join("build.rs"), script).unwrap();
    shop.push(&app);
    let release = shop.call("read_release", &json!({ "release": 1 }));
    let log = release["log"].as_str().unwrap();
    for kept in [
        "passwd",
        "state",
        "home",
        "loopback",
        "metadata",
        "vendor",
        "toolchain",
        "source",
        "namespace",
        "environment",
        "parent",
    ] {
        assert!(log.contains(&format!("{kept}=false")), "{kept}: {log}");
    }
    assert!(log.contains("target=true"), "{log}");
}

#[test]
fn a_program_that_is_no_app_is_not_released() {
    let shop = Shop::new();
    let app = shop.app();
    for (main, said) in [
        ("fn main() { std::process::exit(3) }", "ended before it was ready"),
        ("fn main() { panic!(\"no\") }", "ended before it was ready"),
        // What is written without end is not kept, and the next build has its place.
        (
            "macro_rules! long { ($($t:tt)*) => { compile_error!(concat!($(stringify!($t)),*)); } }\nlong!(a b c);\nfn main() {}",
            "does not compile",
        ),
    ] {
        fs::write(app.join("src/main.rs"), main).unwrap();
        shop.machine.json(&["workspace", "push", "todo", PATH, "--no-build"]);
        let built = shop.call("build", &json!({}));
        assert_eq!(built["state"], "failed", "{built}");
        assert!(built["error"].as_str().unwrap().contains(said), "{built}");
    }
    fs::remove_file(app.join("src/main.rs")).unwrap();
    shop.machine.json(&["workspace", "push", "todo", PATH, "--no-build"]);
    let built = shop.call("build", &json!({}));
    assert!(built["error"].as_str().unwrap().contains("has no program"), "{built}");
    assert_eq!(shop.call("list_releases", &json!({}))["live"], Value::Null);
}

/// The app that `new` makes has a test of its own, and finds the SDK where servers here build apps with it.
#[test]
fn the_app_that_new_makes_keeps_its_own_test() {
    let machine = Machine::new();
    let new = ["workspace", "new", "todo", "--title", "To do", "--json"];
    let made = machine.command(&new).envs(example::given()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let app = machine.dir.path().join("todo");
    let main = fs::read_to_string(app.join("src/main.rs")).unwrap();
    assert!(main.contains("todo::app()"), "{main}");
    check_exit(&machine.run(&["workspace", "new", "todo"]), Code::Conflict);
    check_exit(&machine.run(&["workspace", "new", "9"]), Code::InvalidInput);
    // Whether it compiles is seen where it is built; this sees that its manifest and its lock are in order.
    let mut cargo = std::process::Command::new("cargo");
    cargo.args([
        "metadata",
        "--offline",
        "--format-version",
        "1",
        "--filter-platform",
        "x86_64-unknown-linux-gnu",
    ]);
    let done = cargo.current_dir(&app).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A server of HTTP that keeps what it was asked and answers every time the same.
fn outside() -> (u16, Arc<Mutex<Vec<String>>>) {
    let (listener, seen) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(Mutex::new(Vec::new())));
    let (port, kept) = (listener.local_addr().unwrap().port(), Arc::clone(&seen));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut read = vec![0; 8192];
            let length = stream.read(&mut read).unwrap_or(0);
            let asked = String::from_utf8_lossy(&read[..length]).into_owned();
            let told =
                asked.lines().find(|line| line.starts_with("authorization")).unwrap_or_default().to_owned();
            kept.lock().unwrap().push(asked);
            let body = json!({ "state": "late", "told": told }).to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    (port, seen)
}

#[test]
fn an_app_runs_scripts_and_hears_why_they_fail() {
    let shop = Shop::new();
    let app = shop.app();
    let lib = app.join("src/lib.rs");
    // It runs what it is told as the outcome.
    let run = "let script = self.outcome.as_ref().map(ToString::to_string).unwrap_or_default();\n        \
        let told: kageos_sdk::Value = ctx.python(script).run().await?.output()?;\n        let task";
    change(&lib, "let task", run);
    change(&lib, "(State::Done, self.outcome)", "(State::Done, Multiline::new(told.to_string()))");
    shop.push(&app);
    let task = shop.table("create", &json!({ "values": { "name": "Count" } }))["id"].clone();
    let finish = |script: &str| {
        let input = json!({ "task": task, "outcome": script }).to_string();
        shop.machine.run(&["call", "/system/todo/finish_task.form", "submit", &input, "--json"])
    };
    let refused = finish("print('so far'); output = 1 / 0");
    check_exit(&refused, Code::ScriptFailed);
    let said: Value = serde_json::from_slice(&refused.stderr).unwrap();
    let message = said["message"].as_str().unwrap();
    assert!(message.starts_with("The script failed: ZeroDivisionError: division by zero (line 1)"), "{said}");
    // A line comes a moment later.
    let logged = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let mut found = shop.call("read_logs", &json!({ "text": "ZeroDivisionError", "source": "platform" }));
        found["lines"].get_mut(0).map(Value::take)
    });
    let printed = logged.unwrap()["fields"]["printed"].as_str().unwrap().to_owned();
    assert!(printed.starts_with("so far\nTraceback"), "{printed}");
    assert!(finish("import os; output = os.getuid()").status.success());
    assert_eq!(shop.table("get", &json!({ "id": task }))["values"]["outcome"], "65534");
    let doctor = shop.machine.json(&["doctor"]);
    let python = doctor.as_array().unwrap().iter().find(|it| it["layer"] == "python").unwrap();
    assert!(python["ok"] == true && python["detail"].as_str().unwrap().starts_with("Python 3"), "{python}");
}

/// Lets the app ask another program before it finishes a task.
fn asks_outside(app: &Path, port: u16) {
    let lib = app.join("src/lib.rs");
    let ask = format!(
        "let asked = ctx.http().post(\"http://localhost:{port}/state\").send().await?.error_for_status()?;\n\
        let told: kageos_sdk::Value = asked.json()?;\n        let task"
    );
    change(&lib, "let task", &ask);
    change(&lib, "effect(updates, undoable)", "effect(updates, external)");
    change(&lib, "(State::Done, self.outcome)", "(State::Done, Multiline::new(told.to_string()))");
    let declared = format!(
        "\n        .secret(kageos_sdk::Secret::bearer(\"supplier\", \"The supplier's key\", \"http://localhost:{port}\"))\n        .table::<Task>()"
    );
    change(&lib, "\n        .table::<Task>()", &declared);
}

#[test]
fn an_app_reaches_what_an_administrator_has_consented_to() {
    const KEY: &str = "sk-live-0123456789abcdef";
    let (port, seen) = outside();
    let config = "[egress]\nnetworks = [\"127.0.0.1\", \"::1\"]\n[log]\nfilter = \"trace\"\n";
    let mut shop = Shop::with(config);
    let state = shop.machine.dir.path().join(".kageos/dev");
    let app = shop.app();
    asks_outside(&app, port);

    // It is built, and not live before somebody has said so.
    let origin = format!("http://localhost:{port}");
    let output = shop.machine.run(&["workspace", "push", app.to_str().unwrap(), PATH]);
    check_exit(&output, Code::ConsentRequired);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("reaches {origin}")) && said.contains("supplier"), "{said}");
    assert_eq!(shop.call("list_releases", &json!({}))["live"], Value::Null);
    let release = shop.call("read_release", &json!({ "release": 1 }));
    assert_eq!((&release["state"], &release["egress"]["consent_required"]), (&json!("built"), &json!(true)));
    let digest = release["egress"]["digest"].as_str().unwrap();
    assert!(said.contains(&format!("--consent {digest}")), "{said}");
    shop.refused("publish", &json!({ "release": 1, "consent": "0".repeat(64) }), Code::Conflict);
    let live = shop.machine.json(&["workspace", "publish", PATH, "1", "--consent", digest]);
    assert_eq!((&live["state"], &live["consent"]["by"]["name"]), (&json!("live"), &json!("system")));

    // Without its secret it reaches nothing, and says why.
    let task = shop.table("create", &json!({ "values": { "name": "Ask the supplier" } }))["id"].clone();
    let finish = |shop: &Shop, task: &Value| {
        let input = json!({ "task": task }).to_string();
        shop.machine.run(&["call", "/system/todo/finish_task.form", "submit", &input, "--json"])
    };
    check_exit(&finish(&shop, &task), Code::SecretMissing);
    assert_eq!(shop.last_status("finish_task.form"), "not_applied", "it did nothing outside");
    assert!(seen.lock().unwrap().is_empty());
    shop.set_secret("supplier", KEY);
    let listed = shop.call("list_secrets", &json!({}));
    let [secret] = listed["secrets"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!((&secret["name"], &secret["set"]["origin"]), (&json!("supplier"), &json!(origin)));
    assert!(finish(&shop, &task).status.success());
    let asked = seen.lock().unwrap().pop().unwrap();
    assert!(asked.contains(&format!("authorization: Bearer {KEY}")), "{asked}");
    // What was refused after it had asked may have been done there all the same.
    check_exit(&finish(&shop, &task), Code::OutcomeUnknown);
    assert_eq!(shop.last_status("finish_task.form"), "unknown");
    seen.lock().unwrap().clear();
    let row = shop.table("get", &json!({ "id": task }));
    assert_eq!(row["values"]["outcome"], r#"{"state":"late","told":"authorization: Bearer [secret]"}"#);

    // A new key while no server runs; then the secret is still there, and it is nowhere in the open.
    check_exit(&shop.machine.run(&["secret", "rotate"]), Code::Conflict);
    let key = fs::read(state.join("secrets/seal.key")).unwrap();
    shop.machine.json(&["down"]);
    assert_eq!(shop.machine.json(&["secret", "rotate"])["sealed"], 1);
    assert_ne!(fs::read(state.join("secrets/seal.key")).unwrap(), key);
    fs::write(state.join("secrets/seal.key.next"), "0".repeat(64)).unwrap();
    assert!(!shop.machine.run(&["serve"]).status.success(), "a rotation that was cut off is ended first");
    assert_eq!(shop.machine.json(&["secret", "rotate"])["sealed"], 1);
    shop.server = shop.machine.start(&["serve"]).0;
    shop.call("restart", &json!({}));
    let again = shop.table("create", &json!({ "values": { "name": "Ask again" } }))["id"].clone();
    assert!(finish(&shop, &again).status.success());
    assert!(seen.lock().unwrap().pop().unwrap().contains(KEY));
    shop.machine.json(&["down"]);
    let kept = everything_in(&state);
    assert!(kept.iter().any(|(_, bytes)| !bytes.is_empty()));
    for (file, bytes) in kept {
        assert!(
            memchr::memmem::find(&bytes, KEY.as_bytes()).is_none(),
            "the secret lies in {}",
            file.display()
        );
    }
}

/// Every file of a folder but what the compiler made.
fn everything_in(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::symlink_metadata(&path).unwrap();
            if about.is_dir() && path.file_name().is_none_or(|name| name != "build" && name != "runtime") {
                open.push(path);
            } else if about.is_file() {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
    }
    found
}
