//! Sources and programs in the storage of files: a server that has lost its disk has them again, and servers that share the
//! rest too run the same workspaces.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use kageos_core::{
    Code, Env,
    platform::{
        files::{Objects, S3Options},
        identity::Secret,
    },
    sql::testing::{POSTGRES_URL, TestDb, engines},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    cli::{Machine, check_exit},
    example,
    faults::{admin_of, copy_state, drop_rows},
    keeping::{folder, state, until},
    process::variable,
    publishing::{Long, build, takes_its_time},
    workspaces::{PATH, Shop, change},
};

/// A storage of files: S3 where the environment names a server's address with a bucket, else a folder.
struct Storage {
    objects: Objects,
    /// The configuration that leads there.
    config: String,
    runtime: Runtime,
    _folder: TempDir,
}

impl Storage {
    fn new() -> Self {
        let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
        let s3 = variable("KAGEOS_TEST_S3_URL").map(|url| url.into_string().unwrap());
        let (objects, config) = match s3 {
            None => {
                let config = format!("[files]\nurl = \"file://{}\"\n", folder.path().display());
                (Objects::folder(folder.path()).unwrap(), config)
            }
            Some(url) => {
                let (endpoint, bucket) = url.rsplit_once('/').unwrap();
                let url = format!("s3://{bucket}/{}", Env::system().trace().id());
                let config = format!(
                    "[files]\nurl = \"{url}\"\nendpoint = \"{endpoint}\"\nregion = \"us-east-1\"\n\
                     access_key_id = \"test\"\nsecret_access_key = \"test\"\n"
                );
                let (endpoint, region) = (Some(endpoint.to_owned()), "us-east-1".to_owned());
                let (id, key) = (Some("test".to_owned()), Some(Secret::new("test")));
                let options = S3Options { url, endpoint, region, access_key_id: id, secret_access_key: key };
                (Objects::s3(&options).unwrap(), config)
            }
        };
        Self { objects, config, runtime, _folder: folder }
    }

    fn has(&self, key: &str) -> bool {
        self.runtime.block_on(self.objects.size(key)).unwrap().is_some()
    }

    fn put(&self, key: &str, bytes: Vec<u8>) {
        self.runtime.block_on(self.objects.put(key, bytes)).unwrap();
    }
}

fn serve(shop: &mut Shop) {
    shop.server = shop.machine.start(&["serve"]).0;
}

/// How long another server may take to follow.
const SOON: Duration = Duration::from_secs(20);

/// The workspace whose folder this is.
fn id(folder: &Path) -> String {
    folder.file_name().unwrap().to_str().unwrap().to_owned()
}

/// What is lost with a disk, but for the rows.
fn lose(folder: &Path) {
    for name in ["source", "releases", "build"] {
        fs::remove_dir_all(folder.join(name)).unwrap();
    }
}

fn add_minutes(app: &Path) {
    change(
        &app.join("src/lib.rs"),
        "    pub outcome: Option<Multiline>,\n}\n\n/// Say",
        "    pub outcome: Option<Multiline>,\n    /// Minutes it took.\n    pub minutes: Option<i32>,\n}\n\n/// Say",
    );
}

