//! The command line, run as a program.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Output, Stdio},
};

use kageos_core::Code;
use serde_json::{Value, json};

use crate::example;

pub(crate) struct Machine {
    pub(crate) dir: tempfile::TempDir,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kagectl"));
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.stdin(Stdio::null()).env("PATH", "/usr/bin:/bin");
        command.env("KAGEOS_SERVER__ADDRESS", "127.0.0.1:0");
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What makes the example from the sources of Kageos.
    pub(crate) fn bootstrap(&self) -> Command {
        let mut command = self.command(&["bootstrap", "--dev", "--json", "--sources", example::sources()]);
        command.envs(example::given());
        command
    }

    /// Starts a server and reads the line in which it says where it answers.
    pub(crate) fn start(&self, args: &[&str]) -> (Child, Value) {
        let mut command = self.command(&[args, &["--json"]].concat());
        command.envs(example::given());
        self.started(command)
    }

    /// Starts a server with the example.
    pub(crate) fn start_example(&self) -> (Child, Value) {
        self.started(self.bootstrap())
    }

    fn started(&self, mut command: Command) -> (Child, Value) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, serde_json::from_str(&line).unwrap())
    }
}

#[track_caller]
pub(crate) fn check_exit(output: &Output, code: Code) {
    assert_eq!(output.status.code(), Some(i32::from(code.exit())), "{output:?}");
}

#[test]
fn init_prints_the_same_password_again() {
    let machine = Machine::new();
    let first = machine.json(&["init", "--dev"]);
    assert_eq!(first, machine.json(&["init", "--dev"]));
    assert_eq!(first["user"], "system");
    assert!(machine.dir.path().join(".kageos/dev/env/kageos.env").exists());
}

#[test]
fn a_command_line_that_cannot_be_read_ends_with_64() {
    let machine = Machine::new();
    for args in [&["nothing"][..], &["init"], &["serve", "--port"], &[]] {
        assert_eq!(machine.run(args).status.code(), Some(64), "{args:?}");
    }
    assert!(machine.run(&["--help"]).status.success());
}

#[test]
fn a_server_starts_is_asked_and_stops() {
    let machine = Machine::new();
    check_exit(&machine.run(&["status"]), Code::Unavailable);
    let (mut child, listening) = machine.start(&["serve"]);
    let status = machine.json(&["status"]);
    assert_eq!((&status["address"], &status["pid"]), (&listening["address"], &child.id().into()));
    check_exit(&machine.run(&["serve"]), Code::Conflict);
    let layers = machine.json(&["verify"]);
    let named: Vec<_> = layers.as_array().unwrap().iter().map(|it| it["layer"].as_str().unwrap()).collect();
    assert_eq!(named[..4], ["database", "tree", "log", "bus"], "{layers}");
    assert!(named.contains(&"files") && named.contains(&"runtime"), "{layers}");
    assert_eq!(machine.json(&["down"])["stopped"], true);
    assert!(child.wait().unwrap().success());
    check_exit(&machine.run(&["status"]), Code::Unavailable);
    assert_eq!(machine.json(&["down"])["stopped"], false);
    let logs = String::from_utf8(machine.run(&["logs", "server"]).stdout).unwrap();
    assert!(logs.contains("the server stopped"), "{logs}");
}

