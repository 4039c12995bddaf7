//! What every host keeps, as tests that run on any: in this process, at the other end of a link, in a sandbox.
//!
//! ```
//! # use kageos_sdk::testkit::{Kit, conformance};
//! # #[tokio::main]
//! # async fn main() {
//! let app = conformance::app();
//! conformance::check(async || Kit::with(|setting| setting.in_process(&app)).await).await;
//! # }
//! ```

#![expect(clippy::expect_used, clippy::panic, reason = "tests fail by panics, and the app panics on purpose")]

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kageos_core::{
    CallControl, CallId, Code, Error, FileId, HostCall, HostError, HttpMethod, LogLevel, LogSource, Progress,
    Result, RowId, log,
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::Kit;
use crate::{App, Ctx, FileRef, Form, Object, Submit, Table};

/// How long a call takes that is to be late.
const LATE: Duration = Duration::from_millis(200);
/// After every moment of a test, by any clock.
const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// Longest wait for what comes soon, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the app reaches outside.
const SHOP: &str = "https://shop.example.com";
/// A script that uses all that it has.
const SCRIPT: &str = r#"
print(open("given.txt").read().upper())
with open("out/made.bin", "wb") as file:
    file.write(bytes(100_000))
open("out/empty", "w").close()
output = input["of"] + 1
"#;
/// Bytes of an input and an output that are large: many times what a stream holds.
const LARGE: usize = 3_000_000;

/// The app that the host under test runs.
#[must_use]
pub fn app() -> App {
    let app = App::new("conformance").table::<Item>().form::<Act>().form::<Outside>().form::<Shout>();
    app.reaches(SHOP)
}

/// Checks a host; `mount` gives a fresh one that runs [`app`], each time.
///
/// # Panics
/// When the host does not keep something.
pub async fn check(mount: impl AsyncFn() -> Result<Kit>) {
    let kit = async || mount().await.expect("the host is mounted");
    it_tells_what_the_app_declares(&kit().await);
    a_unit_is_applied_once_with_its_receipt(&kit().await).await;
    a_call_that_was_given_up_is_not_applied_later(&kit().await).await;
    nothing_is_kept_of_a_call_that_fails(&kit().await).await;
    a_call_that_outlives_its_deadline_is_ended(&kit().await).await;
    what_acted_outside_is_never_called_undone(&kit().await).await;
    a_workspace_that_was_renamed_goes_on(&kit().await).await;
    a_function_calls_another_through_the_door(&kit().await).await;
    a_dry_run_shows_and_leaves_nothing(kit().await).await;
    a_caller_hears_how_far_it_has_come_and_can_stop_it(&kit().await).await;
    a_call_that_nobody_waits_for_ends(&kit().await).await;
    files_are_read_and_made(&kit().await).await;
    requests_go_outside_as_declared(&kit().await).await;
    scripts_run_with_what_they_are_given(&kit().await).await;
    what_is_large_comes_whole(&kit().await).await;
    calls_run_side_by_side(&kit().await).await;
    a_call_is_taken_back(&kit().await).await;
    what_it_logs_comes_with_its_call(&kit().await).await;
    it_counts_rows_and_forgets_receipts(&kit().await).await;
    what_is_not_there_is_told(&kit().await).await;
}

#[derive(Debug, Clone, PartialEq, Table)]
#[table(history, search = [name])]
struct Item {
    #[field(id)]
    id: RowId,
    name: String,
    count: i64,
}

fn item(ctx: &Ctx, name: &str) -> Item {
    Item { id: ctx.row_id(), name: name.to_owned(), count: 1 }
}

/// Makes a row and does what its field says.
#[derive(Debug, Form)]
#[form(effect(creates, updates))]
struct Act {
    #[field(max_len = 4_000_000)]
    what: String,
}

impl Submit for Act {
    type Output = String;

    async fn submit(self, ctx: &Ctx) -> Result<String> {
        let items = ctx.table::<Item>();
        let made = items.create(item(ctx, "first")).await?;
        match self.what.as_str() {
            "error" => Err(Error::field("/what", "told", "as told")),
            "panic" => panic!("on purpose"),
            "undeclared" => items.delete(made.id).await.map(|()| String::new()),
            "late" => std::future::pending().await,
            "nested" => {
                let input = json!({ "what": "own" });
                ctx.call("act.form", "submit", &input).await
            }
            "nobody" => ctx.call("none.form", "submit", &json!({})).await,
            "ask" => {
                let asked = ctx.http().get(format!("{SHOP}/stock")).query("of", "a b&c").header("X-Kind", 1);
                let answer = asked.send().await?;
                Ok(format!("{} {}", answer.status(), answer.json::<Value>()?["left"]))
            }
            "order undeclared" => order(ctx).await,
            "script" => {
                let script = ctx.python(SCRIPT).input(&json!({ "of": 20 })).file("given.txt", "é");
                let done = script.run().await?;
                let made: Vec<_> = done.files().iter().map(|file| (&file.name, file.bytes.len())).collect();
                Ok(format!("{} {:?} {made:?}", done.output::<i64>()?, done.text()))
            }
            "broken script" => ctx.python("print('so far')\n1 / 0").run().await.map(|_| String::new()),
            "script of a name" => ctx.python("").file("../a", "").run().await.map(|_| String::new()),
            "elsewhere" => ctx.http().get("https://other.example.com").send().await.map(|_| String::new()),
            "steps" => {
                for step in 0_u64.. {
                    ctx.step(step, Some(1_000_000), "on").await?;
                    sleep(Duration::from_millis(1)).await;
                }
                Ok(String::new())
            }
            "log" => {
                for step in 0..3 {
                    ctx.log().with("step", step).with("who", &ctx.actor().name).warn(format!("Step {step}"));
                }
                ctx.log().with("list", [1, 2]).info("x".repeat(20_000));
                Ok(String::new())
            }
            "own" => {
                items.update(made.id, |it| it.count += 1).await?;
                Ok(items.require(made.id).await?.count.to_string())
            }
            _ => Ok(self.what),
        }
    }
}

async fn order(ctx: &Ctx) -> Result<String> {
    let order = ctx.http().post(format!("{SHOP}/orders")).json(&json!({ "of": "tea" }));
    Ok(order.send().await?.status().to_string())
}

/// Acts outside.
#[derive(Debug, Form)]
#[form(effect(creates, external))]
struct Outside {
    what: String,
}

impl Submit for Outside {
    type Output = String;

    async fn submit(self, ctx: &Ctx) -> Result<String> {
        match self.what.as_str() {
            "error" => Err(Error::of(Code::Conflict)),
            "panic" => panic!("on purpose"),
            "late" => std::future::pending().await,
            "order" => order(ctx).await,
            _ => Ok(String::new()),
        }
    }
}

/// Reads a file and makes another one.
#[derive(Debug, Form)]
#[form(effect(creates))]
struct Shout {
    text: FileRef,
}

#[derive(Debug, PartialEq, Object)]
struct Shouted {
    made: FileRef,
}

impl Submit for Shout {
    type Output = Shouted;

    async fn submit(self, ctx: &Ctx) -> Result<Shouted> {
        let text = ctx.files().read(self.text, 1_000).await?;
        let info = ctx.files().info(self.text).await?;
        let loud = String::from_utf8_lossy(&text).to_uppercase();
        Ok(Shouted { made: ctx.files().write(format!("loud {}", info.name), "text/plain", loud).await? })
    }
}

fn call(kit: &Kit, path: &str, input: &Value) -> HostCall {
    kit.host_call(path, "submit", input).expect("a call")
}

fn act(kit: &Kit, what: &str) -> HostCall {
    call(kit, "act.form", &json!({ "what": what }))
}

async fn names(kit: &Kit) -> Vec<String> {
    let page = kit.call("item.table", "search", json!({ "limit": 500 })).await.expect("rows are read");
    let rows = page.output["rows"].as_array().expect("a page has rows").clone();
    rows.iter().map(|row| row["values"]["name"].as_str().unwrap_or_default().to_owned()).collect()
}

fn it_tells_what_the_app_declares(kit: &Kit) {
    let declared = app().manifest().expect("it is right");
    assert_eq!(*kit.host().manifest(), declared);
}

async fn a_unit_is_applied_once_with_its_receipt(kit: &Kit) {
    let call = act(kit, "own");
    let reply = kit.host().call(call.clone()).await.expect("it runs");
    assert_eq!((reply.output.get(), reply.changes.len()), (r#""2""#, 1));
    assert!(reply.receipt && reply.undoable);
    let receipt = kit.host().receipt(call.id).await.expect("receipts are read").expect("there is one");
    assert_eq!((receipt.call, &receipt.changes), (call.id, &reply.changes));
    assert_eq!(receipt.output.map(|output| output.get().to_owned()).as_deref(), Some(r#""2""#));
    let again = kit.host().call(call).await.expect_err("a call is applied once");
    assert!(matches!(&again, HostError::Refused(error) if error.code == Code::Conflict), "{again}");
    assert_eq!(names(kit).await, ["first"]);
}

async fn a_call_that_was_given_up_is_not_applied_later(kit: &Kit) {
    let late = act(kit, "own");
    assert!(kit.host().fence(late.id).await.expect("it is given up").is_none());
    assert!(kit.host().fence(late.id).await.expect("and again").is_none());
    assert!(kit.host().receipt(late.id).await.expect("receipts are read").is_none());
    let late = kit.host().call(late).await.expect_err("the place of its receipt is taken");
    assert!(matches!(&late, HostError::Refused(error) if error.code == Code::Conflict), "{late}");
    assert!(names(kit).await.is_empty());
    let applied = act(kit, "own");
    let id = applied.id;
    kit.host().call(applied).await.expect("it is applied");
    assert!(kit.host().fence(id).await.expect("it was applied").is_some());
}

async fn requests_go_outside_as_declared(kit: &Kit) {
    let stock = format!("{SHOP}/stock");
    kit.http().answer_json(HttpMethod::Get, &stock, 404, &json!({ "left": 7 }));
    kit.http().answer(HttpMethod::Post, &format!("{SHOP}/orders"), 201, "");
    let reply = kit.host().call(act(kit, "ask")).await.expect("it asks");
    assert_eq!(reply.output.get(), r#""404 7""#);
    for what in ["order undeclared", "elsewhere"] {
        let error = kit.host().call(act(kit, what)).await.expect_err(what).into_error();
        assert_eq!(error.code, Code::EgressDenied, "{what}: {error}");
    }
    let order = call(kit, "outside.form", &json!({ "what": "order" }));
    let only_shown = HostCall { dry_run: true, id: act(kit, "").id, ..order.clone() };
    let error = kit.host().call(only_shown).await.expect_err("it is not tried").into_error();
    assert_eq!(error.code, Code::DryRunUnsupported);
    let reply = kit.host().call(order).await.expect("it orders");
    assert_eq!(reply.output.get(), r#""201""#);
    let sent = kit.http().sent();
    let [asked, ordered] = sent.as_slice() else { panic!("two were sent: {sent:?}") };
    assert_eq!((asked.method, &asked.url), (HttpMethod::Get, &stock));
    assert_eq!(asked.query, [("of".to_owned(), "a b&c".to_owned())]);
    assert_eq!(asked.headers, [("x-kind".to_owned(), "1".to_owned())]);
    assert_eq!((ordered.method, ordered.body.as_slice()), (HttpMethod::Post, r#"{"of":"tea"}"#.as_bytes()));
}

/// Where this machine has a Python.
async fn scripts_run_with_what_they_are_given(kit: &Kit) {
    if std::process::Command::new("python3").arg("-V").output().is_err() {
        return;
    }
    let ran = kit.host().call(act(kit, "script")).await;
    let given: String = serde_json::from_str(ran.expect("it runs").output.get()).expect("a text");
    assert_eq!(given, r#"21 "É\n" [("empty", 0), ("made.bin", 100000)]"#);
    let error = kit.host().call(act(kit, "broken script")).await.expect_err("it fails").into_error();
    assert_eq!(error.code, Code::ScriptFailed);
    assert_eq!(error.message, "The script failed: ZeroDivisionError: division by zero (line 2)");
    let error = kit.host().call(act(kit, "script of a name")).await.expect_err("it is refused").into_error();
    assert_eq!((error.code, error.fields[0].pointer.as_str()), (Code::InvalidInput, "/files/0/name"));
}

async fn nothing_is_kept_of_a_call_that_fails(kit: &Kit) {
    for (what, code) in
        [("error", Code::InvalidInput), ("panic", Code::Internal), ("undeclared", Code::Internal)]
    {
        let error = kit.host().call(act(kit, what)).await.expect_err(what);
        assert!(matches!(&error, HostError::Refused(error) if error.code == code), "{what}: {error:?}");
        if what == "error" {
            let told = error.into_error();
            assert_eq!((told.fields[0].pointer.as_str(), &*told.fields[0].code), ("/what", "told"));
        }
    }
    assert!(names(kit).await.is_empty());
    kit.host().call(act(kit, "")).await.expect("the host still runs");
}

async fn a_call_that_outlives_its_deadline_is_ended(kit: &Kit) {
    let late = HostCall { deadline: kit.platform().env().now().plus(LATE), ..act(kit, "late") };
    let error = timeout(PATIENCE, kit.host().call(late)).await.expect("it ends").expect_err("late");
    assert!(matches!(&error, HostError::Refused(error) if error.code == Code::DeadlineExceeded), "{error:?}");
    let over = HostCall { deadline: kit.platform().env().now(), ..act(kit, "own") };
    let error = kit.host().call(over).await.expect_err("it does not begin");
    assert!(matches!(&error, HostError::Refused(error) if error.code == Code::DeadlineExceeded), "{error:?}");
    assert!(names(kit).await.is_empty());
}

async fn what_acted_outside_is_never_called_undone(kit: &Kit) {
    for what in ["error", "panic", "late"] {
        let acting = call(kit, "outside.form", &json!({ "what": what }));
        let acting = HostCall { deadline: kit.platform().env().now().plus(LATE), ..acting };
        let error = timeout(PATIENCE, kit.host().call(acting)).await.expect("it ends").expect_err(what);
        assert!(matches!(error, HostError::Ended(_)), "{what}: {error:?}");
    }
}

async fn a_workspace_that_was_renamed_goes_on(kit: &Kit) {
    let path = "/test/renamed/act.form";
    let moved = HostCall { path: path.parse().expect("a path"), ..act(kit, "own") };
    let reply = kit.host().call(moved).await.expect("it runs");
    assert_eq!(reply.changes[0].path.to_string(), "/test/renamed/item.table");
    // A call to another function goes where the workspace is now; the tree of this kit has no such place.
    let moved = HostCall { path: path.parse().expect("a path"), ..act(kit, "nested") };
    let error = kit.host().call(moved).await.expect_err("nothing is there");
    assert!(matches!(&error, HostError::Refused(error) if error.code == Code::NotFound), "{error:?}");
}

async fn a_function_calls_another_through_the_door(kit: &Kit) {
    let given = kit.call("act.form", "submit", json!({ "what": "nested" })).await.expect("it runs");
    assert_eq!(given.output, json!("2"));
    assert_eq!(names(kit).await, ["first", "first"]);
    let log = kit.activity().await.expect("the log is read");
    let nested = log.iter().find(|entry| entry.source.reference.is_some()).expect("a call of the app");
    assert_eq!(nested.source.reference, Some(given.call.to_string()));
    assert_eq!((nested.actor.id, &*nested.actor.name), (kit.actor().id, "ada"));
    let error = kit.call("act.form", "submit", json!({ "what": "nobody" })).await.expect_err("nothing there");
    assert_eq!(error.code, Code::NotFound);
}

async fn a_dry_run_shows_and_leaves_nothing(kit: Kit) {
    let kit = kit.dry_run(true);
    let shown = kit.call("act.form", "submit", json!({ "what": "nested" })).await.expect("it can be tried");
    assert_eq!((&shown.output, shown.changes.len(), shown.undoable), (&json!("2"), 1, false));
    assert!(names(&kit).await.is_empty());
}

/// Keeps what is reported, and wants no more when it was told so.
#[derive(Debug, Default)]
struct Caller {
    heard: Mutex<Vec<Progress>>,
    gone: AtomicBool,
}

impl CallControl for Caller {
    fn report(&self, progress: Progress) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(progress);
        self.gone.store(true, Ordering::SeqCst);
    }

    fn is_cancelled(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }
}

async fn a_caller_hears_how_far_it_has_come_and_can_stop_it(kit: &Kit) {
    let caller = Arc::new(Caller::default());
    let control: Arc<dyn CallControl> = Arc::<Caller>::clone(&caller);
    let long = HostCall { control, ..act(kit, "steps") };
    let error = timeout(PATIENCE, kit.host().call(long)).await.expect("it stops").expect_err("stopped");
    assert!(matches!(&error, HostError::Refused(error) if error.code == Code::Cancelled), "{error:?}");
    let heard = caller.heard.lock().unwrap_or_else(PoisonError::into_inner)[0].clone();
    assert_eq!((heard.total, heard.message.as_str()), (Some(1_000_000), "on"));
    assert!(names(kit).await.is_empty());
}

async fn a_call_that_nobody_waits_for_ends(kit: &Kit) {
    let dropped = act(kit, "late");
    let id = dropped.id;
    let _ = timeout(LATE, kit.host().call(dropped)).await.expect_err("it would never end");
    assert!(kit.host().fence(id).await.expect("it is given up").is_none());
    kit.host().call(act(kit, "own")).await.expect("the host still runs");
    assert_eq!(names(kit).await, ["first"]);
}

async fn files_are_read_and_made(kit: &Kit) {
    let file = kit.upload("shout.form", "a.txt", "text/plain", b"hello").await.expect("brought");
    let given = kit.call("shout.form", "submit", json!({ "text": file.id })).await.expect("it runs");
    let made: FileId = given.output["made"].as_str().and_then(|id| id.parse().ok()).expect("a file");
    let content = kit.platform().files().content(made).await.expect("it is there");
    assert_eq!(content.size(), 5);
    // Whose file it is not, and what is no call of the app's.
    let strange = CallId::new(kit.platform().env()).to_string();
    let error = kit.call("shout.form", "submit", json!({ "text": strange })).await.expect_err("no such file");
    assert_eq!(error.code, Code::InvalidInput);
}

async fn what_is_large_comes_whole(kit: &Kit) {
    let text = "é".repeat(LARGE / 2);
    let given = kit.call("act.form", "submit", json!({ "what": text })).await.expect("it runs");
    assert!(
        given.output == json!(text),
        "another text of {} bytes came back",
        given.output.to_string().len()
    );
}

async fn calls_run_side_by_side(kit: &Kit) {
    let mut running = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (host, call) = (Arc::clone(kit.host()), act(kit, &number.to_string()));
        running.spawn(async move { (number, host.call(call).await) });
    }
    while let Some(ended) = running.join_next().await {
        let (number, reply) = ended.expect("no panic");
        assert_eq!(reply.expect("it runs").output.get(), format!("\"{number}\""));
    }
    assert_eq!(names(kit).await.len(), 50);
}

async fn a_call_is_taken_back(kit: &Kit) {
    let values = json!({ "values": { "name": "Ada", "count": "1" } });
    let made = kit.call("item.table", "create", values).await.expect("made");
    assert!(made.undoable);
    kit.undo(made.call).await.expect("taken back");
    assert!(names(kit).await.is_empty());
}

async fn what_it_logs_comes_with_its_call(kit: &Kit) {
    let logs = kit.call("act.form", "submit", json!({ "what": "log" })).await;
    let call = logs.expect("it logs").call;
    // What it tells comes before the reply.
    let mut lines = kit.logs();
    // What is said of a process stands there too.
    lines.retain(|line| line.source == LogSource::App);
    assert!(lines.iter().all(|line| line.call.as_ref().is_some_and(|of| of.id == call)), "{lines:?}");
    assert!(
        lines.iter().all(|line| line.call.as_ref().is_some_and(|of| of.path.as_str().ends_with("/act.form")))
    );
    let told: Vec<_> = lines.iter().map(|line| (line.entry.level, line.entry.message.len())).collect();
    let warn = (LogLevel::Warn, 6);
    assert_eq!(told, [warn, warn, warn, (LogLevel::Info, log::MAX_MESSAGE + log::CUT.len())]);
    assert_eq!(Value::Object(lines[1].entry.fields.clone()), json!({ "step": 1, "who": "ada" }));
    assert_eq!(lines[3].entry.fields["list"], json!("[1,2]"));
}

async fn it_counts_rows_and_forgets_receipts(kit: &Kit) {
    let first = act(kit, "own");
    let id = first.id;
    kit.host().call(first).await.expect("it runs");
    assert_eq!(kit.host().row_count("item.table", 10).await.expect("counted"), Some(1));
    // Another process has a clock of its own.
    let before = kit.platform().env().now().plus(YEARS);
    assert_eq!(kit.host().forget_receipts(before).await.expect("forgotten"), 1);
    assert!(kit.host().receipt(id).await.expect("receipts are read").is_none());
}

async fn what_is_not_there_is_told(kit: &Kit) {
    for (path, action, code) in
        [("none.form", "submit", Code::NotFound), ("act.form", "run", Code::UnknownAction)]
    {
        let call = kit.host_call(path, action, &json!({})).expect("a call");
        let error = kit.host().call(call).await.expect_err(path).into_error();
        assert_eq!(error.code, code, "{path} {action}");
    }
    let nobody = CallId::new(kit.platform().env());
    assert!(kit.host().receipt(nobody).await.expect("receipts are read").is_none());
}
