//! Calls that run on, are followed, cancelled and taken back; and how much is recorded of those that only read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kageos_core::clock::ManualClock;
use kageos_core::entropy::SeededEntropy;
use kageos_core::host::{HostCall, HostError, HostReply, Progress, Receipt};
use kageos_core::manifest::SCHEMA_VERSION;
use kageos_core::platform::dispatcher::{CallState, Started};
use kageos_core::platform::files::{FileOptions, Objects};
use kageos_core::platform::identity::{NewUser, UserKind};
use kageos_core::platform::oplog::{Activity, ActivityQuery, Status};
use kageos_core::platform::{Platform, PlatformOptions};
use kageos_core::sql::{Db, testing};
use kageos_core::{
    ActionName, ActionSchema, Actor, Audit, Call, CallId, Code, Dispatch, Effect, Effects, Env, Error,
    FunctionEntry, FunctionSchema, Host, Kind, Manifest, Reply, Result, Right, Source, SourceKind,
};
use serde_json::{Value, json, value::to_raw_value};

use crate::support::{HeadsFile, call, log_key, start};

const WORKSPACE: &str = "/demo/shop";
const PATH: &str = "/demo/shop/job.form";

/// Works as long as it is told to.
#[derive(Debug, Default)]
struct Worker {
    dropped: Arc<AtomicUsize>,
}

/// Counts when what holds it ends before its time.
struct Counts(Arc<AtomicUsize>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Host for Worker {
    fn manifest(&self) -> Arc<Manifest> {
        let action = |name: &str, effects, audit| ActionSchema {
            name: ActionName::new(name).unwrap(),
            title: name.to_owned(),
            right: Right::Run,
            effect: Effect { timeout_ms: 60_000, audit, ..Effect::of(effects) },
            input: json!({ "type": "object", "properties": {
                "how": { "type": "string" },
                "secret": { "type": "string", "x-kageos": { "sensitive": true } },
            } }),
            output: json!({}),
        };
        let updates = Effects { updates: true, ..Effects::default() };
        let schema = FunctionSchema {
            kind: Kind::Form,
            title: "Job".to_owned(),
            description: String::new(),
            tags: Vec::new(),
            actions: vec![
                action("submit", updates, Audit::Summary),
                action("look", Effects::READS, Audit::Summary),
                action("glance", Effects::READS, Audit::None),
                action("study", Effects::READS, Audit::Full),
            ],
            table: None,
        };
        Arc::new(Manifest {
            schema_version: SCHEMA_VERSION,
            app: "work".to_owned(),
            title: "Work".to_owned(),
            description: String::new(),
            directories: Vec::new(),
            functions: vec![FunctionEntry { path: "job.form".to_owned(), schema }],
            egress: kageos_core::Egress::default(),
        })
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        let input: Value = serde_json::from_slice(&call.input).unwrap();
        call.control.report(Progress { done: 1, total: Some(2), message: "half".to_owned() });
        let counts = Counts(Arc::clone(&self.dropped));
        match input["how"].as_str().unwrap_or_default() {
            "late_fail" => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                return Err(Error::field("/how", "no", "Not today.").into());
            }
            "fail" => return Err(Error::field("/how", "no", "Not today.").into()),
            "stubborn" => std::future::pending().await,
            "polite" => {
                while !call.control.is_cancelled() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                return Err(Error::of(Code::Cancelled).into());
            }
            "brief" => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => {}
        }
        std::mem::forget(counts);
        let output = to_raw_value(&json!({ "done": true })).unwrap().into();
        Ok(HostReply::read(output))
    }

    async fn receipt(&self, _: CallId) -> Result<Option<Receipt>> {
        Ok(None)
    }
}

struct World {
    platform: Platform,
    worker: Arc<Worker>,
    env: Env,
    clock: Arc<ManualClock>,
    ada: Actor,
    _heads: HeadsFile,
}

