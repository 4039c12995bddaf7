//! A server and two runtime nodes as processes of their own, on a real NATS and a database server. The node that runs the
//! app is killed, or stopped for longer than its lease, while people write; what was acknowledged is there once, and every
//! call has one outcome, which agrees with what took effect.

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
    sql::{
        Db, DbOptions,
        testing::{MYSQL_URL, POSTGRES_URL},
    },
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};

use super::{
    client::{Answer, Door},
    machine::Machine,
    people::{self, Written, drop_rows, make_customers},
};
use crate::process::variable;

/// A node that is busy for less than a third of it is not lost.
const LEASE_MS: u64 = 9_000;
const WRITERS: usize = 4;
/// How long people write before a fault, and after it is mended.
const WRITE: Duration = Duration::from_millis(700);
/// An app whose node is lost runs elsewhere, and what became of its calls is known, in this time.
const MENDED: Duration = Duration::from_secs(60);

/// The platform, its nodes, and what its people know.
struct World {
    server: Machine,
    nodes: [Machine; 2],
    door: Door,
    prefix: String,
    /// Names of customers whose making was acknowledged.
    acknowledged: BTreeSet<String>,
    /// Calls that had made customers before anybody wrote here.
    before: i64,
    round: u32,
    _folders: [TempDir; 3],
}

