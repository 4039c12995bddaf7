//! Apps on runtime nodes: what a place is, who has it, and what becomes of it when a node ends, is lost or comes back.
//!
//! Real nodes on a real NATS, in this process; `faults::nodes` has them as processes of their own.

use std::{sync::Arc, time::Duration};

use kageos_core::{
    Code, Env, Host, HostError, NodeId, StreamId, bus::testing::nats_url, platform::release::RuntimePlaces,
};
use kageos_sdk::testkit::Kit;
use kageos_server::{
    StateDir,
    runtime::{Driver, Limits, NodeOptions, Nodes, NodesOptions, ProcessHost, RuntimeNode},
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    process::{Folders, drivers, eventually, kit, late, said, try_kit, variable},
    site::Site,
};

/// As short as it may be: tests wait for it.
const LEASE: Duration = Duration::from_secs(1);
const WAIT: Duration = Duration::from_secs(30);

/// The address of NATS; CI has it.
fn nats() -> Option<String> {
    let url = nats_url();
    assert!(url.is_some() || variable("CI").is_none(), "CI needs NATS");
    url
}

/// Runtime nodes and the server that uses them.
pub(crate) struct Cluster {
    nodes: Nodes,
    url: String,
    prefix: String,
    places: RuntimePlaces,
    running: Vec<(RuntimeNode, TempDir)>,
    _site: Site,
}

impl Cluster {
    /// A server without a node; `None` where there is no NATS.
    pub(crate) async fn new() -> Option<Self> {
        let url = nats()?;
        let site = Site::new().await;
        let prefix = format!("test_{}", StreamId::new(&Env::system()));
        let places = RuntimePlaces::new(site.platform.db().clone(), "");
        let nodes = server(&url, &prefix, &places, &[]).await;
        Some(Self { nodes, url, prefix, places, running: Vec::new(), _site: site })
    }

    /// With one node, which starts apps with this driver.
    pub(crate) async fn of_one(driver: Driver) -> Option<Self> {
        let mut cluster = Self::new().await?;
        cluster.join("one", driver, |_| {}).await;
        Some(cluster)
    }

    async fn join(&mut self, name: &str, driver: Driver, change: impl FnOnce(&mut NodeOptions)) {
        let folder = TempDir::new().unwrap();
        let mut options = NodeOptions {
            url: self.url.clone(),
            prefix: self.prefix.clone(),
            name: name.to_owned(),
            labels: Vec::new(),
            capacity: 100,
            driver,
            containers: None,
            limits: Limits::default(),
            state: StateDir::at(folder.path()),
            cache: u64::MAX,
            env: Env::system(),
        };
        change(&mut options);
        options.state.init(&*Env::system().entropy).unwrap();
        self.running.push((RuntimeNode::open(options).await.unwrap(), folder));
    }

    /// What starts an app of a workspace of its own.
    pub(crate) fn driver(&self) -> Driver {
        Driver::nodes(self.nodes.clone(), NodeId::new(&Env::system()), 1)
    }

    fn apps(&self) -> Vec<usize> {
        self.running.iter().map(|(node, _)| node.apps()).collect()
    }
}

async fn server(url: &str, prefix: &str, places: &RuntimePlaces, labels: &[&str]) -> Nodes {
    let options = NodesOptions {
        url: url.to_owned(),
        prefix: prefix.to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        lease: LEASE,
        places: places.clone(),
    };
    Nodes::open(&Env::system(), options).await.unwrap()
}

/// A cluster of these nodes, and what keeps apps apart on them.
async fn cluster(names: &[&str]) -> Option<(Cluster, Driver)> {
    let driver = drivers().into_iter().next()?;
    let mut cluster = Cluster::new().await?;
    for name in names {
        cluster.join(name, driver.clone(), |_| {}).await;
    }
    Some((cluster, driver))
}

async fn app(cluster: &Cluster, folders: &Folders) -> (Kit, Arc<ProcessHost>) {
    kit(folders, &cluster.driver(), &[], |_| {}).await
}

#[tokio::test]
async fn apps_are_spread_over_the_nodes_that_have_room() {
    let Some((cluster, _)) = cluster(&["a", "b"]).await else { return };
    let folders = [Folders::new(), Folders::new(), Folders::new(), Folders::new()];
    let mut kits = Vec::new();
    for folder in &folders {
        kits.push(app(&cluster, folder).await);
    }
    assert_eq!(cluster.apps(), [2, 2]);
    for (kit, _) in &kits {
        kit.call("act.form", "submit", json!({ "what": "own" })).await.unwrap();
    }
    // What was ended leaves nothing on its node.
    for (_, host) in &kits {
        host.stop(Duration::ZERO).await;
    }
    assert_eq!(cluster.apps(), [0, 0]);
    for (_, folder) in &cluster.running {
        let left = |name: &str| std::fs::read_dir(folder.path().join(name)).unwrap().count();
        assert_eq!((left("apps"), left("programs")), (0, 1));
    }
}

