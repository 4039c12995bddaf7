//! What a server clears up, and what workspaces may keep.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use kageos_core::Code;
use serde_json::{Value, json};

use crate::{
    cli::check_exit,
    workspaces::{PATH, Shop, change},
};

/// How long a server may take to see that something is to be done.
const SOON: Duration = Duration::from_secs(40);

/// Waits until something is so.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
pub(crate) fn until(what: &str, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(crate) fn state(shop: &Shop) -> PathBuf {
    shop.machine.dir.path().join(".kageos/dev")
}

/// The folder of the only workspace that has one.
pub(crate) fn folder(shop: &Shop) -> PathBuf {
    let all: Vec<_> =
        fs::read_dir(state(shop).join("workspaces")).unwrap().map(|it| it.unwrap().path()).collect();
    let [folder] = all.as_slice() else { panic!("{all:?}") };
    folder.clone()
}

fn findings(shop: &Shop, layer: &str) -> Vec<(bool, String)> {
    let output = shop.machine.run(&["doctor", "--json"]);
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = all.as_array().unwrap().iter().filter(|it| it["layer"] == layer);
    of.map(|it| (it["ok"].as_bool().unwrap(), it["detail"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn a_deleted_workspace_comes_back_whole_until_it_is_given_up() {
    let mut shop = Shop::new();
    let app = shop.app();
    shop.push(&app);
    shop.table("create", &json!({ "values": { "name": "Call back" } }));
    let folder = folder(&shop);

    // Nobody agrees, so nothing happens; then it is gone, and its process with it.
    check_exit(&shop.machine.run(&["workspace", "rm", PATH]), Code::Cancelled);
    check_exit(&shop.machine.run(&["workspace", "rm", "/system", "--yes"]), Code::InvalidPath);
    assert_eq!(shop.table("search", &json!({ "count": true }))["count"], 1);
    let removed = shop.machine.json(&["workspace", "rm", PATH, "--yes"]);
    assert_eq!((&removed["deleted"], &removed["days"]), (&json!(PATH), &json!(30)));
    check_exit(&shop.machine.run(&["call", "/system/todo/task.table", "search"]), Code::NotFound);
    until("the app of a deleted workspace runs on", || findings(&shop, "runtime")[0].1.starts_with("0 apps"));
    assert!(folder.join("data/app.db").exists());

    let back = json!({ "code": "todo" }).to_string();
    shop.machine.json(&["call", "/system", "restore", &back]);
    let search = |shop: &Shop| shop.machine.run(&["call", "/system/todo/task.table", "search", "--json"]);
    until("what came back is not run", || search(&shop).status.success());
    assert_eq!(shop.table("search", &json!({ "count": true }))["count"], 1);

    // What an earlier server left goes at the start, and what was deleted long enough ago for ever.
    shop.machine.json(&["workspace", "rm", PATH, "--yes"]);
    shop.kill();
    let (link, half) = (state(&shop).join("run/0123456789ab-r1"), folder.join("releases/1/program.making"));
    fs::create_dir_all(link.join("deep")).unwrap();
    fs::create_dir_all(folder.join("build/trial")).unwrap();
    fs::write(&half, "half").unwrap();
    let (server, _) = shop.machine.start(&["serve"]);
    shop.server = server;
    assert!(!link.exists() && !half.exists() && !folder.join("build/trial").exists());
    assert!(folder.join("data/app.db").exists() && folder.join("source/HEAD").exists());
    shop.kill();
    fs::write(state(&shop).join("config.toml"), "[runtime]\nkeep_deleted_days = 0\n").unwrap();
    // Of a folder that is no workspace's nobody knows whether it is needed.
    let unknown = state(&shop).join("workspaces/01jzzzzzzzzzzzzzzzzzzzzzzz");
    fs::create_dir(&unknown).unwrap();
    let (server, _) = shop.machine.start(&["serve"]);
    shop.server = server;
    until("the folder of what was given up stays", || !folder.exists());
    assert!(unknown.exists());
    check_exit(&shop.machine.run(&["call", "/system", "restore", &back]), Code::InvalidInput);
    let again = json!({ "code": "todo", "title": "Again" }).to_string();
    shop.machine.json(&["call", "/system", "create_directory", &again]);
    assert_eq!(shop.call("list_source", &json!({}))["commit"], Value::Null);
    assert_eq!(shop.call("list_releases", &json!({}))["live"], Value::Null);
}

/// Fills the disk without end, in files that are small.
const FILLER: &str = "        std::thread::spawn(|| {\n            for turn in 0.. {\n                \
    let _ = std::fs::write(format!(\"fill{turn}\"), vec![1_u8; 1 << 20]);\n                \
    std::thread::sleep(std::time::Duration::from_millis(20));\n            }\n        });\n";

#[test]
fn a_workspace_keeps_no_more_than_it_may() {
    let shop = Shop::with(
        "[runtime]\nmax_source_files = 12\nmax_source_bytes = 400000\nmax_data_bytes = 8388608\n\
         build_cache_bytes = 1\n",
    );
    let app = shop.app();
    let task = "        let task = ctx.table::<Task>().require(self.task).await?;\n";
    change(&app.join("src/lib.rs"), task, &format!("{FILLER}{task}"));
    shop.push(&app);
    let folder = folder(&shop);
    until("what was compiled stays", || !folder.join("build").exists());
    source_is_bounded(&shop);

    let data = folder.join("data");
    let made = shop.table("create", &json!({ "values": { "name": "One" } }));
    let full = |action: &str, input: &Value| {
        let input = input.to_string();
        let output = shop.machine.run(&["call", "/system/todo/task.table", action, &input, "--json"]);
        let error: Value = serde_json::from_slice(&output.stderr).unwrap_or_default();
        error["code"] == "storage_full"
    };
    let new = json!({ "values": { "name": "Two" } });
    // Above its quota it reads and deletes; what would make or change rows is refused.
    fs::write(data.join("much"), vec![1; 9 << 20]).unwrap();
    until("an app above its quota makes rows", || full("create", &new));
    assert!(shop.table("search", &json!({ "count": true }))["count"].as_u64() >= Some(1));
    assert!(full(
        "update",
        &json!({ "id": made["id"], "version": made["version"], "patch": { "name": "Other" } })
    ));
    shop.table("delete", &json!({ "id": made["id"], "version": made["version"] }));
    let usage = shop.call("read_usage", &json!({}));
    assert_eq!(usage["data"]["max_bytes"], 8 << 20);
    assert!(usage["data"]["bytes"].as_u64() > Some(9 << 20), "{usage}");
    let shown = shop.machine.run(&["workspace", "show", PATH]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("of 8 MB"), "{shown:?}");
    let apps = findings(&shop, "apps");
    assert!(apps.iter().any(|(ok, said)| !ok && said.contains("of 8192 KB that it may")), "{apps:?}");
    fs::remove_file(data.join("much")).unwrap();
    until("an app below its quota makes no rows", || !full("create", &new));

    // Far above it the app is ended, and started no more until there is room.
    let made = shop.table("create", &new);
    let finish = json!({ "task": made["id"] }).to_string();
    shop.machine.run(&["call", "/system/todo/finish_task.form", "submit", &finish]);
    until("a filler of disks runs on", || full("search", &json!({})));
    // It is ended just after its folder was found too large.
    let size = Cell::new(0);
    until("a filler of disks writes on", || size.replace(self::size(&data)) == self::size(&data));
    let size = size.get();
    assert!(size > 16 << 20 && size < 1 << 30, "{size}");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(size, self::size(&data));
    for entry in fs::read_dir(&data).unwrap().map(|it| it.unwrap().path()) {
        if entry.file_name().unwrap().to_str().unwrap().starts_with("fill") {
            fs::remove_file(entry).unwrap();
        }
    }
    until("an app is not started that has room", || !full("search", &json!({})));
    assert!(shop.table("search", &json!({ "count": true }))["count"].as_u64() >= Some(2));
}

/// A source takes no more files and bytes than it may; removing goes on.
#[track_caller]
fn source_is_bounded(shop: &Shop) {
    let there = shop.call("list_source", &json!({}))["files"].as_array().unwrap().len();
    let files = |names: std::ops::Range<usize>, bytes: usize| {
        let one = |number| json!({ "path": format!("more{number}.md"), "text": "x".repeat(bytes), "expected": null });
        json!({ "files": names.map(one).collect::<Vec<_>>() })
    };
    let refused = shop.refused("write_source", &files(there..13, 10), Code::StorageFull);
    assert!(refused["message"].as_str().unwrap().contains("13 files; 12 is the most"), "{refused}");
    let mut hash = Value::Null;
    for number in 0..3 {
        hash = shop.call("write_source", &files(number..number + 1, 110_000))["files"][0]["hash"].clone();
    }
    let refused = shop.refused("write_source", &files(3..4, 110_000), Code::StorageFull);
    assert!(refused["message"].as_str().unwrap().contains("391 KB is the most"), "{refused}");
    let removed = json!({ "path": "more2.md", "text": null, "expected": hash });
    shop.call("write_source", &json!({ "files": [removed] }));
    assert_eq!(shop.call("list_source", &json!({}))["files"].as_array().unwrap().len(), there + 2);
}

#[test]
fn a_source_has_as_many_files_as_its_operator_lets_it_have() {
    let shop = Shop::new();
    let usage = || shop.call("read_usage", &json!({}))["source"].clone();
    let write = |names: std::ops::Range<usize>| {
        let one = |number| json!({ "path": format!("f{number}.md"), "text": "", "expected": null });
        json!({ "files": names.map(one).collect::<Vec<_>>() })
    };
    for from in (0..5_000).step_by(500) {
        shop.call("write_source", &write(from..from + 500));
    }
    let usage = usage();
    assert_eq!((&usage["files"], &usage["max_files"]), (&json!(5_000), &json!(5_000)));
    shop.refused("write_source", &write(5_000..5_001), Code::StorageFull);
}

fn size(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}