impl World {
    async fn on(database: &str, nats: &str) -> Self {
        let prefix = format!("test_{}", StreamId::new(&Env::system()));
        let of = |more: &[(&str, &str)]| {
            let given = [("KAGEOS_BUS__URL", nats), ("KAGEOS_BUS__PREFIX", &prefix)];
            let all = given.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            all.collect::<Vec<_>>()
        };
        let folders =
            [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let node = |at: usize, name: &str| {
            let given = of(&[("KAGEOS_NODE__ROLE", "runtime"), ("KAGEOS_NODE__NAME", name)]);
            Machine::given(folders[at].path(), given)
        };
        let mut nodes = [node(0, "one"), node(1, "other")];
        for node in &mut nodes {
            join(node).await;
        }
        let lease = LEASE_MS.to_string();
        let given = of(&[
            ("KAGEOS_RUNTIME__PLACE", "nodes"),
            ("KAGEOS_WORKSPACES__ADMIN_URL", database),
            ("KAGEOS_NODE__LEASE_MS", &lease),
        ]);
        let mut server = Machine::given(folders[2].path(), given);
        let door = server.bootstrap().await;
        let acknowledged = BTreeSet::new();
        let mut world =
            Self { server, nodes, door, prefix, acknowledged, before: 0, round: 0, _folders: folders };
        world.before = people::made(&world.platform().await).await;
        world
    }

    /// Which node runs the app.
    async fn place(&self) -> usize {
        let db = self.platform().await;
        let row = db.fetch_one("SELECT node FROM runtime_place WHERE number = 1", &[]).await.unwrap();
        usize::from(row.text("node").unwrap() == "other")
    }

    async fn platform(&self) -> Db {
        let url = format!("sqlite:{}", self.server.platform_file().display());
        Db::open(&DbOptions::new(url)).await.unwrap()
    }

    /// People write until they are told to stop.
    fn write(&mut self) -> (Arc<AtomicBool>, JoinSet<Written>) {
        self.round += 1;
        let (stop, mut writers) = (Arc::<AtomicBool>::default(), JoinSet::new());
        for number in 0..WRITERS {
            let label = format!("r{}w{number}", self.round);
            writers.spawn(make_customers(self.door.clone(), label, Arc::clone(&stop)));
        }
        (stop, writers)
    }

    /// Waits until the app answers again, lets people write some more, and checks all that is known.
    /// Answers how many calls were refused.
    async fn mended(&mut self, stop: &AtomicBool, writers: JoinSet<Written>) -> usize {
        let (mut client, begun) = (self.door.client(), Instant::now());
        let search = json!({ "limit": 1 });
        loop {
            let answer = client.call("customer.table", "search", &search, None).await;
            if matches!(answer, Answer::Ok(_)) {
                break;
            }
            assert!(
                begun.elapsed() < MENDED,
                "round {}: the app runs elsewhere in time, not {answer:?}",
                self.round
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        println!("round {}: mended after {:?}", self.round, begun.elapsed());
        tokio::time::sleep(WRITE).await;
        stop.store(true, Ordering::Relaxed);
        let written = writers.join_all().await;
        assert!(written.iter().all(|it| !it.lost), "the server itself stays");
        self.acknowledged.extend(written.iter().flat_map(|it| it.made.clone()));
        self.check().await;
        written.iter().map(|it| it.refused).sum()
    }

    /// Does something to the example's workspace.
    async fn act(&self, action: &str, input: &Value) -> Value {
        self.door.client().act("/demo/crm", action, input).await.ok()["output"].take()
    }

    async fn check(&self) {
        people::check(&self.platform().await, &self.door, &self.acknowledged, self.before).await;
        self.server.verify().await;
    }

    async fn clean(mut self, admin: &str, nats: &str) {
        let workspaces = self.server.state().join("workspaces");
        let id = std::fs::read_dir(workspaces).unwrap().next().unwrap().unwrap().file_name();
        self.server.stop().await;
        for node in &mut self.nodes {
            node.stop().await;
        }
        drop_rows(admin, id.to_str().unwrap()).await;
        delete_stream(nats, &self.prefix).await.unwrap();
    }
}

/// Starts a runtime node.
async fn join(node: &mut Machine) {
    let joined = node.try_start(&["serve"]).await.unwrap();
    assert!(joined["node"].is_string(), "{joined}");
}

#[expect(clippy::disallowed_methods, reason = "tests have no main that could hand the addresses in")]
async fn each_server(test: impl AsyncFn(&mut World)) {
    let Some(nats) = nats_url() else { return println!("skipped: no NATS") };
    for url in [POSTGRES_URL, MYSQL_URL].into_iter().filter_map(|name| std::env::var(name).ok()) {
        let mut world = World::on(&url, &nats).await;
        test(&mut world).await;
        world.clean(&url, &nats).await;
    }
    assert!(variable("CI").is_none() || variable(POSTGRES_URL).is_some(), "CI needs PostgreSQL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_whose_node_is_killed_or_stopped_goes_on_elsewhere_and_nothing_is_lost() {
    each_server(async |world| {
        let at = world.place().await;
        let (stop, writers) = world.write();
        tokio::time::sleep(WRITE).await;
        world.nodes[at].kill().await;
        world.mended(&stop, writers).await;
        assert_eq!(world.place().await, 1 - at, "it runs on the other node");
        join(&mut world.nodes[at]).await;

        // A node that is stopped and goes on finds that its place is another one's.
        let (stop, writers) = world.write();
        tokio::time::sleep(WRITE).await;
        world.nodes[1 - at].signal(Signal::STOP);
        world.mended(&stop, writers).await;
        assert_eq!(world.place().await, at);
        let (stop, writers) = world.write();
        world.nodes[1 - at].signal(Signal::CONT);
        tokio::time::sleep(WRITE).await;
        world.mended(&stop, writers).await;
        assert_eq!(world.place().await, at, "it stays where it is");

        // One that is told to end gives its apps away first: no call fails.
        let before = world.acknowledged.len();
        let (stop, writers) = world.write();
        tokio::time::sleep(WRITE).await;
        world.nodes[at].stop().await;
        assert_eq!(world.mended(&stop, writers).await, 0);
        assert_eq!(world.place().await, 1 - at);
        assert!(world.acknowledged.len() > before);
        let logs = world.server.run(&["workspace", "logs", "/demo/crm"]).await;
        let last = String::from_utf8_lossy(&logs.stdout).lines().rev().take(2).collect::<String>();
        assert!(last.contains("The app is started.") && last.contains("\"cut_off\":0"), "{last}");
        join(&mut world.nodes[at]).await;

        // Another release takes over, and the first one again at once: no call fails either.
        let (stop, writers) = world.write();
        let built = world.act("build", &json!({})).await;
        for release in [&built["release"], &json!(1)] {
            let live = world.act("publish", &json!({ "release": release })).await;
            let sandbox = live["sandbox"].as_str().unwrap();
            assert!(sandbox.ends_with(" on one") || sandbox.ends_with(" on other"), "{live}");
        }
        assert_eq!(world.mended(&stop, writers).await, 0);
    })
    .await;
}