#[tokio::test]
async fn a_node_without_what_is_asked_for_is_not_used_and_the_reason_is_told() {
    let Some((mut cluster, driver)) = cluster(&["plain"]).await else { return };
    cluster.nodes = server(&cluster.url, &cluster.prefix, &cluster.places, &["gpu"]).await;
    let start = async |cluster: &Cluster, folders: &Folders| {
        try_kit(folders, &cluster.driver(), &[], |_| {}).await.map(|(kit, _)| kit)
    };
    let folders = [Folders::new(), Folders::new(), Folders::new()];
    let why = start(&cluster, &folders[0]).await.map(drop).unwrap_err();
    assert_eq!(why.code, Code::Unavailable);
    assert!(why.message.contains("plain lacks the label gpu"), "{why:?}");
    cluster
        .join("strong", driver, |options| {
            options.labels = vec!["gpu".to_owned()];
            options.capacity = 1;
        })
        .await;
    let one = eventually(async || start(&cluster, &folders[1]).await.ok()).await;
    assert_eq!(cluster.apps(), [0, 1]);
    let why = start(&cluster, &folders[2]).await.map(drop).unwrap_err();
    assert!(why.message.contains("strong runs 1 of 1 apps"), "{why:?}");
    drop(one);
}

#[tokio::test]
async fn the_app_of_a_release_has_one_place_at_a_time() {
    let Some((cluster, _)) = cluster(&["a", "b"]).await else { return };
    let (workspace, folders) = (NodeId::new(&Env::system()), [Folders::new(), Folders::new()]);
    let (kit_one, one) =
        kit(&folders[0], &Driver::nodes(cluster.nodes.clone(), workspace, 1), &[], |_| {}).await;
    let before = cluster.places.find(workspace, 1).await.unwrap().unwrap();
    // Another server that takes the workspace over: a process of its own on the same database.
    let other = server(&cluster.url, &cluster.prefix, &cluster.places, &[]).await;
    let (kit_two, _two) = kit(&folders[1], &Driver::nodes(other, workspace, 1), &[], |_| {}).await;
    let after = cluster.places.find(workspace, 1).await.unwrap().unwrap();
    assert!(before.token < after.token);
    assert_eq!(cluster.apps().iter().sum::<usize>(), 1, "the first has ended before the second began");
    eventually(async || said(&kit_one, "The app did not answer and was killed.").pop()).await;
    kit_two.call("act.form", "submit", json!({ "what": "own" })).await.unwrap();
    // Another release of it takes over while this one still has calls.
    let folder = Folders::new();
    let next = kit(&folder, &Driver::nodes(cluster.nodes.clone(), workspace, 2), &[], |_| {}).await;
    assert_eq!(cluster.apps().iter().sum::<usize>(), 2);
    kit_two.call("act.form", "submit", json!({ "what": "own" })).await.unwrap();
    drop(next);
    // A place that was given up starts nothing: not even for who still believes to have it.
    let now = Env::system().now();
    let stale = cluster.places.take((workspace, 1), Some(&before), ("a", "x"), now).await.unwrap_err();
    assert_eq!(stale.code, Code::Conflict);
    drop(one);
}

