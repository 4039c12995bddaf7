//! What becomes of the calls of a workspace while its release changes, or does not.

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use kageos_core::{
    Code,
    sql::{Db, DbOptions, params},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    cli::check_exit,
    keeping::{state, until},
    workspaces::{PATH, Shop, change},
};

/// The shortest time in which a call has begun.
const BEGUN: Duration = Duration::from_millis(700);

/// Lets the app take as many milliseconds to finish a task as it is told as the outcome.
pub(crate) fn takes_its_time(app: &Path) {
    let wait = "if let Some(Ok(wait)) = self.outcome.as_ref().map(|it| it.to_string().parse()) {\n            \
                tokio::time::sleep(std::time::Duration::from_millis(wait)).await;\n        }\n        let done =";
    change(&app.join("src/lib.rs"), "let done =", wait);
    change(
        &app.join("Cargo.toml"),
        "kageos-sdk = \"0.1.0\"\n",
        "kageos-sdk = \"0.1.0\"\ntokio = { version = \"1\", default-features = false, features = [\"time\"] }\n",
    );
}

/// A call that takes its time.
pub(crate) struct Long(std::process::Child);

impl Long {
    pub(crate) fn begin(shop: &Shop, takes: Duration) -> Self {
        let task = shop.table("create", &json!({ "values": { "name": "Takes its time" } }))["id"].clone();
        let input = json!({ "task": task, "outcome": takes.as_millis().to_string() }).to_string();
        let mut command =
            shop.machine.command(&["call", "/system/todo/finish_task.form", "submit", &input, "--json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(BEGUN);
        Self(child)
    }

    #[track_caller]
    pub(crate) fn runs(&mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "the call has ended");
    }

    fn end(self) -> Output {
        self.0.wait_with_output().unwrap()
    }

    #[track_caller]
    pub(crate) fn ends_well(self) {
        let output = self.end();
        assert!(output.status.success(), "{output:?}");
    }
}

fn states(shop: &Shop) -> Vec<(u64, String)> {
    let all = shop.call("list_releases", &json!({}))["releases"].clone();
    let read = |it: &Value| (it["release"].as_u64().unwrap(), it["state"].as_str().unwrap().to_owned());
    let mut all: Vec<_> = all.as_array().unwrap().iter().map(read).collect();
    all.sort();
    all
}

fn state_of(shop: &Shop, release: u64) -> String {
    states(shop).into_iter().find(|(number, _)| *number == release).unwrap().1
}

/// Builds what the folder holds, and publishes nothing.
#[track_caller]
pub(crate) fn build(shop: &Shop, app: &Path) -> u64 {
    shop.machine.json(&["workspace", "push", app.to_str().unwrap(), PATH, "--no-build"]);
    let built = shop.call("build", &json!({}));
    assert_eq!(built["state"], "built", "{built}");
    built["release"].as_u64().unwrap()
}

#[test]
fn a_release_that_does_not_go_live_cuts_no_call_of_the_one_that_is() {
    let shop = Shop::new();
    let app = shop.app();
    takes_its_time(&app);
    shop.push(&app);
    let row = |name: &str| json!({ "values": { "name": name } });
    shop.table("create", &row("First"));

    // It brings the tables to what it declares, which is less to search, and then is not what it was built as.
    let lib = app.join("src/lib.rs");
    change(&lib, ", search = [name], sort = [\"due\"]", "");
    let other = ".title(if std::path::Path::new(\"/data/app.db\").exists() { \"Other\" } else { \"Same\" })";
    change(&lib, ".title(\"Todo\")", other);
    assert_eq!(build(&shop, &app), 2);

    let mut long = Long::begin(&shop, Duration::from_secs(6));
    let refused = shop.refused("publish", &json!({ "release": 2 }), Code::Unavailable);
    assert!(refused["message"].as_str().unwrap().contains("something else"), "{refused}");
    // Whoever calls now finds the tables as the live release has them, in a process of its own.
    shop.table("create", &row("Second"));
    assert_eq!(shop.table("search", &json!({ "q": "seco", "count": true }))["count"], 1);
    long.runs();
    assert_eq!(states(&shop), [(1, "live".to_owned()), (2, "failed".to_owned())]);
    long.ends_well();
    assert_eq!(shop.table("search", &json!({ "q": "takes", "count": true }))["count"], 1);

    // Of two that are published at the same time one goes live, and the other one hears of it.
    change(&lib, other, ".title(\"Todo\")");
    let slow = "fn main() -> ExitCode {\n    if std::path::Path::new(\"/data/app.db\").exists() {\n        \
                std::thread::sleep(std::time::Duration::from_secs(2));\n    }";
    change(&app.join("src/main.rs"), "fn main() -> ExitCode {", slow);
    assert_eq!((build(&shop, &app), shop.call("build", &json!({}))["release"].clone()), (3, json!(4)));
    let publish = |release: u32| {
        let input = json!({ "release": release }).to_string();
        shop.machine.run(&["call", PATH, "publish", &input, "--json"])
    };
    let ended = std::thread::scope(|scope| {
        let both = [3, 4].map(|release| scope.spawn(move || publish(release)));
        both.map(|one| one.join().unwrap())
    });
    let won = ended.iter().position(|output| output.status.success()).unwrap();
    check_exit(&ended[1 - won], Code::Conflict);
    let said: Value = serde_json::from_slice(&ended[1 - won].stderr).unwrap();
    assert_eq!(said["code"], "conflict", "{said}");
    let (winner, loser) = (3 + won as u64, 4 - won as u64);
    assert_eq!(shop.call("list_releases", &json!({}))["live"], winner);
    assert_eq!((state_of(&shop, winner), state_of(&shop, loser)), ("live".to_owned(), "built".to_owned()));
    assert_eq!(shop.table("search", &json!({ "count": true }))["count"], 3);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
fn a_release_drains_until_its_last_calls_have_ended_or_the_limit_has_come() {
    let shop = Shop::with("[runtime]\ndrain_ms = 8000\n");
    let app = shop.app();
    takes_its_time(&app);
    shop.push(&app);
    change(&app.join("src/lib.rs"), "title = \"Tasks\"", "title = \"Things to do\"");
    assert_eq!(build(&shop, &app), 2);
    let mut first = Long::begin(&shop, Duration::from_secs(6));
    shop.call("publish", &json!({ "release": 2 }));
    assert_eq!(states(&shop), [(1, "draining".to_owned()), (2, "live".to_owned())]);
    first.runs();

    // It comes back and goes again while its first process drains: it has drained when the second one has, too.
    shop.call("publish", &json!({ "release": 1 }));
    let mut second = Long::begin(&shop, Duration::from_secs(9));
    shop.call("publish", &json!({ "release": 2 }));
    assert_eq!(states(&shop), [(1, "draining".to_owned()), (2, "live".to_owned())]);
    first.ends_well();
    let looked = Instant::now();
    while looked.elapsed() < Duration::from_secs(1) {
        assert_eq!(state_of(&shop, 1), "draining");
    }
    second.runs();
    second.ends_well();
    until("a release whose calls have ended drains on", || state_of(&shop, 1) == "retired");

    // A call that takes longer than the limit is cut off, and has done nothing.
    let endless = Long::begin(&shop, Duration::from_secs(120));
    let began = Instant::now();
    shop.call("publish", &json!({ "release": 1 }));
    let output = endless.end();
    assert!(!output.status.success(), "{output:?}");
    let taken = began.elapsed();
    // Its outcome is asked for then, which takes a while where much goes on.
    assert!((Duration::from_secs(8)..Duration::from_secs(60)).contains(&taken), "{taken:?}");
    let open = json!({ "filter": { "eq": ["state", "open"] }, "count": true });
    assert_eq!(shop.table("search", &open)["count"], 1);
    until("a release whose calls were cut off drains on", || state_of(&shop, 2) == "retired");
}

/// Changes what a release declares, as nothing but a hostile hand could.
fn declares(shop: &Shop, release: u32, change: impl Fn(&str) -> String) {
    let options = DbOptions::new(format!("sqlite:{}", state(shop).join("platform.db").display()));
    Runtime::new().unwrap().block_on(async {
        let db = Db::open(&options).await.unwrap();
        let of = "WHERE number = ?";
        let row = db
            .fetch_one(format!("SELECT manifest FROM app_release {of}"), params![i64::from(release)])
            .await
            .unwrap();
        let manifest = change(row.text("manifest").unwrap());
        let sql = format!("UPDATE app_release SET manifest = ? {of}");
        assert_eq!(db.execute(sql, params![manifest, i64::from(release)]).await.unwrap(), 1);
        db.close().await;
    });
}

#[test]
fn what_a_workspace_cannot_have_is_not_started_on_its_rows() {
    let mut shop = Shop::new();
    let app = shop.app();
    shop.push(&app);
    let lib = app.join("src/lib.rs");
    change(&lib, "title = \"Tasks\"", "title = \"Things to do\"");
    assert_eq!(build(&shop, &app), 2);

    // A program with more than a workspace has is no release.
    let text = fs::read_to_string(&lib).unwrap();
    let many = ".title(\"Todo\");\n    let app = (0..2600).fold(app, |app, at| app.docs(&format!(\"d{at}\"), \"D\", \"D\"));\n    app";
    let declared = text.replace("    App::new(", "    let app = App::new(").replace(".title(\"Todo\")", many);
    fs::write(&lib, declared).unwrap();
    shop.machine.json(&["workspace", "push", app.to_str().unwrap(), PATH, "--no-build"]);
    let built = shop.call("build", &json!({}));
    assert!(
        built["state"] == "failed" && built["error"].as_str().unwrap().contains("2500 is the most"),
        "{built}"
    );

    shop.machine.json(&["down"]);
    declares(&shop, 2, |manifest| manifest.replace("\"task.table\"", "\"../other/task.table\""));
    shop.server = shop.machine.start(&["serve"]).0;
    let refused = shop.refused("publish", &json!({ "release": 2 }), Code::InvalidInput);
    assert!(refused["message"].as_str().unwrap().contains("../other/task.table"), "{refused}");
    assert_eq!((state_of(&shop, 1), state_of(&shop, 2)), ("live".to_owned(), "built".to_owned()));
    let of_it = shop.call("read_logs", &json!({ "release": 2, "text": "The app is started." }));
    assert_eq!(of_it["lines"], json!([]), "{of_it}");
}
