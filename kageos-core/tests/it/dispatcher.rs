//! The one door, with a host of its own that keeps notes in a database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kageos_core::host::{HostCall, HostError, HostReply, Receipt};
use kageos_core::manifest::SCHEMA_VERSION;
use kageos_core::platform::files::{FileOptions, Objects};
use kageos_core::platform::identity::{NewUser, Secret, UserKind};
use kageos_core::platform::oplog::{ActivityQuery, Status, hash_payload, read_heads, verify};
use kageos_core::platform::{Platform, PlatformOptions};
use kageos_core::sql::{Db, SqlError, params, testing};
use kageos_core::{
    ActionName, ActionSchema, Actor, Call, CallId, Change, ChangeOp, Code, Dispatch, Effect, Effects, Env,
    Error, FunctionEntry, FunctionSchema, Host, Kind, Manifest, Reply, Right, UserId,
};
use serde_json::{Value, json};

use crate::support::{HeadsFile, call, env, log_key};

const PATH: &str = "/demo/notes/note.table";

/// Keeps notes, and can be told to lose its answer after the commit or to be out of reach.
#[derive(Debug)]
struct Notes {
    db: Db,
    lose_reply: AtomicBool,
    out_of_reach: AtomicBool,
    lost: AtomicBool,
    ends: AtomicBool,
    sealed: AtomicBool,
}

enum Stop {
    DryRun,
    Sql(SqlError),
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl Notes {
    async fn open(db: Db) -> Arc<Self> {
        for sql in [
            "CREATE TABLE IF NOT EXISTS note (text VARCHAR(100))",
            "CREATE TABLE IF NOT EXISTS note_receipt (id VARCHAR(26) PRIMARY KEY)",
        ] {
            db.execute(sql, params![]).await.unwrap();
        }
        Arc::new(Self {
            db,
            lose_reply: AtomicBool::default(),
            out_of_reach: AtomicBool::default(),
            lost: AtomicBool::default(),
            ends: AtomicBool::default(),
            sealed: AtomicBool::default(),
        })
    }

    async fn count(&self) -> i64 {
        let row = self.db.fetch_one("SELECT COUNT(*) AS n FROM note", params![]).await.unwrap();
        row.int("n").unwrap()
    }

    async fn create(&self, call: &HostCall, text: &str) -> Result<HostReply, HostError> {
        let work = (call.id.to_string(), text.to_owned(), call.dry_run);
        let done = self.db.write_with(work, |(id, text, dry_run), tx| {
            Box::pin(async move {
                tx.execute("INSERT INTO note (text) VALUES (?)", params![text]).await?;
                tx.execute("INSERT INTO note_receipt (id) VALUES (?)", params![id]).await?;
                if *dry_run { Err(Stop::DryRun) } else { Ok(()) }
            })
        });
        match done.await {
            Ok(()) | Err(Stop::DryRun) => {}
            Err(Stop::Sql(error)) => return Err(HostError::Refused(error.into())),
        }
        if self.lose_reply.load(Ordering::SeqCst) {
            let error = Error::of(Code::Unavailable);
            let ends = self.ends.load(Ordering::SeqCst);
            return Err(if ends { HostError::Ended(error) } else { HostError::CutOff(error) });
        }
        let changes = vec![Change {
            path: call.path.clone(),
            row: Some("1".to_owned()),
            version: None,
            op: ChangeOp::Create,
            old: None,
            new: Some(json!({ "text": text, "secret": "hunter2" })),
        }];
        Ok(HostReply::applied(raw(&json!({ "text": text })), changes, false))
    }
}

fn raw(value: &Value) -> Arc<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(value).unwrap().into()
}

