//! Two real servers on one database and one NATS. One is killed, or stopped for longer than its lease, while both
//! write; every call has one outcome, which agrees with what took effect, and the log is sound.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kageos_core::{
    Env, StreamId,
    bus::testing::{delete_stream, nats_url},
    sql::{
        Engine,
        testing::{self, TestDb},
    },
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{
    client::{Answer, Door},
    machine::Machine,
};

const LEASE_MS: u64 = 2_000;
/// A server that was cut off is taken for dead, and its calls are settled, in this time: a database server first ends the
/// transaction of a process that was stopped within one.
const SETTLED: Duration = Duration::from_secs(60);
/// Writers on each server.
const WRITERS: usize = 3;
/// How long they write before a fault, and after.
const WRITE: Duration = Duration::from_millis(700);

struct Pair {
    one: Machine,
    other: Machine,
    doors: [Door; 2],
    stop: Arc<AtomicBool>,
    /// Codes of directories whose making was acknowledged.
    acknowledged: BTreeSet<String>,
    round: u32,
    prefix: String,
    _folders: [TempDir; 2],
}

impl Pair {
    async fn on(db: &TestDb, nats: &str) -> Self {
        let prefix = format!("test_{}", StreamId::new(&Env::system()));
        let given = [
            ("KAGEOS_DATABASE__URL", db.url()),
            ("KAGEOS_BUS__URL", nats),
            ("KAGEOS_BUS__PREFIX", &prefix),
            ("KAGEOS_NODE__LEASE_MS", &LEASE_MS.to_string()),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut one = Machine::given(folders[0].path(), given.clone());
        let mut other = Machine::given(folders[1].path(), given);
        let door = one.bootstrap().await;
        // A session is known to both: its token is in the database.
        let there = Door { authority: other.start().await, ..door.clone() };
        let (stop, doors) = (Arc::default(), [door, there]);
        Self { one, other, doors, stop, acknowledged: BTreeSet::new(), round: 0, prefix, _folders: folders }
    }

    /// Writes on both servers until told to stop, or until the server is gone.
    fn write(&mut self) -> JoinSet<Vec<String>> {
        self.round += 1;
        self.stop.store(false, Ordering::Relaxed);
        let mut writers = JoinSet::new();
        for (at, door) in self.doors.iter().enumerate() {
            for number in 0..WRITERS {
                let label = format!("r{}s{at}w{number}", self.round);
                writers.spawn(make_directories(door.clone(), label, Arc::clone(&self.stop)));
            }
        }
        writers
    }

    async fn written(&mut self, writers: JoinSet<Vec<String>>) {
        self.stop.store(true, Ordering::Relaxed);
        self.acknowledged.extend(writers.join_all().await.into_iter().flatten());
    }

    /// Where the example's rows lie, and nowhere else, it is used.
    async fn the_example_has_one_home(&self) {
        let search = json!({ "limit": 1 });
        let mut here = self.doors[0].client();
        here.call("customer.table", "search", &search, None).await.ok();
        let there = self.doors[1].client().call("customer.table", "search", &search, None).await;
        assert!(
            matches!(&there, Answer::Refused { status: 503, code } if code == "unavailable"),
            "{there:?}"
        );
    }

    async fn clean(self) {
        delete_stream(&nats_url().unwrap(), &self.prefix).await.unwrap();
    }
}

/// Makes directories one after the other, and answers the codes of those that were acknowledged.
async fn make_directories(door: Door, label: String, stop: Arc<AtomicBool>) -> Vec<String> {
    let (mut client, mut made) = (door.client(), Vec::new());
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let code = format!("{label}n{number}");
        let input = json!({ "code": code, "title": code });
        match client.act("/system", "create_directory", &input).await {
            Answer::Ok(_) => made.push(code),
            Answer::Lost => break,
            // Given up by the other server, or the other server was always faster: nothing was changed.
            Answer::Refused { .. } => {}
        }
    }
    made
}

/// Waits until every call has its outcome.
async fn settled(db: &TestDb) {
    let sql = "SELECT COUNT(*) AS n FROM op_call WHERE status = 'pending'";
    let all = async {
        while db.fetch_one(sql, &[]).await.unwrap().int("n").unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SETTLED, all).await.expect("every call has its outcome in time");
}

/// How each call stands: the records of its kind, and what the last says.
async fn told(db: &TestDb) -> BTreeMap<String, (Vec<String>, String)> {
    let mut calls: BTreeMap<String, (Vec<String>, String)> = BTreeMap::new();
    for row in db.fetch_all("SELECT header FROM op_record", &[]).await.unwrap() {
        let header: Value = serde_json::from_str(row.text("header").unwrap()).unwrap();
        let text = |name: &str| header[name].as_str().unwrap().to_owned();
        let call = calls.entry(text("call")).or_default();
        call.0.push(text("kind"));
        if text("kind") != "intent" {
            call.1 = text("status");
        }
    }
    calls
}