#[test]
fn a_server_that_has_lost_its_disk_has_sources_and_programs_again() {
    let (storage, mut shop) = (Storage::new(), Shop::new());
    let app = shop.app();
    shop.push(&app);
    let made = shop.table("create", &json!({ "values": { "name": "Call back" } }));
    let folder = folder(&shop);
    let key = |name: &str| format!("apps/{}/{name}", id(&folder));

    // What was there before the storage comes there by itself.
    shop.kill();
    fs::write(state(&shop).join("config.toml"), &storage.config).unwrap();
    serve(&mut shop);
    let first = shop.call("list_source", &json!({}))["commit"].as_str().unwrap().to_owned();
    let bundle = key(&format!("source/{first}.bundle"));
    until("an old source is not kept", || storage.has(&bundle));
    let program = |release: u32| fs::read(folder.join(format!("releases/{release}/program"))).unwrap();
    let program_key = |release: u32, bytes: &[u8]| {
        let hash = <sha2::Sha256 as sha2::Digest>::digest(bytes);
        key(&format!("program/{release}/{}", kageos_core::hex(&hash)))
    };
    until("an old program is not kept", || storage.has(&program_key(1, &program(1))));

    // What comes later is there before anybody hears of it.
    add_minutes(&app);
    let second = shop.push(&app);
    let head = shop.call("list_source", &json!({}))["commit"].as_str().unwrap().to_owned();
    assert!(storage.has(&key(&format!("source/{head}.bundle"))));
    let (live, kept) = (program(2), program_key(2, &program(2)));
    assert!(storage.has(&kept) && second["release"] == 2);
    let said = shop.call("read_release", &json!({ "release": 2 }))["log"].clone();
    let commits = shop.call("list_commits", &json!({}));

    shop.kill();
    lose(&folder);
    serve(&mut shop);
    let row = shop.table("get", &json!({ "id": made["id"] }));
    assert_eq!(row["values"].get("minutes"), Some(&Value::Null), "{row}");
    assert_eq!(program(2), live);
    assert_eq!(shop.call("list_commits", &json!({})), commits);
    let read = shop.call("read_release", &json!({ "release": 2 }));
    assert!(read["log"] == said && said.as_str().unwrap().contains("Compiling"), "{read}");
    shop.machine.json(&["workspace", "rollback", PATH]);
    assert_eq!(shop.table("get", &json!({ "id": made["id"] }))["values"].get("minutes"), None);
    change(&app.join("src/lib.rs"), "/// Minutes it took.", "/// How many minutes it took.");
    assert_eq!(shop.push(&app)["release"], 3);
    assert_eq!(shop.call("list_commits", &json!({}))["commits"].as_array().unwrap().len(), 3);

    // Another program than was built is not run, and what is missing is said.
    let third = program(3);
    shop.kill();
    fs::remove_dir_all(folder.join("releases")).unwrap();
    storage.put(&program_key(3, &third), vec![7; third.len()]);
    serve(&mut shop);
    let search = json!({}).to_string();
    let run = |shop: &Shop| shop.machine.run(&["call", "/system/todo/task.table", "search", &search]);
    let refused = run(&shop);
    check_exit(&refused, Code::Unavailable);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("The program that came is another one."));
    assert!(!folder.join("releases/3/program").exists());
    storage.put(&program_key(3, &third), third.clone());
    assert!(run(&shop).status.success());

    // With the workspace goes what was kept of it.
    shop.machine.json(&["workspace", "rm", PATH, "--yes"]);
    shop.kill();
    let config = format!("{}[runtime]\nkeep_deleted_days = 0\n", storage.config);
    fs::write(state(&shop).join("config.toml"), config).unwrap();
    serve(&mut shop);
    until("the folder of what was given up stays", || !folder.exists());
    assert!(!storage.has(&bundle) && !storage.has(&program_key(3, &third)));
}

/// Two servers on one database and one storage, whose workspaces have their rows on the database's server.
struct Both {
    one: Shop,
    other: Shop,
    lease: Duration,
}

impl Both {
    fn on(db: &TestDb, admin: &str, storage: &Storage) -> Self {
        let lease = Duration::from_secs(3);
        let config = format!(
            "[database]\nurl = \"{}\"\n[workspaces]\nadmin_url = \"{admin}\"\n[node]\nlease_ms = {}\n{}",
            db.url(),
            lease.as_millis(),
            storage.config,
        );
        let one = Shop::with(&config);
        let machine = Machine::new();
        copy_state(&state(&one), &machine.dir.path().join(".kageos/dev"));
        let server = machine.start(&["serve"]).0;
        Self { one, other: Shop { machine, server }, lease }
    }
}

