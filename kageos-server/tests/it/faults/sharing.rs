//! Two real servers that share everything: the database, the database server of the rows, NATS and the storage of files. Both
//! run the example. One is killed, or stopped for longer than its lease, and a release is made live on one, while people
//! write on both: whoever writes on the other one notices nothing, and nothing is lost or doubled.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kageos_core::{
    Env, StreamId,
    bus::testing::{delete_stream, nats_url},
    sql::testing::{self, POSTGRES_URL, TestDb},
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};

use super::{
    client::{Answer, Door},
    machine::Machine,
    people::{self, Written, admin_of, copy_state, drop_rows, make_customers},
};
use crate::process::variable;

const LEASE_MS: u64 = 3_000;
/// Writers on each server.
const WRITERS: usize = 3;
/// How long people write before a fault, and after.
const WRITE: Duration = Duration::from_millis(700);
/// A server that starts runs what the other one does, in this time.
const FOLLOWS: Duration = Duration::from_secs(30);

struct Two {
    servers: [Machine; 2],
    doors: [Door; 2],
    acknowledged: BTreeSet<String>,
    before: i64,
    round: u32,
    prefix: String,
    _folders: [TempDir; 3],
}

impl Two {
    async fn on(db: &TestDb, admin: &str, nats: &str) -> Self {
        let prefix = format!("test_{}", StreamId::new(&Env::system()));
        let folders =
            [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let files = format!("file://{}", folders[2].path().display());
        let given = [
            ("KAGEOS_DATABASE__URL", db.url()),
            ("KAGEOS_WORKSPACES__ADMIN_URL", admin),
            ("KAGEOS_FILES__URL", &files),
            ("KAGEOS_BUS__URL", nats),
            ("KAGEOS_BUS__PREFIX", &prefix),
            ("KAGEOS_NODE__LEASE_MS", &LEASE_MS.to_string()),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut one = Machine::given(folders[0].path(), given.clone());
        let mut other = Machine::given(folders[1].path(), given);
        let door = one.bootstrap().await;
        copy_state(&one.state(), &other.state());
        let there = Door { authority: other.start().await, ..door.clone() };
        let before = people::made(db).await;
        let two = Self {
            servers: [one, other],
            doors: [door, there],
            acknowledged: BTreeSet::new(),
            before,
            round: 0,
            prefix,
            _folders: folders,
        };
        two.runs(1).await;
        two
    }

    /// Waits until a server runs the example.
    async fn runs(&self, at: usize) {
        let (mut client, begun) = (self.doors[at].client(), Instant::now());
        loop {
            let answer = client.call("customer.table", "search", &json!({ "limit": 1 }), None).await;
            if matches!(answer, Answer::Ok(_)) {
                return;
            }
            assert!(begun.elapsed() < FOLLOWS, "a server that shares all runs the example, not {answer:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Lets people write on both while something happens; answers what each server's people wrote together.
    async fn write_while(
        &mut self,
        happens: impl AsyncFnOnce(&mut [Machine; 2], &[Door; 2]),
    ) -> [Written; 2] {
        self.round += 1;
        let (stop, mut writers) = (Arc::<AtomicBool>::default(), JoinSet::new());
        for (at, door) in self.doors.iter().enumerate() {
            for number in 0..WRITERS {
                let label = format!("r{}s{at}w{number}", self.round);
                let writing = make_customers(door.clone(), label, Arc::clone(&stop));
                writers.spawn(async move { (at, writing.await) });
            }
        }
        tokio::time::sleep(WRITE).await;
        happens(&mut self.servers, &self.doors).await;
        tokio::time::sleep(WRITE).await;
        stop.store(true, Ordering::Relaxed);
        let mut all = [Written::default(), Written::default()];
        for (at, written) in writers.join_all().await {
            all[at].made.extend(written.made);
            all[at].refused += written.refused;
            all[at].lost |= written.lost;
        }
        println!("round {}: {:?}", self.round, all.each_ref().map(|it| (it.made.len(), it.refused, it.lost)));
        self.acknowledged.extend(all.iter().flat_map(|it| it.made.clone()));
        all
    }

    async fn check(&self, db: &TestDb, at: usize) {
        people::check(db, &self.doors[at], &self.acknowledged, self.before).await;
        self.servers[at].verify().await;
    }

    async fn clean(mut self, admin: &str) {
        let workspaces = self.servers[0].state().join("workspaces");
        let id = std::fs::read_dir(workspaces).unwrap().next().unwrap().unwrap().file_name();
        for server in &mut self.servers {
            server.stop().await;
        }
        drop_rows(admin, id.to_str().unwrap()).await;
        delete_stream(&nats_url().unwrap(), &self.prefix).await.unwrap();
    }
}

/// Nobody who wrote there noticed anything.
#[track_caller]
fn unnoticed(written: &Written) {
    assert!(!written.made.is_empty() && written.refused == 0 && !written.lost, "{written:?}");
}

async fn act(door: &Door, action: &str, input: &Value) -> Value {
    door.client().act("/demo/crm", action, input).await.ok()["output"].take()
}

async fn faults(db: &TestDb, two: &mut Two) {
    // One is killed: the other one goes on, and says what became of its calls.
    let [mine, theirs] = two.write_while(async |servers, _| servers[1].kill().await).await;
    unnoticed(&mine);
    assert!(theirs.lost && !theirs.made.is_empty());
    two.check(db, 0).await;
    two.doors[1].authority = two.servers[1].start().await;
    two.runs(1).await;

    // One stands still for longer than its lease, and goes on with what it had begun.
    let [theirs, mine] = two
        .write_while(async |servers, _| {
            servers[0].signal(Signal::STOP);
            tokio::time::sleep(Duration::from_millis(2 * LEASE_MS)).await;
            servers[0].signal(Signal::CONT);
            tokio::time::sleep(Duration::from_millis(LEASE_MS)).await;
        })
        .await;
    unnoticed(&mine);
    assert!(!theirs.lost);
    two.check(db, 1).await;

    // A release that one builds and makes live runs on both, and the first one again at once: no call fails.
    let written = two.write_while(async |_, doors| {
        let built = act(&doors[1], "build", &json!({})).await;
        for release in [&built["release"], &json!(1)] {
            assert_eq!(act(&doors[1], "publish", &json!({ "release": release })).await["state"], "live");
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    });
    for written in written.await {
        unnoticed(&written);
    }
    two.check(db, 0).await;

    // One is stopped in order while people write on it: what it has taken it finishes.
    let [mine, theirs] = two.write_while(async |servers, _| servers[1].stop().await).await;
    unnoticed(&mine);
    assert!(!theirs.made.is_empty());
    two.check(db, 0).await;
    two.doors[1].authority = two.servers[1].start().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_on_another_server_notices_nothing_of_one_that_is_killed_or_stopped() {
    let Some(nats) = nats_url() else { return println!("skipped: no NATS") };
    for db in testing::engines().await.unwrap() {
        let Some(admin) = admin_of(&db) else { continue };
        let mut two = Two::on(&db, &admin, &nats).await;
        faults(&db, &mut two).await;
        two.clean(&admin).await;
    }
    assert!(variable("CI").is_none() || variable(POSTGRES_URL).is_some(), "CI needs PostgreSQL");
}