#[async_trait]
impl Host for Notes {
    fn manifest(&self) -> Arc<Manifest> {
        let effects = Effects { creates: true, ..Effects::default() };
        let text = json!({ "type": "string", "maxLength": 20 });
        let secret = json!({ "type": "string", "x-kageos": { "sensitive": true } });
        let row = json!({ "type": "object", "properties": { "text": text, "secret": secret },
            "required": ["text"], "additionalProperties": false });
        let action = |name: &str, right, effects, input: Value| ActionSchema {
            name: ActionName::new(name).unwrap(),
            title: name.to_owned(),
            right,
            effect: Effect { timeout_ms: 1_000, ..Effect::of(effects) },
            input,
            output: json!({}),
        };
        let fail = json!({ "type": "object" });
        let schema = FunctionSchema {
            kind: Kind::Table,
            title: "Notes".to_owned(),
            description: String::new(),
            tags: Vec::new(),
            actions: vec![
                action("create", Right::Write, effects, row.clone()),
                action("search", Right::Read, Effects::READS, json!({ "type": "object" })),
                action("panic", Right::Write, effects, fail.clone()),
                action("refuse", Right::Write, effects, fail.clone()),
                action("act", Right::Write, Effects { external: true, ..effects }, fail),
            ],
            table: Some(kageos_core::TableSchema {
                row,
                search: vec![],
                history: true,
                default_sort: vec![],
            }),
        };
        Arc::new(Manifest {
            schema_version: SCHEMA_VERSION,
            app: "notes".to_owned(),
            title: "Notes".to_owned(),
            description: String::new(),
            directories: Vec::new(),
            functions: vec![FunctionEntry { path: "note.table".to_owned(), schema }],
            egress: kageos_core::Egress::default(),
        })
    }

    fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::SeqCst)
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        match call.action.as_str() {
            "create" => {
                let input: Value = serde_json::from_slice(&call.input).unwrap();
                self.create(&call, input["text"].as_str().unwrap()).await
            }
            "panic" => panic!("a bug in a host"),
            "act" => {
                let acts = serde_json::from_slice::<Value>(&call.input).unwrap()["acts"] == true;
                assert!(!acts || call.control.acts_outside());
                Err(HostError::Ended(Error::field("/acts", "no", "Not today.")))
            }
            "refuse" => Err(Error::field("/text", "no", "Not today.").into()),
            _ => Ok(HostReply::read(raw(&json!({ "rows": [] })))),
        }
    }

    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>, Error> {
        if self.out_of_reach.load(Ordering::SeqCst) {
            return Err(Error::of(Code::Unavailable));
        }
        if self.lost.load(Ordering::SeqCst) {
            return Err(Error::of(Code::OutcomeUnknown));
        }
        let sql = "SELECT id FROM note_receipt WHERE id = ?";
        let found = self.db.fetch_optional(sql, params![call.to_string()]).await?;
        Ok(found.map(|_| Receipt {
            call,
            request_hash: String::new(),
            output: Some(raw(&json!({ "rebuilt": true }))),
            changes: Vec::new(),
            omitted: None,
            changes_hash: hash_payload("[]"),
            applied_at: crate::support::start(),
        }))
    }
}

/// A platform with the notes mounted at `/demo/notes`, on one database.
struct World {
    platform: Platform,
    notes: Arc<Notes>,
    env: Env,
    heads: HeadsFile,
}

impl World {
    async fn new(db: &Db, seed: u64) -> Self {
        let env = env(seed);
        let heads = HeadsFile::new(&env);
        let (platform, notes) = Self::open(db, &env, &heads).await;
        Self { platform, notes, env, heads }
    }

    async fn open(db: &Db, env: &Env, heads: &HeadsFile) -> (Platform, Arc<Notes>) {
        let files = FileOptions::at(Objects::memory());
        let options = PlatformOptions::new(log_key(), heads.0.clone(), files);
        let platform = Platform::open(db.clone(), env.clone(), options).await.unwrap();
        let notes = Notes::open(db.clone()).await;
        let owner =
            platform.identity().ensure_system(&Secret::new("a lamp beside the harbour")).await.unwrap();
        platform
            .mount(&"/demo/notes".parse().unwrap(), owner.id, Arc::clone(&notes) as Arc<dyn Host>)
            .await
            .unwrap();
        (platform, notes)
    }

    fn call(&self, action: &str, input: Value) -> Call {
        call(&self.env, PATH, action, input)
    }

    async fn dispatch(&self, call: Call) -> Result<Reply, Error> {
        self.platform.dispatcher().dispatch(call).await
    }

    /// Status and code of the recorded calls of the notes, oldest first.
    async fn record(&self) -> Vec<(Status, Option<Code>)> {
        let query = ActivityQuery { path: PATH.parse().unwrap(), limit: 500, next: None };
        let (mut items, _) = self.platform.log().activity(&query).await.unwrap();
        items.reverse();
        items.into_iter().map(|item| (item.status, item.code)).collect()
    }
}

async fn each_engine(test: impl AsyncFn(World)) {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        test(World::new(&db, seed as u64 + 100).await).await;
    }
}

