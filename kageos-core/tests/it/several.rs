//! Several servers on one database: who is taken for dead, and what becomes of their calls.

use std::sync::Arc;
use std::time::Duration;

use kageos_core::clock::ManualClock;
use kageos_core::platform::files::{FileOptions, Objects};
use kageos_core::platform::identity::Secret;
use kageos_core::platform::oplog::{Draft, Log, Peers, Seat, Status, read_heads, verify};
use kageos_core::platform::tree::DirectoryHost;
use kageos_core::platform::{Home, Platform, PlatformOptions};
use kageos_core::sql::testing::{self, TestDb};
use kageos_core::sql::{Db, migrate, params};
use kageos_core::{
    Actor, Call, Clock, Code, Dispatch, Env, Host, HostCall, HostError, NodeId, UserId, host::NoControl,
};
use serde_json::json;

use crate::support::{HeadsFile, call, env, log_key, start};

/// Long, so that nothing but the tests' own clock makes it run out.
const LEASE: Duration = Duration::from_secs(3_600);

fn seat(node: &str, holder: &str, lease: Duration) -> Seat {
    Seat { node: node.to_owned(), holder: holder.to_owned(), lease }
}

/// Two servers on one log, the clock in the test's hand.
struct Pair {
    clock: Arc<ManualClock>,
    env: Env,
    heads: [HeadsFile; 2],
    one: Log,
    other: Log,
}

impl Pair {
    async fn on(db: &Db, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::at(start()));
        let env = Env { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..env(seed) };
        migrate(db, "oplog", kageos_core::platform::oplog::MIGRATIONS, 0).await.unwrap();
        migrate(db, "usage", kageos_core::platform::usage::MIGRATIONS, 0).await.unwrap();
        let heads = [HeadsFile::new(&env), HeadsFile::new(&env)];
        let open = async |at: usize, node| {
            let seat = Some(seat(node, node, LEASE));
            Log::open(db.clone(), env.clone(), log_key(), heads[at].0.clone(), seat).await.unwrap()
        };
        let (one, other) = (open(0, "one").await, open(1, "other").await);
        Self { clock, env, heads, one, other }
    }

    fn call(&self) -> Call {
        call(&self.env, "/demo/crm/customer.table", "create", json!({}))
    }

    async fn intent(&self, log: &Log) -> Call {
        let call = self.call();
        let draft = Draft::intent(&call, NodeId::NIL, self.env.now(), &call.input);
        log.intent(draft, None).await.unwrap().unwrap();
        call
    }

    fn outcome(&self, call: &Call, status: Status) -> Draft {
        Draft::outcome(call, NodeId::NIL, self.env.now(), status)
    }

    /// The other server looks until just before the lease has run out, doing something between.
    async fn watch(&self, peers: &mut Peers, between: impl AsyncFn()) {
        for _ in 0..5 {
            assert_eq!(peers.look(&self.other).await.unwrap(), 0);
            between().await;
            self.clock.advance(LEASE / 5);
        }
    }
}

async fn statuses(db: &Db, call: &Call) -> Vec<String> {
    let sql = "SELECT status FROM op_call WHERE id = ?";
    let rows = db.fetch_all(sql, params![call.id.to_string()]).await.unwrap();
    rows.iter().map(|row| row.text("status").unwrap().to_owned()).collect()
}

async fn records(db: &Db, call: &Call) -> i64 {
    let sql = "SELECT COUNT(*) AS n FROM op_record WHERE header LIKE ?";
    db.fetch_one(sql, params![format!("%\"call\":\"{}\"%", call.id)]).await.unwrap().int("n").unwrap()
}