impl World {
    async fn new(db: &Db, seed: u64, audit: Audit) -> Self {
        let clock = Arc::new(ManualClock::at(start()));
        let env =
            Env { clock: Arc::<ManualClock>::clone(&clock), entropy: Arc::new(SeededEntropy::new(seed)) };
        let heads = HeadsFile::new(&env);
        let files = FileOptions::at(Objects::memory());
        let options = PlatformOptions { audit, ..PlatformOptions::new(log_key(), heads.0.clone(), files) };
        let platform = Platform::open(db.clone(), env.clone(), options).await.unwrap();
        let worker = Arc::new(Worker::default());
        let ada = account(&platform, "ada").await;
        let host = Arc::clone(&worker) as Arc<dyn Host>;
        platform.mount(&WORKSPACE.parse().unwrap(), ada.id.unwrap(), host).await.unwrap();
        Self { platform, worker, env, clock, ada, _heads: heads }
    }

    fn call(&self, path: &str, action: &str, input: Value) -> Call {
        Call { actor: self.ada.clone(), ..call(&self.env, path, action, input) }
    }

    async fn dispatch(&self, path: &str, action: &str, input: Value) -> Result<Reply> {
        self.platform.dispatcher().dispatch(self.call(path, action, input)).await
    }

    async fn start(&self, how: &str, wait: Duration) -> Result<Started> {
        let call = self.call(PATH, "submit", json!({ "how": how }));
        self.platform.dispatcher().start(call, wait).await
    }

    /// Starts a call that runs on.
    async fn running(&self, how: &str) -> CallId {
        match self.start(how, Duration::ZERO).await.unwrap() {
            Started::Running(state) => state.call,
            Started::Ended(reply) => panic!("{reply:?}"),
        }
    }

    async fn state(&self, call: CallId) -> CallState {
        self.platform.dispatcher().state(&self.ada, call).await.unwrap()
    }

