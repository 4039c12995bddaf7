//! What apps log, from the app to whoever reads it, under the real program.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
    time::Duration,
};

use kageos_core::Code;
use serde_json::{Value, json};

use crate::{
    cli::check_exit,
    workspaces::{PATH, Shop, change},
};

/// Lines that are too many at once.
const FLOOD: u64 = 20_000;
/// What the app does besides, by the name of the task that is finished.
const MISBEHAVE: &str = r#"
        match task.name.as_str() {
            "flood" => (0..20_000).for_each(|at| ctx.log().with("at", at).info("x".repeat(300))),
            "loud" => {
                println!("to the output \u{1b}[31m");
                eprintln!("to the error output");
            }
            "abort" => std::process::abort(),
            _ => ctx.log().with("task", &task.name).with("number", 812).warn("A task is finished."),
        }
        if task.state == State::Done {"#;

/// Makes a task and finishes it; answers the call that finished it, when it did.
fn finish(shop: &Shop, name: &str) -> Option<Value> {
    let made = shop.table("create", &json!({ "values": { "name": name } }));
    let input = json!({ "task": made["id"] }).to_string();
    let output = shop.machine.run(&["call", &format!("{PATH}/finish_task.form"), "submit", &input, "--json"]);
    serde_json::from_slice::<Value>(&output.stdout).ok().map(|mut done| done["call"].take())
}

fn read(shop: &Shop, query: &Value) -> Vec<Value> {
    shop.call("read_logs", query)["lines"].as_array().unwrap().clone()
}

/// Waits for lines that fit.
#[track_caller]
fn wait(shop: &Shop, query: &Value, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..100 {
        let lines = read(shop, query);
        if fits(&lines) {
            return lines;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{query}: {:?}", read(shop, query));
}

fn some(lines: &[Value]) -> bool {
    !lines.is_empty()
}

#[test]
fn what_an_app_logs_is_found_by_call_release_and_source() {
    let mut shop = Shop::new();
    let app = shop.app();
    change(&app.join("src/lib.rs"), "\n        if task.state == State::Done {", MISBEHAVE);
    shop.push(&app);
    let started = wait(&shop, &json!({ "source": "platform" }), some);
    assert_eq!((&started[0]["release"], &started[0]["path"]), (&json!(1), &json!(PATH)), "{started:?}");

    let call = finish(&shop, "Call back").unwrap();
    let lines = wait(&shop, &json!({ "call": call }), some);
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let path = format!("{PATH}/finish_task.form");
    assert_eq!(
        (&line["level"], &line["source"], &line["path"]),
        (&json!("warn"), &json!("app"), &json!(path))
    );
    assert_eq!(line["fields"], json!({ "task": "Call back", "number": 812 }));
    assert_eq!(read(&shop, &json!({ "trace": line["trace"], "level": "warn" })), lines);
    assert_eq!(read(&shop, &json!({ "call": call, "level": "error" })), [Value::Null; 0]);

    finish(&shop, "loud").unwrap();
    let output = wait(&shop, &json!({ "source": "stdout" }), some);
    assert_eq!(
        (&output[0]["message"], &output[0]["call"]),
        (&json!("to the output \u{1b}[31m"), &Value::Null)
    );
    wait(&shop, &json!({ "source": "stderr", "level": "warn" }), some);
    let words = String::from_utf8(shop.machine.run(&["workspace", "logs", PATH]).stdout).unwrap();
    assert!(
        words.contains("WARN  r1 /system/todo/finish_task.form A task is finished. task=\"Call back\""),
        "{words}"
    );
    assert!(words.contains("to the output \\u001b[31m") && !words.contains('\u{1b}'), "{words}");
    let server = String::from_utf8(shop.machine.run(&["logs", "server"]).stdout).unwrap();
    assert!(!server.contains("to the output") && !server.contains("A task is finished"), "{server}");

    a_flood_is_counted(&shop);
    who_follows_hears_what_comes(&shop);
    a_death_is_told(&shop);

    shop.push(&app);
    wait(&shop, &json!({ "source": "platform", "release": 2 }), some);
    a_line_that_was_torn_spoils_no_other(&mut shop);
    shop.refused("read_logs", &json!({ "next": "x" }), Code::InvalidInput);
    shop.refused("read_logs", &json!({ "from": "yesterday" }), Code::InvalidInput);
    shop.refused("read_logs", &json!({ "limit": 201 }), Code::InvalidInput);
    check_exit(&shop.machine.run(&["workspace", "logs", PATH, "--level", "loud"]), Code::InvalidInput);
}

fn a_flood_is_counted(shop: &Shop) {
    let call = finish(shop, "flood").unwrap();
    let left_out =
        |lines: &[Value]| lines.iter().filter_map(|line| line["fields"]["lines"].as_u64()).sum::<u64>();
    let mut kept = 0;
    let counted = json!({ "source": "platform", "text": "lines are left out" });
    for _ in 0..100 {
        let (mut next, mut lines) = (Value::Null, 0);
        loop {
            let mut query = json!({ "call": call, "limit": 200 });
            if next.is_string() {
                query["next"] = next;
            }
            let page = shop.call("read_logs", &query);
            lines += page["lines"].as_array().unwrap().len() as u64;
            next = page["next"].clone();
            if next.is_null() {
                break;
            }
        }
        kept = lines;
        if kept + left_out(&read(shop, &counted)) == FLOOD {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let left_out = left_out(&read(shop, &counted));
    assert_eq!(kept + left_out, FLOOD);
    assert!((500..FLOOD / 2).contains(&kept), "{kept} of {FLOOD} are kept");
}

fn who_follows_hears_what_comes(shop: &Shop) {
    let mut command = shop.machine.command(&[
        "workspace",
        "logs",
        PATH,
        "--follow",
        "--grep",
        "finished",
        "-n",
        "1",
        "--json",
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["fields"]["task"], "Call back");
    for name in ["One more", "And another"] {
        finish(shop, name).unwrap();
        assert_eq!(next()["fields"]["task"], name);
    }
    child.kill().and_then(|()| child.wait()).unwrap();
}

fn a_death_is_told(shop: &Shop) {
    assert_eq!(finish(shop, "abort"), None);
    let died = json!({ "level": "error", "source": "platform", "text": "has died" });
    let lines = wait(shop, &died, some);
    assert_eq!(
        (&lines[0]["fields"]["signal"], &lines[0]["release"]),
        (&json!("SIGABRT"), &json!(1)),
        "{lines:?}"
    );
    finish(shop, "It starts again").unwrap();
    let started = wait(shop, &json!({ "text": "is started" }), |lines| lines.len() > 1);
    let pid = started[0]["fields"]["pid"].to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let lines = wait(shop, &died, |lines| lines.len() == 2);
    assert_eq!(lines[0]["fields"]["signal"], "SIGKILL", "{lines:?}");
}

fn a_line_that_was_torn_spoils_no_other(shop: &mut Shop) {
    let workspaces = shop.machine.dir.path().join(".kageos/dev/workspaces");
    let workspace = fs::read_dir(workspaces).unwrap().next().unwrap().unwrap().path();
    let mut files: Vec<_> =
        fs::read_dir(workspace.join("logs")).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    let newest = files.last().unwrap();
    fs::OpenOptions::new().append(true).open(newest).unwrap().write_all(b"{\"at\":\"20").unwrap();
    shop.start_again();
    let before = read(shop, &json!({}))[0].clone();
    finish(shop, "After the crash").unwrap();
    let lines = wait(shop, &json!({ "text": "After the crash" }), some);
    assert_eq!(lines.len(), 1);
    let since = shop.call("read_logs", &json!({ "order": "oldest", "next": before["id"] }));
    assert_eq!(since["lines"][0], before);
    assert_eq!(since["lines"].as_array().unwrap().last(), Some(&lines[0]));
}