#[tokio::test]
async fn a_silent_server_is_fenced_and_of_two_outcomes_one_counts() {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        let pair = Pair::on(&db, seed as u64 + 500).await;
        let (cut_off, goes_on) = (pair.intent(&pair.one).await, pair.intent(&pair.one).await);
        let mut peers = Peers::default();
        pair.watch(&mut peers, async || {}).await;
        assert_eq!(peers.look(&pair.other).await.unwrap(), 1, "silent for the time of the lease");
        assert_eq!(peers.look(&pair.other).await.unwrap(), 0, "a stream is fenced once");

        let open = pair.other.left_open(None).await.unwrap();
        assert_eq!(open.iter().map(|it| it.header.call).collect::<Vec<_>>(), [cut_off.id, goes_on.id]);
        let settled = Draft::recovered(&open[0].header, pair.env.now(), Status::NotApplied);
        pair.other.outcome(settled, None).await;
        pair.other.flush().await.unwrap();

        // The first server was only stopped, and goes on.
        let fenced = pair.one.stream();
        pair.one.outcome(pair.outcome(&cut_off, Status::Ok), None).await;
        pair.one.outcome(pair.outcome(&goes_on, Status::Ok), None).await;
        pair.one.flush().await.unwrap();
        assert_ne!(pair.one.stream(), fenced, "it writes another stream now");
        assert_eq!(statuses(&db, &cut_off).await, ["not_applied"], "what was settled stays so");
        assert_eq!(statuses(&db, &goes_on).await, ["ok"]);
        assert_eq!((records(&db, &cut_off).await, records(&db, &goes_on).await), (2, 2));
        pair.intent(&pair.one).await;
        let sql = "SELECT MAX(seq) AS seq FROM op_record WHERE stream_id = ?";
        let last = db.fetch_one(sql, params![fenced.to_string()]).await.unwrap().int("seq").unwrap();
        assert_eq!(last, 2, "the fenced stream takes nothing more");
        is_sound(&db, pair).await;
    }
}

async fn is_sound(db: &Db, pair: Pair) {
    pair.one.close().await;
    pair.other.close().await;
    let mut heads = read_heads(&pair.heads[0].0).unwrap();
    heads.extend(read_heads(&pair.heads[1].0).unwrap());
    let report = verify(db, &heads, &log_key().verifying_key()).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.streams, report.unanchored), (3, 0));
}

#[tokio::test]
async fn a_server_that_beats_is_left_alone_and_who_could_not_look_fences_nobody() {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        let pair = Pair::on(&db, seed as u64 + 510).await;
        let mut peers = Peers::default();
        let writes = async || drop(pair.intent(&pair.one).await);
        pair.watch(&mut peers, writes).await;
        pair.watch(&mut peers, async || {}).await;
        writes().await;
        assert_eq!(peers.look(&pair.other).await.unwrap(), 0, "it wrote at the last moment");
        // The watcher itself was stopped for long.
        pair.clock.advance(LEASE * 10);
        assert_eq!(peers.look(&pair.other).await.unwrap(), 0);
        assert_eq!(peers.living(), 1);
    }
}

#[tokio::test]
async fn who_holds_what_another_held_knows_that_it_has_ended() {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        let pair = Pair::on(&db, seed as u64 + 520).await;
        let call = pair.intent(&pair.one).await;
        pair.intent(&pair.other).await;
        let heads = pair.heads[0].0.clone();
        let seat = Some(seat("one", "one", LEASE));
        let again = Log::open(db.db(), pair.env.clone(), log_key(), heads, seat).await.unwrap();
        assert_eq!(again.fence_ended().await.unwrap(), 1, "the other server is left alone");
        let open = again.left_open(None).await.unwrap();
        assert_eq!(open.iter().map(|it| it.header.call).collect::<Vec<_>>(), [call.id]);
    }
}

#[tokio::test]
async fn a_copy_of_a_node_is_refused_and_one_that_is_gone_is_not() {
    for db in testing::engines().await.unwrap() {
        let env = Env::system();
        let lease = Duration::from_millis(500);
        migrate(&db, "oplog", kageos_core::platform::oplog::MIGRATIONS, 0).await.unwrap();
        migrate(&db, "usage", kageos_core::platform::usage::MIGRATIONS, 0).await.unwrap();
        let sql =
            "INSERT INTO op_stream (id, started_at, node, holder, beat) VALUES (?, 0, 'one', 'gone', 7)";
        db.execute(sql, params![kageos_core::StreamId::new(&env).to_string()]).await.unwrap();
        let open = async |holder| {
            let heads = HeadsFile::new(&env);
            let seat = Some(seat("one", holder, lease));
            (Log::open(db.db(), env.clone(), log_key(), heads.0.clone(), seat).await.unwrap(), heads)
        };
        let (first, _heads) = open("first").await;
        first.alone_on_its_node().await.unwrap();
        let (copy, _heads) = open("copy").await;
        assert_eq!(copy.alone_on_its_node().await.unwrap_err().code, Code::Conflict);
    }
}

async fn platform(db: &TestDb, node: &str) -> (Platform, HeadsFile) {
    let env = Env::system();
    let heads = HeadsFile::new(&env);
    let seat = Some(seat(node, node, LEASE));
    let options = PlatformOptions {
        seat,
        ..PlatformOptions::new(log_key(), heads.0.clone(), FileOptions::at(Objects::memory()))
    };
    let platform = Platform::open(Db::open(db.options()).await.unwrap(), env, options).await.unwrap();
    (platform, heads)
}