#[tokio::test]
async fn calls_that_a_lost_node_cut_off_are_asked_of_the_next_one() {
    let Some((mut cluster, driver)) = cluster(&["a"]).await else { return };
    let folders = Folders::new();
    let (kit, host) = app(&cluster, &folders).await;
    kit.call("act.form", "submit", json!({ "what": "own" })).await.unwrap();
    let call = late(&kit, "act.form", "late");
    let running = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.call(call).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    cluster.join("b", driver, |_| {}).await;
    // The process of the node is gone with all that it has started, and says nothing any more.
    let (node, _folder) = cluster.running.remove(0);
    drop(node);
    let error = tokio::time::timeout(WAIT, running).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(&error, HostError::CutOff(error) if error.code == Code::Unavailable), "{error:?}");
    let why = host.call(late(&kit, "act.form", "own")).await.unwrap_err();
    let told = |why: &HostError| match why {
        HostError::Refused(why) => why.code == Code::Unavailable && why.message.contains("is lost"),
        _ => false,
    };
    assert!(told(&why), "{why:?}");
    // Once the lost node cannot run it any more, it is started on the other one.
    eventually(async || host.health().await.ok()).await;
    assert_eq!(cluster.apps(), [1]);
    assert!(host.fence(late(&kit, "act.form", "own").id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_node_that_ends_lets_its_apps_go_elsewhere_and_loses_no_call() {
    let Some((mut cluster, driver)) = cluster(&["a"]).await else { return };
    let (workspace, folders) = (NodeId::new(&Env::system()), Folders::new());
    let driver_of = Driver::nodes(cluster.nodes.clone(), workspace, 1);
    let (kit, host) = kit(&folders, &driver_of, &[], |options| {
        // It is looked four times in this time whether the app has to move.
        options.answers_within = Duration::from_secs(2);
    })
    .await;
    let before = cluster.places.find(workspace, 1).await.unwrap().unwrap();
    cluster.join("b", driver, |_| {}).await;
    let (leaving, _folder) = cluster.running.remove(0);
    let calls = tokio::spawn(async move {
        let mut answers = Vec::new();
        for _ in 0..60 {
            answers.push(kit.call("act.form", "submit", json!({ "what": "plain" })).await.map(drop));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        answers
    });
    leaving.close(WAIT).await;
    let answers = calls.await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(cluster.apps(), [1]);
    let after = cluster.places.find(workspace, 1).await.unwrap().unwrap();
    assert_eq!((before.node.as_str(), after.node.as_str()), ("a", "b"));
    drop(host);
}

/// A way to NATS that can be cut.
struct Way {
    address: String,
    open: watch::Sender<bool>,
}

impl Way {
    async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("nats://{}", listener.local_addr().unwrap());
        let (to, open) = (url.trim_start_matches("nats://").to_owned(), watch::Sender::new(true));
        let seen = open.subscribe();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (to, mut seen) = (to.clone(), seen.clone());
                tokio::spawn(async move {
                    if !*seen.borrow() {
                        return;
                    }
                    let mut server = TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = seen.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { address, open }
    }
}

#[tokio::test]
async fn a_node_that_is_cut_off_ends_what_it_runs_whatever_that_says_and_comes_back() {
    let Some((mut cluster, driver)) = cluster(&[]).await else { return };
    let way = Way::to(&cluster.url).await;
    cluster.join("far", driver, |options| options.url.clone_from(&way.address)).await;
    let folders = Folders::new();
    let (kit, host) = kit(&folders, &cluster.driver(), &["--nocapture"], |_| {}).await;
    let loud = late(&kit, "probe.form", "loud");
    let talking = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.call(loud).await }
    });
    way.open.send_replace(false);
    let error = tokio::time::timeout(WAIT, talking).await.unwrap().unwrap();
    assert!(!matches!(&error, Err(HostError::Ended(_))), "{error:?}");
    eventually(async || (cluster.apps() == [0]).then_some(())).await;
    way.open.send_replace(true);
    eventually(async || host.health().await.ok()).await;
    assert_eq!(cluster.apps(), [1]);
}

#[tokio::test]
async fn a_node_on_a_folder_that_a_server_had_leaves_its_workspaces() {
    let Some((mut cluster, driver)) = cluster(&[]).await else { return };
    let folder = TempDir::new().unwrap();
    let rows = folder.path().join("workspaces/01/data/app.db");
    std::fs::create_dir_all(rows.parent().unwrap()).unwrap();
    std::fs::write(&rows, "rows").unwrap();
    cluster.join("a", driver, |options| options.state = StateDir::at(folder.path())).await;
    let folders = Folders::new();
    let (_kit, host) = app(&cluster, &folders).await;
    host.stop(Duration::ZERO).await;
    assert_eq!(std::fs::read_to_string(rows).unwrap(), "rows");
}

#[tokio::test]
async fn what_runs_for_a_server_that_is_gone_ends_with_its_lease() {
    let Some((cluster, _)) = cluster(&["a"]).await else { return };
    let (url, prefix, places) = (cluster.url.clone(), cluster.prefix.clone(), cluster.places.clone());
    // As a process that was killed: whatever it would still say ends with what runs it.
    let server_that_dies = move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folders = Folders::new();
        let started = runtime.block_on(async {
            let nodes = server(&url, &prefix, &places, &[]).await;
            kit(&folders, &Driver::nodes(nodes, NodeId::new(&Env::system()), 1), &[], |_| {}).await
        });
        runtime.shutdown_background();
        drop(started);
    };
    tokio::task::spawn_blocking(server_that_dies).await.unwrap();
    assert_eq!(cluster.apps(), [1]);
    eventually(async || (cluster.apps() == [0]).then_some(())).await;
}