/// Waits until a table of the workspace says this.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
fn says(shop: &Shop, action: &str, input: &Value, right: impl Fn(&Value) -> bool) {
    let input = input.to_string();
    let began = Instant::now();
    loop {
        let answer = shop.machine.run(&["call", "/system/todo/task.table", action, &input, "--json"]);
        let said: Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        if right(&said["output"]) {
            return;
        }
        assert!(began.elapsed() < SOON, "another server does not follow: {answer:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn servers_that_share_everything_run_the_same_workspaces() {
    let (storage, runtime) = (Storage::new(), Runtime::new().unwrap());
    for db in runtime.block_on(engines()).unwrap() {
        let Some(admin) = admin_of(&db) else { continue };
        let both = Both::on(&db, &admin, &storage);
        let workspace = run_the_same(both);
        runtime.block_on(drop_rows(&admin, &workspace));
    }
    assert!(variable("CI").is_none() || variable(POSTGRES_URL).is_some(), "CI needs PostgreSQL");
}

/// A release that does not go live on one server cuts no call of the one that is on the other, which opens its tables anew.
fn fails_on_one(one: &Shop, other: &Shop, app: &Path) {
    // What says what it declares reaches no database.
    let rows = "std::fs::read_dir(\"/link\").is_ok_and(|it| it.count() > 1)";
    let title = format!(".title(if {rows} {{ \"Other\" }} else {{ \"Same\" }})");
    change(&app.join("src/lib.rs"), ".title(\"Todo\")", &title);
    let release = build(one, app);
    let mut long = Long::begin(other, Duration::from_secs(9));
    one.refused("publish", &json!({ "release": release }), Code::Unavailable);
    let log = state(other).join("logs/server.log");
    until("the other server does not open its tables anew", || {
        fs::read_to_string(&log).unwrap().contains("an app is started anew")
    });
    other.table("create", &json!({ "values": { "name": "Meanwhile" } }));
    long.runs();
    long.ends_well();
}

/// Answers which workspace it was.
fn run_the_same(both: Both) -> String {
    let Both { mut one, mut other, lease } = both;
    let app: PathBuf = one.app();
    takes_its_time(&app);
    one.push(&app);
    let workspace = id(&folder(&one));
    let made = one.table("create", &json!({ "values": { "name": "One" } }));
    let one_row = json!({ "id": made["id"] });
    says(&other, "get", &one_row, |row| row["values"]["name"] == "One");
    let other_row = json!({ "id": other.table("create", &json!({ "values": { "name": "Other" } }))["id"] });
    assert_eq!(one.table("get", &other_row)["values"]["name"], "Other");
    let commits = |shop: &Shop| shop.call("list_commits", &json!({}))["commits"].as_array().unwrap().len();
    assert_eq!(commits(&other), 1);
    let there = other.call("read_release", &json!({ "release": 1 }));
    assert!(there["log"].as_str().unwrap().contains("Compiling"), "{there}");

    // What one has written the other builds, and what that makes live the first one runs: it never starts again what was
    // live before, whose tables are not those of the new one.
    one.call("restart", &json!({}));
    add_minutes(&app);
    let from = app.to_str().unwrap();
    assert_eq!(other.machine.json(&["workspace", "push", from, PATH])["release"], 2);
    let has_minutes = |row: &Value| row["values"].get("minutes").is_some();
    assert!(has_minutes(&one.table("get", &other_row)));
    change(&app.join("src/lib.rs"), "/// Minutes it took.", "/// How many minutes it took.");
    assert_eq!(one.push(&app)["release"], 3);
    assert_eq!((commits(&one), commits(&other)), (3, 3));
    one.call("publish", &json!({ "release": 1 }));
    says(&other, "get", &one_row, |row| row["values"]["name"] == "One" && !has_minutes(row));

    // One that is killed is missed by nobody, and what it was building is not for ever.
    let script = app.join("build.rs");
    fs::write(&script, "fn main() { std::thread::sleep(std::time::Duration::from_secs(600)) }").unwrap();
    let mut push = one.machine.command(&["workspace", "push", from, PATH]);
    let mut pushing = push.stderr(std::process::Stdio::null()).envs(example::given()).spawn().unwrap();
    let state_of = |shop: &Shop, release: u32| {
        let all = shop.call("list_releases", &json!({}))["releases"].clone();
        let found = all.as_array().unwrap().iter().find(|it| it["release"] == release).cloned();
        found.unwrap_or_default()["state"].clone()
    };
    until("nothing is built", || state_of(&other, 4) == "building");
    one.kill();
    pushing.wait().unwrap();
    other.table("create", &json!({ "values": { "name": "Alone" } }));
    until("what a killed server was building stays so", || state_of(&other, 4) == "failed");
    fs::remove_file(script).unwrap();
    assert_eq!(other.machine.json(&["workspace", "push", from, PATH])["release"], 5);
    std::thread::sleep(lease);
    serve(&mut one);
    says(&one, "get", &one_row, has_minutes);
    assert_eq!(one.table("search", &json!({ "count": true }))["count"], 3);
    fails_on_one(&one, &other, &app);
    assert_eq!(one.machine.json(&["audit", "verify"])["findings"], 0);
    other.kill();
    workspace
}
