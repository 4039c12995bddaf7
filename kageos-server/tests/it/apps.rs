//! The databases of workspaces under the real program: what the doctor says of them, and the example on each server.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Stdio},
};

use kageos_core::{
    Code,
    platform::workspace::{ACCOUNT_PREFIX, DATABASE_PREFIX},
    sql::{
        Db, DbOptions, Engine,
        testing::{MYSQL_URL, POSTGRES_URL},
    },
};
use serde_json::Value;

use crate::{
    cli::{Machine, check_exit},
    example,
    process::container_engine,
};

/// A server that ends with the test, also with one that fails.
struct Serving(Child);

impl Serving {
    fn wait(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Starts the example, with rows on this server when one is named.
fn bootstrap(machine: &Machine, server: Option<&str>) -> Serving {
    let mut command = machine.bootstrap();
    if let Some(url) = server {
        command.envs(example::given()).env(example::SERVERS, url);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let serving = Serving(child);
    assert!(line.contains("address"), "{line}");
    serving
}

/// The folder of the example's workspace, which has the workspace's id as its name.
fn workspace(machine: &Machine) -> PathBuf {
    let mut all = std::fs::read_dir(machine.dir.path().join(".kageos/dev/workspaces")).unwrap();
    all.next().unwrap().unwrap().path()
}

/// What the doctor says of a layer: whether all is well, what it is like, what to do.
fn layer(machine: &Machine, name: &str) -> Vec<(bool, String, String)> {
    let findings: Value = serde_json::from_slice(&machine.run(&["doctor", "--json"]).stdout).unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let of_layer = findings.as_array().unwrap().iter().filter(|finding| finding["layer"] == name);
    of_layer.map(|it| (it["ok"] == true, text(it, "detail"), text(it, "advice"))).collect()
}

/// Runs statements outside any transaction.
async fn run(options: &DbOptions, statements: &[String]) {
    let db = Db::open(options).await.unwrap();
    for statement in statements {
        db.fetch_all(statement.clone(), &[]).await.unwrap();
    }
    db.close().await;
}

/// Lets the next server of a machine run its apps in containers.
pub(crate) fn run_in_containers(machine: &Machine, socket: &OsStr) {
    let config = machine.dir.path().join(".kageos/dev/config.toml");
    let before = std::fs::read_to_string(&config).unwrap_or_default();
    let socket = socket.to_str().unwrap();
    std::fs::write(&config, format!("{before}\n[runtime]\ncontainer_engine = {socket:?}\n")).unwrap();
}

#[tokio::test]
async fn the_doctor_looks_at_every_app() {
    let machine = Machine::new();
    let child = bootstrap(&machine, None);
    let [(true, detail, _)] = &layer(&machine, "apps")[..] else { panic!("one app, and well") };
    assert!(
        detail.starts_with("/demo/crm answers, ") && detail.contains(" KB on sqlite, keeps "),
        "{detail}"
    );
    let [(true, runtime, _)] = &layer(&machine, "runtime")[..] else { panic!("apps are run") };
    assert!(runtime.starts_with("1 apps, sandbox ") && runtime.contains("built with rustc"), "{runtime}");
    for name in ["state", "config", "database", "tree", "log", "server"] {
        assert!(layer(&machine, name)[0].0, "{name}");
    }
    let file = workspace(&machine).join("data/app.db");
    let db = Db::open(&DbOptions::new(format!("sqlite:{}", file.display()))).await.unwrap();
    db.execute("DROP TABLE receipt", &[]).await.unwrap();
    db.close().await;
    let [(false, detail, advice)] = &layer(&machine, "apps")[..] else { panic!("its receipts are gone") };
    assert!(detail.starts_with("/demo/crm: ") && advice.contains("kagectl logs server"), "{detail} {advice}");
    machine.json(&["down"]);
    child.wait();
    assert!(layer(&machine, "apps")[0].1.contains("app.db opens"));
    std::fs::write(&file, "this is no database, whatever its name says").unwrap();
    let [(false, _, advice)] = &layer(&machine, "apps")[..] else { panic!("it is no database") };
    assert!(advice.contains("restore a backup"));
}

#[expect(clippy::disallowed_methods, reason = "tests have no main that could hand the addresses in")]
#[tokio::test]
async fn the_example_has_its_rows_on_a_database_server() {
    for url in [POSTGRES_URL, MYSQL_URL].into_iter().filter_map(|name| std::env::var(name).ok()) {
        let machine = Machine::new();
        let child = bootstrap(&machine, Some(&url));
        let count = |table: &str| {
            let path = format!("/demo/crm/{table}.table");
            machine.json(&["call", &path, "search", "{\"limit\":1,\"count\":true}"])["output"]["count"]
                .clone()
        };
        // A count stops above a thousand.
        assert_eq!(
            [count("employee"), count("customer"), count("invoice"), count("invoice_line")],
            [8, 59, 412, 1001]
        );
        let payment = "{\"invoice\":\"1\",\"amount\":\"1.00\"}";
        machine.json(&["call", "/demo/crm/record_payment.form", "submit", payment]);
        let options = DbOptions::new(&url);
        let engine = options.engine().unwrap();
        let detail = &layer(&machine, "apps")[0].1;
        assert!(detail.contains(&format!(" KB on {engine}, keeps ")), "{detail}");
        check_exit(&machine.run(&["backup"]), Code::Conflict);
        machine.json(&["down"]);
        child.wait();
        let folder = workspace(&machine);
        assert!(!folder.join("data/app.db").exists());
        // Without the server it would begin with no rows at all.
        let refused = machine.run(&["serve"]);
        check_exit(&refused, Code::Conflict);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("workspaces.admin_url"), "{refused:?}");
        let child = bootstrap(&machine, Some(&url));
        assert_eq!(count("payment"), 1);
        machine.json(&["down"]);
        child.wait();
        if let Some(socket) = container_engine() {
            run_in_containers(&machine, &socket);
            let child = bootstrap(&machine, Some(&url));
            assert_eq!(count("payment"), 1);
            let runtime = &layer(&machine, "runtime")[0].1;
            assert!(
                runtime.contains("1 apps, containers of ") && runtime.contains("(measured)"),
                "{runtime}"
            );
            machine.json(&["down"]);
            child.wait();
        }
        let id = folder.file_name().unwrap().to_str().unwrap();
        let (force, kind) = if engine == Engine::Postgres { (" WITH (FORCE)", "ROLE") } else { ("", "USER") };
        let drops = [
            format!("DROP DATABASE {DATABASE_PREFIX}{id}{force}"),
            format!("DROP {kind} {ACCOUNT_PREFIX}{id}"),
        ];
        run(&options, &drops).await;
    }
}

#[test]
fn rows_in_a_file_are_not_left_behind() {
    let machine = Machine::new();
    let child = bootstrap(&machine, None);
    machine.json(&["down"]);
    child.wait();
    let mut command = machine.command(&["serve"]);
    let refused = command.env("KAGEOS_WORKSPACES__ADMIN_URL", "postgres://x@127.0.0.1:1/x").output().unwrap();
    check_exit(&refused, Code::Conflict);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("app.db"), "{refused:?}");
}