#[tokio::test]
async fn a_call_leaves_an_effect_a_record_and_an_event() {
    each_engine(async |world| {
        let mut events = world.platform.events().listen(None).unwrap();
        let reply = world.dispatch(world.call("create", json!({ "text": "one" }))).await.unwrap();
        assert_eq!(reply.output.get(), r#"{"text":"one"}"#);
        assert_eq!(world.notes.count().await, 1);
        assert_eq!(world.record().await, [(Status::Ok, None)]);
        assert_eq!(events.next().await.unwrap().unwrap().body.name(), "change");
        world.platform.log().close().await;
        let signed = read_heads(&world.heads.0).unwrap();
        let report = verify(world.platform.db(), &signed, &log_key().verifying_key()).await.unwrap();
        assert!(report.is_sound() && report.unanchored == 0, "{report:?}");
    })
    .await;
}

#[tokio::test]
async fn what_the_schema_calls_sensitive_is_in_no_record() {
    each_engine(async |world| {
        let input = json!({ "text": "one", "secret": "hunter2" });
        world.dispatch(world.call("create", input)).await.unwrap();
        world.platform.log().flush().await.unwrap();
        let sql = "SELECT header, payload FROM op_record";
        let rows = world.platform.db().fetch_all(sql, params![]).await.unwrap();
        let texts =
            rows.iter().flat_map(|row| [row.opt_text("header").unwrap(), row.opt_text("payload").unwrap()]);
        let texts: Vec<&str> = texts.flatten().collect();
        assert!(texts.iter().all(|text| !text.contains("hunter2")), "{texts:?}");
        assert_eq!(texts.iter().filter(|text| text.contains("[redacted]")).count(), 2);
    })
    .await;
}

#[tokio::test]
async fn bad_input_is_refused_with_every_place_and_changes_nothing() {
    each_engine(async |world| {
        let long = "x".repeat(21);
        let error =
            world.dispatch(world.call("create", json!({ "text": long, "more": 1 }))).await.unwrap_err();
        assert_eq!(error.code, Code::InvalidInput);
        let mut places: Vec<&str> = error.fields.iter().map(|field| field.pointer.as_str()).collect();
        places.sort_unstable();
        assert_eq!(places, ["/more", "/text"]);
        let missing = world.dispatch(world.call("create", json!({}))).await.unwrap_err();
        assert_eq!(missing.fields[0].pointer, "/text");
        assert_eq!(world.notes.count().await, 0);
        // The second refusal is equal and came at the same time: it is counted, not recorded.
        assert_eq!(world.record().await, [(Status::Refused, Some(Code::InvalidInput))]);
    })
    .await;
}

#[tokio::test]
async fn who_may_not_read_learns_nothing() {
    each_engine(async |world| {
        for (path, action) in [(PATH, "create"), (PATH, "nothing"), ("/demo/notes/none.table", "create")] {
            let call =
                Call { actor: Actor::anonymous(), ..call(&world.env, path, action, json!({ "text": "x" })) };
            assert_eq!(world.dispatch(call).await.unwrap_err(), Error::of(Code::NotFound));
        }
        let unknown = world.dispatch(world.call("nothing", json!({}))).await.unwrap_err();
        assert_eq!(unknown.code, Code::UnknownAction);
        assert_eq!(world.notes.count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_shows_the_changes_and_keeps_none() {
    each_engine(async |world| {
        let call = Call { dry_run: true, ..world.call("create", json!({ "text": "one" })) };
        let reply = world.dispatch(call).await.unwrap();
        assert!(reply.dry_run && reply.diff_hash.is_some() && reply.changes.len() == 1);
        assert_eq!(world.notes.count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_key_makes_a_repetition_answer_the_same() {
    each_engine(async |world| {
        let keyed = |text: &str| Call {
            idempotency_key: Some("key".to_owned()),
            ..world.call("create", json!({ "text": text }))
        };
        let first = world.dispatch(keyed("one")).await.unwrap();
        world.platform.log().flush().await.unwrap();
        let second = world.dispatch(keyed("one")).await.unwrap();
        assert_eq!((first.call, first.output.get()), (second.call, second.output.get()));
        let other = world.dispatch(keyed("two")).await.unwrap_err();
        assert_eq!(other.code, Code::IdempotencyConflict);
        assert_eq!(world.notes.count().await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_host_that_refuses_or_panics_leaves_a_record_and_the_door_open() {
    each_engine(async |world| {
        let refused = world.dispatch(world.call("refuse", json!({}))).await.unwrap_err();
        assert_eq!((refused.code, refused.fields.len()), (Code::InvalidInput, 1));
        let panicked = world.dispatch(world.call("panic", json!({}))).await.unwrap_err();
        assert_eq!(panicked.code, Code::Internal);
        world.dispatch(world.call("create", json!({ "text": "after" }))).await.unwrap();
        let refused = (Status::Failed, Some(Code::InvalidInput));
        let panicked = (Status::NotApplied, Some(Code::Internal));
        // The clock stands still, so the order of the three is not told.
        let record = world.record().await;
        assert_eq!(record.len(), 3);
        assert!(
            [refused, panicked, (Status::Ok, None)].iter().all(|entry| record.contains(entry)),
            "{record:?}"
        );
    })
    .await;
}

/// What an app does outside only through the platform is known; of others it is taken that they have done it.
#[tokio::test]
async fn what_was_not_done_outside_is_not_unknown() {
    each_engine(async |world| {
        let act = |acts: bool| world.call("act", json!({ "acts": acts }));
        let code = |error: Error| error.code;
        world.notes.sealed.store(true, Ordering::SeqCst);
        let told = world.dispatch(act(false)).await.unwrap_err();
        assert_eq!((told.code, told.fields.len()), (Code::InvalidInput, 1));
        assert_eq!(world.dispatch(act(true)).await.map_err(code).unwrap_err(), Code::OutcomeUnknown);
        world.notes.sealed.store(false, Ordering::SeqCst);
        assert_eq!(world.dispatch(act(false)).await.map_err(code).unwrap_err(), Code::OutcomeUnknown);
        let mut record = world.record().await;
        record.sort_by_key(|(status, _)| status.as_str());
        let code = Some(Code::InvalidInput);
        assert_eq!(record, [(Status::NotApplied, code), (Status::Unknown, code), (Status::Unknown, code)]);
    })
    .await;
}

#[tokio::test]
async fn a_lost_reply_is_rebuilt_from_the_receipt() {
    each_engine(async |world| {
        world.notes.lose_reply.store(true, Ordering::SeqCst);
        let reply = world.dispatch(world.call("create", json!({ "text": "one" }))).await.unwrap();
        assert_eq!(reply.output.get(), r#"{"rebuilt":true}"#);
        assert_eq!(world.record().await, [(Status::Ok, None)]);
    })
    .await;
}

#[tokio::test]
async fn what_stays_open_is_settled_by_the_next_start() {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        let world = World::new(&db, seed as u64 + 200).await;
        world.notes.lose_reply.store(true, Ordering::SeqCst);
        world.notes.out_of_reach.store(true, Ordering::SeqCst);
        let unknown = world.dispatch(world.call("create", json!({ "text": "one" }))).await.unwrap_err();
        assert_eq!(unknown.code, Code::OutcomeUnknown);
        assert_eq!(world.record().await, [(Status::Pending, None)]);

        let (platform, notes) = World::open(&db, &world.env, &world.heads).await;
        let next = World { platform, notes, env: world.env.clone(), heads: HeadsFile::new(&world.env) };
        assert_eq!(next.platform.recover().await.unwrap(), 1);
        assert_eq!(next.platform.recover().await.unwrap(), 0);
        assert_eq!(next.record().await, [(Status::Ok, None)]);
    }
}

/// Nobody has to start the server again for it.
#[tokio::test]
async fn what_stays_open_is_settled_when_its_host_comes_back() {
    each_engine(async |world| {
        for switch in [&world.notes.lose_reply, &world.notes.ends, &world.notes.out_of_reach] {
            switch.store(true, Ordering::SeqCst);
        }
        let unknown = world.dispatch(world.call("create", json!({ "text": "one" }))).await.unwrap_err();
        assert_eq!(unknown.code, Code::OutcomeUnknown);
        assert_eq!(world.record().await, [(Status::Pending, None)]);
        world.notes.out_of_reach.store(false, Ordering::SeqCst);
        let settled = async {
            while world.record().await == [(Status::Pending, None)] {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), settled).await.expect("it is asked again");
        assert_eq!(world.record().await, [(Status::Ok, None)]);
    })
    .await;
}

/// Where the rows were is gone for good: nothing stays open for it.
#[tokio::test]
async fn what_nobody_will_ever_know_is_recorded_so() {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        let world = World::new(&db, seed as u64 + 300).await;
        world.notes.lose_reply.store(true, Ordering::SeqCst);
        world.notes.ends.store(true, Ordering::SeqCst);
        world.notes.lost.store(true, Ordering::SeqCst);
        let unknown = world.dispatch(world.call("create", json!({ "text": "one" }))).await.unwrap_err();
        assert_eq!(unknown.code, Code::OutcomeUnknown);
        let lost = (Status::Unknown, Some(Code::Unavailable));
        assert_eq!(world.record().await, [lost]);
        // One that an earlier process left.
        world.notes.lost.store(false, Ordering::SeqCst);
        world.notes.out_of_reach.store(true, Ordering::SeqCst);
        world.dispatch(world.call("create", json!({ "text": "two" }))).await.unwrap_err();
        let (platform, notes) = World::open(&db, &world.env, &world.heads).await;
        notes.lost.store(true, Ordering::SeqCst);
        let next = World { platform, notes, env: world.env.clone(), heads: HeadsFile::new(&world.env) };
        assert_eq!(next.platform.recover().await.unwrap(), 1);
        assert_eq!(next.platform.recover().await.unwrap(), 0);
        let record = next.record().await;
        assert!(
            record.len() == 2 && record.iter().all(|(status, _)| *status == Status::Unknown),
            "{record:?}"
        );
    }
}

#[tokio::test]
async fn whoever_asked_may_go_away() {
    each_engine(async |world| {
        let call = world.call("create", json!({ "text": "one" }));
        let id = call.id;
        let mut asked = Box::pin(world.dispatch(call));
        // Polled until it waits for the intent, then dropped.
        assert!(futures_poll(asked.as_mut()).await.is_none());
        drop(asked);
        let settled = async { while world.record().await != [(Status::Ok, None)] {} };
        tokio::time::timeout(Duration::from_secs(10), settled).await.unwrap();
        assert!(!world.platform.dispatcher().is_pending(id).await.unwrap());
        assert_eq!(world.notes.count().await, 1);
    })
    .await;
}

async fn futures_poll<T>(mut future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// The platform's own actions go through the same door.
#[tokio::test]
async fn directories_are_made_moved_deleted_and_restored_by_calls() {
    each_engine(async |world| {
        let ask = async |path: &str, action: &str, input: Value| {
            world.dispatch(call(&world.env, path, action, input)).await.map(drop)
        };
        let at =
            |path: &str| world.platform.tree().snapshot().get(&path.parse().unwrap()).map(|node| node.id);
        ask("/demo/notes", "create_directory", json!({ "code": "hr", "title": "HR" })).await.unwrap();
        ask("/demo/notes/hr", "create_directory", json!({ "code": "leave", "title": "Leave" }))
            .await
            .unwrap();
        let id = at("/demo/notes/hr/leave").unwrap();
        ask("/demo/notes/hr", "rename", json!({ "code": "people" })).await.unwrap();
        assert_eq!((at("/demo/notes/people/leave"), at("/demo/notes/hr")), (Some(id), None));
        let taken = ask("/demo/notes", "create_directory", json!({ "code": "people", "title": "x" })).await;
        assert_eq!(taken.unwrap_err().code, Code::Conflict);
        let inside = ask("/demo/notes/people", "move", json!({ "to": "/demo/notes/people/leave" })).await;
        assert_eq!(inside.unwrap_err().fields[0].code, "within");
        ask("/demo/notes/people", "delete", json!({})).await.unwrap();
        assert_eq!(at("/demo/notes/people/leave"), None);
        ask("/demo/notes", "restore", json!({ "code": "people" })).await.unwrap();
        assert_eq!(at("/demo/notes/people/leave"), Some(id));
        let declared = ask(PATH, "create", json!({ "text": "still here" })).await;
        assert!(declared.is_ok());
    })
    .await;
}

/// A deleted directory comes back where its parent lies now, and not below another one that took the old path.
#[tokio::test]
async fn what_was_deleted_is_restored_below_its_own_parent() {
    each_engine(async |world| {
        let ask = async |path: &str, action: &str, input: Value| {
            world.dispatch(call(&world.env, path, action, input)).await.map(drop)
        };
        let at =
            |path: &str| world.platform.tree().snapshot().get(&path.parse().unwrap()).map(|node| node.id);
        let make = |code: &str| json!({ "code": code, "title": code });
        ask("/demo/notes", "create_directory", make("a")).await.unwrap();
        ask("/demo/notes/a", "create_directory", make("w")).await.unwrap();
        let id = at("/demo/notes/a/w").unwrap();
        ask("/demo/notes/a/w", "delete", json!({})).await.unwrap();
        ask("/demo/notes/a", "rename", json!({ "code": "b" })).await.unwrap();
        ask("/demo/notes", "create_directory", make("a")).await.unwrap();
        let other = ask("/demo/notes/a", "restore", json!({ "code": "w" })).await;
        assert_eq!(other.unwrap_err().fields[0].code, "not_found");
        ask("/demo/notes/b", "restore", json!({ "code": "w" })).await.unwrap();
        assert_eq!(at("/demo/notes/b/w"), Some(id));
    })
    .await;
}

/// Grants hang on functions too, and nobody takes the last owner away.
#[tokio::test]
async fn a_grant_on_a_function_holds_and_the_last_owner_stays() {
    each_engine(async |world| {
        let new = NewUser {
            login: "ada".to_owned(),
            name: "Ada".to_owned(),
            email: None,
            kind: UserKind::Service,
            namespace: None,
            admin: false,
            password: None,
        };
        let ada = world.platform.identity().create_user(new).await.unwrap();
        let search = || Call { actor: ada.actor(), ..world.call("search", json!({})) };
        assert_eq!(world.dispatch(search()).await.unwrap_err().code, Code::NotFound);
        let subject = json!({ "kind": "user", "id": ada.id });
        world.dispatch(world.call("grant", json!({ "subject": subject, "role": "viewer" }))).await.unwrap();
        world.dispatch(search()).await.unwrap();
        let create = Call { actor: ada.actor(), ..world.call("create", json!({ "text": "x" })) };
        assert_eq!(world.dispatch(create).await.unwrap_err().code, Code::Forbidden);

        let tree = world.platform.tree().snapshot();
        for path in ["/demo/notes", "/demo"] {
            let node = tree.get(&path.parse().unwrap()).unwrap();
            let grant = world.platform.access().grants_on(&[node.id], None, 1).remove(0);
            let revoke = call(&world.env, path, "revoke", json!({ "grant": grant.id }));
            let revoked = world.dispatch(revoke).await.map(drop).map_err(|error| error.code);
            // The workspace's owner may go, because the namespace has one; the namespace's may not.
            assert_eq!(revoked, if path == "/demo" { Err(Code::Conflict) } else { Ok(()) }, "{path}");
        }
    })
    .await;
}

/// A user's id that belongs to nobody gets nowhere.
#[tokio::test]
async fn an_unknown_person_has_no_right() {
    each_engine(async |world| {
        let stranger = Actor::principal(kageos_core::ActorKind::User, UserId::new(&world.env), "stranger");
        let call = Call { actor: stranger, ..world.call("create", json!({ "text": "x" })) };
        assert_eq!(world.dispatch(call).await.unwrap_err().code, Code::NotFound);
    })
    .await;
}

/// What a host declares is let go of while nobody asks, and read again when somebody does.
#[tokio::test]
async fn a_workspace_that_rests_is_as_it_was_when_it_is_called() {
    let place = &testing::engines().await.unwrap()[0];
    let world = World::new(place, 400).await;
    let (tree, mounts) = (world.platform.tree().snapshot(), world.platform.mounts());
    let (workspace, node) =
        (tree.get(&"/demo/notes".parse().unwrap()).unwrap(), tree.get(&PATH.parse().unwrap()).unwrap());
    let first = mounts.function(node).unwrap();
    // Somebody has just used it; after that nobody has.
    mounts.rest(workspace.id);
    assert!(Arc::ptr_eq(&first, &mounts.function(node).unwrap()));
    mounts.rest(workspace.id);
    mounts.rest(workspace.id);
    let again = mounts.function(node).unwrap();
    assert!(!Arc::ptr_eq(&first, &again) && first.hash() == again.hash());
    world.dispatch(world.call("create", json!({ "text": "after" }))).await.unwrap();
    let wrong = world.dispatch(world.call("create", json!({ "text": 7 }))).await.unwrap_err();
    assert_eq!((wrong.code, wrong.fields[0].pointer.as_str()), (Code::InvalidInput, "/text"));
    // One that begins so is read at the first question.
    mounts.mount_resting(workspace.id, Arc::clone(&world.notes) as Arc<dyn Host>);
    world.dispatch(world.call("create", json!({ "text": "again" }))).await.unwrap();
    assert_eq!(world.notes.count().await, 2);
}