async fn owner(platform: &Platform) -> UserId {
    platform.identity().ensure_system(&Secret::new("correct horse battery")).await.unwrap().id
}

fn directory(call: &Call) -> HostCall {
    HostCall {
        id: call.id,
        path: call.path.clone(),
        action: call.action.clone(),
        input: serde_json::to_vec(&call.input).unwrap(),
        actor: Actor::system(),
        source: call.source.clone(),
        trace: call.trace,
        deadline: Env::system().now().plus(Duration::from_secs(60)),
        dry_run: false,
        control: Arc::new(NoControl),
    }
}

#[tokio::test]
async fn a_call_that_was_given_up_changes_nothing_later() {
    for db in testing::engines().await.unwrap() {
        let (platform, _heads) = platform(&db, "one").await;
        let path = "/team".parse().unwrap();
        platform.tree().ensure_namespace(&path, "Team", owner(&platform).await).await.unwrap();
        let host = DirectoryHost::new(platform.tree().clone());
        let make = |code: &str| {
            call(platform.env(), "/team", "create_directory", json!({ "code": code, "title": "A" }))
        };
        let (late, early) = (make("late"), make("early"));
        assert!(host.fence(late.id).await.unwrap().is_none());
        assert!(host.fence(late.id).await.unwrap().is_none(), "asked again it says the same");
        let refused = host.call(directory(&late)).await.unwrap_err();
        assert!(matches!(&refused, HostError::Refused(error) if error.code == Code::Cancelled), "{refused}");
        assert!(platform.tree().snapshot().get(&"/team/late".parse().unwrap()).is_none());

        host.call(directory(&early)).await.unwrap();
        assert_eq!(host.fence(early.id).await.unwrap().unwrap().call, early.id);
        platform.close().await;
    }
}

#[tokio::test]
async fn changes_of_the_tree_by_two_servers_follow_one_another() {
    for db in testing::engines().await.unwrap() {
        let ((one, _a), (other, _b)) = (platform(&db, "one").await, platform(&db, "other").await);
        let path = "/team".parse().unwrap();
        let owner = owner(&one).await;
        let made = one.tree().ensure_namespace(&path, "Team", owner).await.unwrap();
        assert_eq!(other.tree().ensure_namespace(&path, "Team", owner).await.unwrap(), made);
        // Neither knows what the other has just made, and both make more.
        let make = async |at: &Platform, path: &str, code: &str| {
            let call = call(at.env(), path, "create_directory", json!({ "code": code, "title": code }));
            at.dispatcher().dispatch(call).await
        };
        make(&one, "/team", "a").await.unwrap();
        make(&other, "/team", "b").await.unwrap();
        // A call is resolved in what a server remembers; the sweep would bring it in a second.
        assert!(one.tree().reload().await.unwrap());
        make(&one, "/team/b", "c").await.unwrap();
        let taken = make(&other, "/team/b", "c").await.unwrap_err();
        assert_eq!(taken.code, Code::Conflict);
        let delete = call(one.env(), "/team/b", "delete", json!({}));
        one.dispatcher().dispatch(delete).await.unwrap();
        // The other server still sees the directory in its memory; nothing is hung below what is gone.
        let gone = make(&other, "/team/b", "d").await.unwrap_err();
        assert_eq!(gone.code, Code::NotFound);
        one.close().await;
        other.close().await;
    }
}

#[tokio::test]
async fn rows_on_a_disk_have_one_home() {
    for db in testing::engines().await.unwrap() {
        let ((one, _a), (other, _b)) = (platform(&db, "one").await, platform(&db, "other").await);
        let path = "/team/notes".parse().unwrap();
        let owner = owner(&one).await;
        let manifest = kageos_core::Manifest {
            schema_version: 1,
            app: "notes".to_owned(),
            title: "Notes".to_owned(),
            description: String::new(),
            directories: Vec::new(),
            functions: Vec::new(),
            egress: kageos_core::Egress::default(),
        };
        let here = one.home(&path, &manifest, owner).await.unwrap();
        assert!(matches!(here, Home::Here(_)));
        assert_eq!(other.home(&path, &manifest, owner).await.unwrap(), Home::Elsewhere("one".to_owned()));
        assert_eq!(one.home(&path, &manifest, owner).await.unwrap(), here);
        one.close().await;
        other.close().await;
    }
}