async fn texts(db: &TestDb, sql: &'static str) -> BTreeSet<String> {
    let rows = db.fetch_all(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
}

async fn check(db: &TestDb, acknowledged: &BTreeSet<String>) {
    let calls = told(db).await;
    for (call, (kinds, _)) in &calls {
        let mut kinds = kinds.clone();
        kinds.sort();
        assert!(kinds == ["final"] || kinds == ["intent", "outcome"], "{call} has {kinds:?}");
    }
    for row in db.fetch_all("SELECT id, status FROM op_call", &[]).await.unwrap() {
        let (call, status) = (row.text("id").unwrap(), row.text("status").unwrap());
        assert_eq!(calls[call].1, status, "index and record of {call}");
    }
    let applied = texts(db, "SELECT call_id FROM tree_receipt WHERE request_hash <> 'fenced'").await;
    // The example was written, built and published at its own path.
    let changed = "SELECT id FROM op_call WHERE status = 'ok' AND outcome_seq IS NOT NULL AND path IN ('/system', '/demo/crm')";
    let recorded = texts(db, changed).await;
    let odd: Vec<_> = applied.symmetric_difference(&recorded).collect();
    assert!(odd.is_empty(), "an effect without its record, or the reverse: {odd:?}");
    let there =
        texts(db, "SELECT title FROM tree_node WHERE path LIKE '/system/%' AND path IS NOT NULL").await;
    let made = "SELECT id FROM op_call WHERE status = 'ok' AND outcome_seq IS NOT NULL AND path = '/system'";
    assert_eq!(there.len(), texts(db, made).await.len(), "each call that took effect made one directory");
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
}

async fn each_engine(test: impl AsyncFn(&TestDb, &str)) {
    let Some(nats) = nats_url() else { return println!("skipped: no NATS") };
    for db in testing::engines().await.unwrap() {
        println!("{:?}", db.engine());
        test(&db, &nats).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_leaves_open_the_other_settles() {
    each_engine(async |db, nats| {
        let mut pair = Pair::on(db, nats).await;
        pair.the_example_has_one_home().await;
        let writers = pair.write();
        tokio::time::sleep(WRITE).await;
        pair.other.kill().await;
        tokio::time::sleep(WRITE).await;
        pair.written(writers).await;
        settled(db).await;
        check(db, &pair.acknowledged).await;
        pair.one.verify().await;
        // Its successor on the same folder needs not wait for anything.
        pair.doors[1].authority = pair.other.start().await;
        let writers = pair.write();
        tokio::time::sleep(WRITE).await;
        pair.written(writers).await;
        pair.other.stop().await;
        pair.one.stop().await;
        check(db, &pair.acknowledged).await;
        pair.one.verify().await;
        pair.other.verify().await;
        pair.clean().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_stopped_for_longer_than_its_lease_is_fenced() {
    each_engine(async |db, nats| {
        if db.engine() == Engine::Sqlite {
            // A process that is stopped while it writes keeps the file's lock, and everybody waits for it.
            return;
        }
        let mut pair = Pair::on(db, nats).await;
        let streams = "SELECT id FROM op_stream WHERE fenced_at IS NULL AND closed_at IS NULL";
        let before = texts(db, streams).await;
        let writers = pair.write();
        tokio::time::sleep(WRITE).await;
        pair.other.signal(Signal::STOP);
        let fenced = "SELECT id FROM op_stream WHERE fenced_at IS NOT NULL";
        let taken_for_dead = async {
            while texts(db, fenced).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(SETTLED, taken_for_dead).await.expect("it is taken for dead in time");
        // Long enough for the other to settle what it can.
        tokio::time::sleep(Duration::from_millis(LEASE_MS)).await;
        pair.other.signal(Signal::CONT);
        tokio::time::sleep(2 * WRITE).await;
        pair.written(writers).await;
        settled(db).await;
        let after = texts(db, streams).await;
        assert_eq!((before.len(), after.len()), (2, 2));
        assert_eq!(
            before.intersection(&after).count(),
            1,
            "the server that was stopped writes another stream"
        );
        pair.other.stop().await;
        pair.one.stop().await;
        check(db, &pair.acknowledged).await;
        pair.one.verify().await;
        pair.other.verify().await;
        pair.clean().await;
    })
    .await;
}