#[test]
fn the_log_of_the_server_holds_no_secret() {
    let machine = Machine::new();
    let password = machine.json(&["init", "--dev"])["password"].as_str().unwrap().to_owned();
    let state = machine.dir.path().join(".kageos/dev");
    std::fs::write(state.join("config.toml"), "[log]\nfilter = \"trace\"\n").unwrap();
    let (mut child, listening) = machine.start(&["serve"]);
    let address = listening["address"].as_str().unwrap().trim_start_matches("http://");
    let ask = |head: &str, body: &Value| {
        let (mut stream, body) = (std::net::TcpStream::connect(address).unwrap(), body.to_string());
        let length = body.len();
        write!(stream, "{head}\r\nhost: here\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let login = "POST /api/v1/session HTTP/1.1\r\ncontent-type: application/json";
    let wrong = "a secret that opens nothing";
    assert!(ask(login, &json!({ "login": "system", "password": wrong })).starts_with("HTTP/1.1 401"));
    let answer = ask(login, &json!({ "login": "system", "password": password }));
    let session = answer.split("kageos_session=").nth(1).unwrap().split(';').next().unwrap();
    let token = machine.json(&["token", "create", "t", "--days", "3"])["token"].as_str().unwrap().to_owned();
    let head = format!("GET /api/v1/tree?path=/system HTTP/1.1\r\nauthorization: Bearer {token}");
    assert!(ask(&head, &Value::Null).starts_with("HTTP/1.1 200"));
    let local = std::fs::read_to_string(state.join("secrets/local.token")).unwrap();
    machine.json(&["down"]);
    assert!(child.wait().unwrap().success());
    let logs = String::from_utf8(machine.run(&["logs", "server", "--json"]).stdout).unwrap();
    assert!(logs.contains("TRACE") || logs.contains("DEBUG"), "the log tells everything: {logs}");
    for secret in [&password, wrong, session, &token, local.trim()] {
        assert!(!logs.contains(secret), "{secret}");
    }
}

#[test]
fn the_address_of_another_is_a_conflict() {
    let machine = Machine::new();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let output = machine.command(&["serve"]).env("KAGEOS_SERVER__ADDRESS", address).output().unwrap();
    check_exit(&output, Code::Conflict);
}

#[test]
fn a_wrong_configuration_names_every_key() {
    let machine = Machine::new();
    let output = machine
        .command(&["serve"])
        .env("KAGEOS_SERVER__ADDRESS", "x")
        .env("KAGEOS_A__B", "c")
        .output()
        .unwrap();
    check_exit(&output, Code::InvalidInput);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("server.address") && text.contains("a.b"), "{text}");
}

#[test]
fn the_document_is_printed() {
    let document: Value = serde_json::from_slice(&Machine::new().run(&["openapi"]).stdout).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn the_doctor_says_what_to_do() {
    let machine = Machine::new();
    let output = machine.run(&["doctor"]);
    check_exit(&output, Code::Unavailable);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("kagectl init --dev"), "{text}");
    let findings: Value = serde_json::from_slice(&machine.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(findings[0]["layer"], "state");
    machine.json(&["init", "--dev"]);
    let layers = || {
        let findings: Value = serde_json::from_slice(&machine.run(&["doctor", "--json"]).stdout).unwrap();
        let found = findings.as_array().unwrap().iter();
        found
            .filter(|one| one["ok"] == false)
            .map(|one| one["layer"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(layers().is_empty());
    let database = machine.dir.path().join(".kageos/dev/platform.db");
    std::fs::write(&database, "this is no database, whatever its name says").unwrap();
    std::fs::set_permissions(&database, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(layers(), ["state", "database"]);
}

#[test]
fn accounts_tokens_and_grants_are_made_on_the_running_server() {
    let machine = Machine::new();
    let (mut child, listening) = machine.start(&["serve"]);
    let ada = machine.json(&["user", "add", "ada", "--name", "Ada"]);
    assert_eq!(ada["user"]["namespace"], "ada");
    assert!(ada["password"].as_str().unwrap().len() >= 20);
    let bot = machine.json(&["user", "add", "bot", "--service"]);
    assert!(bot["password"].is_null());
    assert_eq!(machine.json(&["user", "list"]).as_array().unwrap().len(), 3);
    check_exit(&machine.run(&["user", "add", "ada"]), Code::Conflict);
    check_exit(&machine.run(&["user", "disable", "nobody"]), Code::NotFound);
    assert_eq!(machine.json(&["user", "disable", "ada"])["user"]["disabled"], true);
    assert_eq!(machine.json(&["user", "enable", "ada"])["user"]["disabled"], false);
    assert_eq!(machine.json(&["namespace", "sales", "--owner", "ada"])["path"], "/sales");
    let grant = machine.json(&["grant", "/sales", "viewer", "--user", "bot"]);
    let brief = machine.json(&["grant", "/sales", "viewer", "--user", "ada", "--days", "7"]);
    assert!(brief["grant"].is_string(), "{brief}");
    for path in ["sales", "/sales/../x", "s/x/undo", "/sales?x=1"] {
        check_exit(&machine.run(&["call", path, "describe"]), Code::InvalidPath);
    }
    check_exit(&machine.run(&["undo", "../x"]), Code::NotFound);
    let call = machine.json(&["call", "/sales", "describe", "{\"title\":\"Sales\"}"]);
    assert_eq!(call["output"]["title"], "Sales");
    machine.json(&["grant", "/sales", "--revoke", grant["grant"].as_str().unwrap()]);
    check_exit(&machine.run(&["grant", "/sales", "viewer"]), Code::InvalidInput);
    check_exit(&machine.run(&["call", "/none", "describe"]), Code::NotFound);
    check_exit(&machine.run(&["call", "/sales", "describe", "{"]), Code::InvalidJson);
    let token = machine.json(&["token", "create", "reader", "--user", "bot", "--rights", "read,write"]);
    assert_eq!(token["scope"]["rights"], serde_json::json!(["read", "write"]));
    assert_eq!(machine.json(&["token", "list", "--user", "bot"])[0]["id"], token["id"]);
    machine.json(&["token", "revoke", token["id"].as_str().unwrap(), "--user", "bot"]);
    assert_eq!(machine.json(&["token", "list", "--user", "bot"]), serde_json::json!([]));
    let mine = machine.json(&["token", "create", "mine"]);
    assert_eq!(machine.json(&["token", "list"])[0]["id"], mine["id"]);
    machine.json(&["token", "revoke", mine["id"].as_str().unwrap()]);
    assert_eq!(machine.json(&["token", "list"]), serde_json::json!([]));
    let preview = machine.json(&["transfer", "ada", "bot", "--preview"]);
    assert_eq!((&preview["preview"], preview["items"].as_array().unwrap().len()), (&true.into(), 4));
    assert_eq!(machine.json(&["transfer", "ada", "bot"])["items"], preview["items"]);
    let said = machine.run(&["transfer", "ada", "bot"]);
    assert!(String::from_utf8_lossy(&said.stdout).ends_with("done\n"), "{said:?}");
    check_exit(&machine.run(&["transfer", "ada", "ada"]), Code::InvalidInput);
    check_exit(&machine.run(&["transfer", "ada", "nobody"]), Code::NotFound);
    assert!(listening["address"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    machine.json(&["down"]);
    assert!(child.wait().unwrap().success());
    check_exit(&machine.run(&["user", "list"]), Code::Unavailable);
}

#[test]
fn the_log_is_checked_without_a_server() {
    let machine = Machine::new();
    check_exit(&machine.run(&["audit", "verify"]), Code::NotFound);
    let (mut child, _) = machine.start(&["serve"]);
    machine.json(&["namespace", "sales"]);
    machine.json(&["call", "/sales", "describe", "{\"title\":\"Sales\"}"]);
    assert_eq!(machine.json(&["audit", "verify"])["findings"], 0);
    machine.json(&["down"]);
    child.wait().unwrap();
    let report = machine.json(&["audit", "verify"]);
    assert_eq!((&report["findings"], &report["unanchored"]), (&0.into(), &0.into()));
    let heads = machine.dir.path().join(".kageos/dev/logs/heads");
    let text = std::fs::read_to_string(&heads).unwrap();
    std::fs::write(&heads, text.replace("\"seq\":", "\"seq\":9")).unwrap();
    check_exit(&machine.run(&["audit", "verify"]), Code::Conflict);
}

#[test]
fn a_backup_is_checked_and_restored() {
    let machine = Machine::new();
    check_exit(&machine.run(&["backup"]), Code::NotFound);
    let (mut child, _) = machine.start(&["serve"]);
    machine.json(&["namespace", "sales", "--title", "Sales"]);
    let inside = machine.run(&["backup", "--to", ".kageos/dev/backup"]);
    check_exit(&inside, Code::InvalidInput);
    let online = machine.json(&["backup", "--to", "online"]);
    check_exit(&machine.run(&["backup", "--to", "online"]), Code::Conflict);
    assert_eq!(whole(&machine.dir.path().join("online")), online["files"].as_u64().unwrap());
    machine.json(&["down"]);
    child.wait().unwrap();
    let password = machine.json(&["init", "--dev"])["password"].clone();
    check_exit(&machine.run(&["restore", "nowhere"]), Code::Conflict);
    check_exit(&machine.run(&["reset"]), Code::Cancelled);
    let reset = machine.json(&["reset", "--yes"]);
    let backup = reset["backup"].as_str().unwrap();
    assert!(!machine.dir.path().join(".kageos/dev").exists());
    let file = machine.dir.path().join(backup).join("env/kageos.env");
    let kept = std::fs::read(&file).unwrap();
    std::fs::write(&file, "SYSTEM_USER_PASSWORD=other\n").unwrap();
    check_exit(&machine.run(&["restore", backup]), Code::Conflict);
    assert!(!machine.dir.path().join(".kageos/dev").exists(), "nothing is written from a damaged backup");
    std::fs::write(&file, kept).unwrap();
    machine.json(&["restore", backup]);
    machine.json(&["backup", "--to", "of what was restored"]);
    assert_eq!(machine.json(&["init", "--dev"])["password"], password);
    let (mut child, _) = machine.start(&["serve"]);
    let call = machine.json(&["call", "/sales", "describe", "{}"]);
    assert_eq!(call["output"]["title"], "Sales");
    assert_eq!(machine.json(&["audit", "verify"])["findings"], 0);
    machine.json(&["down"]);
    child.wait().unwrap();
}

/// How many files the manifest of a backup lists; there is no other one, and all are private.
fn whole(backup: &std::path::Path) -> u64 {
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    let mut listed: Vec<_> = manifest["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| backup.join(file["path"].as_str().unwrap()))
        .collect();
    listed.push(backup.join("manifest.json"));
    listed.sort();
    let (mut found, mut open) = (Vec::new(), vec![backup.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    assert_eq!(found, listed);
    assert_eq!(kageos_server::StateDir::at(backup).exposed().unwrap(), Vec::<std::path::PathBuf>::new());
    listed.len() as u64 - 1
}

#[test]
fn a_backup_of_a_damaged_database_keeps_its_files() {
    let machine = Machine::new();
    machine.json(&["init", "--dev"]);
    let database = machine.dir.path().join(".kageos/dev/platform.db");
    std::fs::write(&database, "this is no database, whatever its name says").unwrap();
    let reset = machine.json(&["reset", "--yes"]);
    let kept = machine.dir.path().join(reset["backup"].as_str().unwrap()).join("platform.db");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "this is no database, whatever its name says");
}

#[test]
fn a_restore_that_is_cut_off_leaves_no_state_folder() {
    let machine = Machine::new();
    let (mut child, _) = machine.start(&["serve"]);
    machine.json(&["down"]);
    child.wait().unwrap();
    let password = machine.json(&["init", "--dev"])["password"].clone();
    let backup = machine.json(&["reset", "--yes"])["backup"].as_str().unwrap().to_owned();
    // The first file larger than a block ends the process.
    let line = format!("ulimit -f 1; exec {} restore {backup}", env!("CARGO_BIN_EXE_kagectl"));
    let cut = Command::new("/bin/sh").args(["-c", &line]).current_dir(machine.dir.path()).output().unwrap();
    assert!(!cut.status.success(), "{cut:?}");
    assert!(!machine.dir.path().join(".kageos/dev").exists());
    machine.json(&["restore", &backup]);
    assert_eq!(machine.json(&["init", "--dev"])["password"], password);
}

#[test]
fn down_ends_nobody_but_a_server() {
    let machine = Machine::new();
    machine.json(&["init", "--dev"]);
    let state = kageos_server::StateDir::at(machine.dir.path().join(".kageos/dev"));
    // This process holds the lock as a backup does: a signal would end the tests.
    let lock = kageos_server::state::RunLock::acquire(&state).unwrap();
    check_exit(&machine.run(&["down"]), Code::Unavailable);
    drop(lock);
}

#[test]
fn a_bootstrap_that_was_killed_goes_on_at_the_next_start() {
    let machine = Machine::new();
    for round in 0..4 {
        let mut command = machine.bootstrap();
        let (read, write) = std::io::pipe().unwrap();
        let mut child = command.stdout(write.try_clone().unwrap()).stderr(write).spawn().unwrap();
        drop(command);
        // At first it builds; after one table was loaded the next import is under way; after the last one the address is told.
        let mut lines = BufReader::new(read).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains("building") && round == 0
            || line.contains(" rows")
            || line.contains("\"address\"")));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (mut child, _) = machine.start_example();
    for (table, rows) in [("employee", 8), ("customer", 59), ("invoice", 412)] {
        let table = format!("/demo/crm/{table}.table");
        let found = machine.json(&["call", &table, "search", "{\"limit\":1,\"count\":true}"]);
        assert_eq!(found["output"]["count"], rows, "{table}");
    }
    machine.json(&["down"]);
    child.wait().unwrap();
}

/// A `node` and an `npm` that write down what they were asked for.
fn tools(machine: &Machine, version: &str) -> String {
    let folder = machine.dir.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let npm = "#!/bin/sh\necho \"$*\" >> npm.log\nmkdir -p node_modules dist\necho '<!doctype html>' > dist/index.html\n";
    for (name, text) in [("node", format!("#!/bin/sh\necho {version}\n")), ("npm", npm.to_owned())] {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    format!("{}:/usr/bin:/bin", folder.display())
}

fn bootstrap(machine: &Machine, path: &str) -> (Value, String) {
    let mut command = machine.command(&["bootstrap", "--dev", "--json"]);
    command.env("PATH", path);
    bootstrapped(machine, command)
}

fn bootstrapped(machine: &Machine, mut command: Command) -> (Value, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = serde_json::from_str(&line).unwrap_or_default();
    machine.run(&["down"]);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (ready, said)
}

#[test]
fn bootstrap_builds_what_changed() {
    let machine = Machine::new();
    let web = machine.dir.path().join("web");
    std::fs::create_dir_all(web.join("src")).unwrap();
    std::fs::write(web.join("package.json"), "{}").unwrap();
    std::fs::write(web.join("package-lock.json"), "{}").unwrap();
    std::fs::write(web.join("src/main.ts"), "1").unwrap();
    let asked = || std::fs::read_to_string(web.join("npm.log")).unwrap_or_default();
    let old = tools(&machine, "v18.1.0");
    assert!(bootstrap(&machine, &old).1.contains("serving the API only"));
    assert_eq!(asked(), "");
    let path = tools(&machine, "v20.2.0");
    let install = "ci --ignore-scripts --no-audit --no-fund\n";
    bootstrap(&machine, &path);
    assert_eq!(asked(), format!("{install}run build\n"));
    bootstrap(&machine, &path);
    assert_eq!(asked(), format!("{install}run build\n"), "nothing changed");
    std::fs::write(web.join("src/main.ts"), "2").unwrap();
    bootstrap(&machine, &path);
    assert_eq!(asked(), format!("{install}run build\nrun build\n"));
}

#[test]
fn bootstrap_installs_the_example_once() {
    let machine = Machine::new();
    let (first, said) = bootstrapped(&machine, machine.bootstrap());
    assert!(said.contains("invoice: 412 rows"), "{said}");
    assert_eq!(first["user"], "system");
    let (again, said) = bootstrapped(&machine, machine.bootstrap());
    assert!(!said.contains("rows"), "{said}");
    assert_eq!(first["password"], again["password"]);
    let (mut child, _) = machine.start(&["serve"]);
    let found = machine.json(&["call", "/demo/crm/invoice.table", "search", "{\"limit\":1,\"count\":true}"]);
    assert_eq!(found["output"]["count"], 412);
    machine.json(&["down"]);
    child.wait().unwrap();
}