    /// The state of a call once it has ended.
    async fn end(&self, call: CallId) -> CallState {
        loop {
            let state = self.state(call).await;
            if state.status != Status::Pending {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn cancel(&self, actor: &Actor, named: CallId) -> Result<Reply> {
        let call = Call { actor: actor.clone(), ..self.call(PATH, "cancel", json!({ "call": named })) };
        self.platform.dispatcher().dispatch(call).await
    }

    async fn undo(&self, named: CallId) -> Result<Reply> {
        let path = self.platform.dispatcher().path_of(&self.ada, named).await?;
        self.dispatch(path.as_str(), "undo", json!({ "call": named })).await
    }

    async fn activity(&self) -> Vec<Activity> {
        let query = ActivityQuery { path: WORKSPACE.parse().unwrap(), limit: 500, next: None };
        self.platform.log().activity(&query).await.unwrap().0
    }
}

async fn account(platform: &Platform, login: &str) -> Actor {
    let (login, name) = (login.to_owned(), login.to_owned());
    let (email, namespace, password) = (None, None, None);
    let new = NewUser { login, name, email, kind: UserKind::Service, namespace, admin: false, password };
    platform.identity().create_user(new).await.unwrap().actor()
}

async fn each_engine(test: impl AsyncFn(World)) {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        test(World::new(&db, seed as u64 + 300, Audit::None).await).await;
    }
}

#[tokio::test]
async fn a_call_that_ends_in_time_is_answered_as_ever() {
    each_engine(async |world| {
        let Started::Ended(reply) = world.start("", Duration::from_secs(30)).await.unwrap() else {
            panic!("it runs on")
        };
        assert_eq!(reply.output.get(), r#"{"done":true}"#);
        let failed = world.start("fail", Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(failed.fields[0].pointer, "/how");
        let refused = world.call(PATH, "submit", json!({ "how": 1 }));
        let refused = world.platform.dispatcher().start(refused, Duration::ZERO).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidInput);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_runs_on_tells_how_far_it_is_and_what_it_gave() {
    each_engine(async |world| {
        let call = world.running("brief").await;
        let state = world.state(call).await;
        assert_eq!((state.status, state.path.as_str()), (Status::Pending, PATH));
        let mut state = world.state(call).await;
        while state.progress.is_none() && state.status == Status::Pending {
            state = world.state(call).await;
        }
        assert_eq!(state.progress.unwrap(), Progress { done: 1, total: Some(2), message: "half".to_owned() });
        let ended = world.end(call).await;
        assert_eq!((ended.status, ended.progress), (Status::Ok, None));
        assert_eq!(ended.reply.unwrap().output.get(), r#"{"done":true}"#);
        let failed = world.running("late_fail").await;
        let failed = world.end(failed).await;
        assert_eq!(failed.error.unwrap(), Error::field("/how", "no", "Not today."));
    })
    .await;
}

#[tokio::test]
async fn a_read_can_run_on_too() {
    each_engine(async |world| {
        let call = world.call(PATH, "look", json!({ "how": "brief" }));
        let started = world.platform.dispatcher().start(call, Duration::ZERO).await.unwrap();
        let Started::Running(state) = started else { panic!("it has ended") };
        let ended = world.end(state.call).await;
        assert_eq!((ended.status, ended.reply.is_some()), (Status::Ok, true));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_told_to_end_ends_in_its_own_way_or_by_force() {
    each_engine(async |world| {
        for how in ["polite", "stubborn"] {
            let before = world.worker.dropped.load(Ordering::SeqCst);
            let call = world.running(how).await;
            world.cancel(&world.ada, call).await.unwrap();
            let ended = world.end(call).await;
            assert_eq!(ended.error.map(|error| error.code), Some(Code::Cancelled), "{how}");
            assert_eq!(world.worker.dropped.load(Ordering::SeqCst), before + 1, "{how} still runs");
            let again = world.cancel(&world.ada, call).await.unwrap_err();
            assert_eq!(again.code, Code::Conflict);
        }
        let record = world.activity().await;
        let cancels = record.iter().filter(|entry| entry.action == ActionName::CANCEL);
        assert_eq!(cancels.filter(|entry| entry.input.is_some()).count(), 4, "{record:?}");
    })
    .await;
}

#[tokio::test]
async fn only_who_called_and_admins_follow_a_call() {
    each_engine(async |world| {
        let stranger = account(&world.platform, "eve").await;
        let reader = account(&world.platform, "rob").await;
        let grant =
            |actor: &Actor, role| json!({ "subject": { "kind": "user", "id": actor.id }, "role": role });
        world.dispatch(WORKSPACE, "grant", grant(&reader, "member")).await.unwrap();
        let boss = account(&world.platform, "boss").await;
        world.dispatch(WORKSPACE, "grant", grant(&boss, "admin")).await.unwrap();
        let call = world.running("polite").await;
        let dispatcher = world.platform.dispatcher();
        for other in [&stranger, &reader, &Actor::anonymous()] {
            assert_eq!(dispatcher.state(other, call).await.unwrap_err().code, Code::NotFound);
            assert_eq!(world.cancel(other, call).await.unwrap_err().code, Code::NotFound);
        }
        assert_eq!(dispatcher.state(&boss, call).await.unwrap().status, Status::Pending);
        world.cancel(&boss, call).await.unwrap();
        assert_eq!(world.end(call).await.error.unwrap().code, Code::Cancelled);
        // What it gave is for who called.
        let call = world.running("brief").await;
        assert!(world.end(call).await.reply.is_some());
        assert!(dispatcher.state(&boss, call).await.unwrap().reply.is_none());
    })
    .await;
}

#[tokio::test]
async fn of_reads_as_much_is_recorded_as_was_said() {
    for (floor, expected) in [(Audit::None, [0, 1, 1, 2]), (Audit::Full, [2, 2, 2, 2])] {
        let db = testing::sqlite().await.unwrap();
        let world = World::new(&db.db(), 400, floor).await;
        // 0 for no record, 1 for one without and 2 for one with its input.
        let asked = async |action: &str, kind: SourceKind, how: &str| {
            let input = json!({ "how": how, "secret": "hunter2" });
            let call = Call { source: Source::of(kind), ..world.call(PATH, action, input) };
            let id = call.id;
            let _ = world.platform.dispatcher().dispatch(call).await;
            let record = world.activity().await;
            let found = record.iter().find(|entry| entry.call == id);
            assert!(found.is_none_or(|entry| !format!("{:?}", entry.input).contains("hunter2")));
            found.map_or(0, |entry| 1 + u8::from(entry.input.is_some()))
        };
        let levels = [
            asked("glance", SourceKind::Web, "").await,
            asked("glance", SourceKind::Agent, "").await,
            asked("look", SourceKind::Web, "").await,
            asked("study", SourceKind::Web, "").await,
        ];
        assert_eq!(levels, expected, "{floor:?}");
        assert!(asked("glance", SourceKind::Web, "fail").await > 0, "a failure is always recorded");
    }
}

#[tokio::test]
async fn changes_of_the_tree_are_taken_back() {
    each_engine(async |world| {
        let tree = || world.platform.tree().snapshot();
        let is = |path: &str| tree().get(&path.parse().unwrap()).is_some();
        let act = async |path: &str, action: &str, input: Value| {
            world.clock.advance(Duration::from_secs(1));
            world.dispatch(path, action, input).await.unwrap().call
        };
        let made = act(WORKSPACE, "create_directory", json!({ "code": "a", "title": "A" })).await;
        let below = act("/demo/shop/a", "create_directory", json!({ "code": "b", "title": "B" })).await;
        // With something new in it, it is not what was made.
        assert_eq!(world.undo(made).await.unwrap_err().code, Code::UndoConflict);
        let renamed = act("/demo/shop/a/b", "rename", json!({ "code": "c" })).await;
        assert_eq!(world.undo(below).await.unwrap_err().code, Code::UndoConflict);
        world.undo(renamed).await.unwrap();
        assert!(is("/demo/shop/a/b") && !is("/demo/shop/a/c"));
        let moved = act("/demo/shop/a/b", "move", json!({ "to": WORKSPACE })).await;
        assert!(is("/demo/shop/b"));
        let back = world.undo(moved).await.unwrap().call;
        assert!(is("/demo/shop/a/b"));
        // An undo is a call that can itself be undone.
        world.clock.advance(Duration::from_secs(1));
        world.undo(back).await.unwrap();
        assert!(is("/demo/shop/b"));
        let told = json!({ "title": "New", "tags": ["x"] });
        let described = act("/demo/shop/b", "describe", told).await;
        world.undo(described).await.unwrap();
        let node = tree().get(&"/demo/shop/b".parse().unwrap()).cloned().unwrap();
        assert_eq!((node.title.as_str(), node.tags.len()), ("B", 0));
        let deleted = act("/demo/shop/b", "delete", json!({})).await;
        world.undo(deleted).await.unwrap();
        assert!(is("/demo/shop/b"));
        let deleted = act("/demo/shop/b", "delete", json!({})).await;
        let other = act(WORKSPACE, "create_directory", json!({ "code": "b", "title": "Other" })).await;
        assert_eq!(world.undo(deleted).await.unwrap_err().code, Code::Conflict);
        world.undo(other).await.unwrap();
        // Now what was deleted last under this code is another one.
        assert_eq!(world.undo(deleted).await.unwrap_err().code, Code::UndoConflict);
        let subject = json!({ "kind": "everyone" });
        let granted = act(WORKSPACE, "grant", json!({ "subject": subject, "role": "viewer" })).await;
        assert_eq!(world.undo(granted).await.unwrap_err().code, Code::UndoUnsupported);
    })
    .await;
}

#[tokio::test]
async fn only_what_took_effect_and_is_known_is_taken_back() {
    each_engine(async |world| {
        let unknown = world.dispatch(PATH, "undo", json!({ "call": CallId::new(&world.env) })).await;
        assert_eq!(unknown.unwrap_err().fields[0].pointer, "/call");
        let call = world.running("polite").await;
        assert_eq!(world.undo(call).await.unwrap_err().code, Code::InProgress);
        world.cancel(&world.ada, call).await.unwrap();
        world.end(call).await;
        assert_eq!(world.undo(call).await.unwrap_err().code, Code::UndoUnsupported);
        // It changed something, but its host gave no receipt.
        let done = world.dispatch(PATH, "submit", json!({})).await.unwrap().call;
        world.platform.log().flush().await.unwrap();
        assert_eq!(world.undo(done).await.unwrap_err().code, Code::UndoUnsupported);
        // The call is not one of this path.
        let elsewhere = world.dispatch(WORKSPACE, "undo", json!({ "call": done })).await;
        assert_eq!(elsewhere.unwrap_err().fields[0].code, "not_found");
        let eve = account(&world.platform, "eve").await;
        let hidden = world.platform.dispatcher().path_of(&eve, done).await.unwrap_err();
        assert_eq!(hidden.code, Code::NotFound);
    })
    .await;
}
