//! What a call costs to an app on a runtime node, over NATS on this machine, without log and door.

use std::{ffi::OsString, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use kageos_core::{Env, NodeId, log::NoLog, platform::release::RuntimePlaces};
use kageos_server::{
    StateDir,
    runtime::{
        AppOptions, Driver, Limits, NodeOptions, Nodes, NodesOptions, ProcessHost, Quota, RuntimeNode,
        Sandbox,
    },
};
use serde_json::Value;

use crate::{
    door::Place,
    link::{self, Nowhere},
};

/// How long the app may take to come.
const READY: Duration = Duration::from_secs(20);
/// A lease that a busy machine keeps.
const LEASE: Duration = Duration::from_secs(30);

/// Runs the echo of this program on a node, which starts it with the sandbox of this machine and `kagectl restrict`, and
/// keeps `callers` calls in flight for `seconds`.
pub(crate) async fn call(nats: &str, kagectl: PathBuf, callers: u32, seconds: u64) -> Result<Value> {
    let (env, folder) = (Env::system(), tempfile::tempdir()?);
    let place = Place::open(folder.path()).await?;
    let sandbox = Sandbox::find(&OsString::from("/usr/local/bin:/usr/bin:/bin")).context("bubblewrap")?;
    let prefix = format!("bench_{}", NodeId::new(&env));
    let state = StateDir::at(folder.path().join("of-node"));
    state.init(&*env.entropy)?;
    let node = RuntimeNode::open(NodeOptions {
        url: nats.to_owned(),
        prefix: prefix.clone(),
        name: "bench".to_owned(),
        labels: Vec::new(),
        capacity: 1,
        driver: Driver::processes(sandbox, vec![kagectl.into(), "restrict".into()], None),
        containers: None,
        limits: Limits::default(),
        state,
        cache: u64::MAX,
        env: env.clone(),
    })
    .await?;
    let places = RuntimePlaces::new(place.platform.db().clone(), "");
    let options = NodesOptions { url: nats.to_owned(), prefix, labels: Vec::new(), lease: LEASE, places };
    let nodes = Nodes::open(&env, options).await?;
    let host = ProcessHost::start(
        env.clone(),
        AppOptions {
            workspace: "/bench/echo".parse()?,
            program: std::env::current_exe()?,
            origin: None,
            arguments: vec!["link".into(), "hosted".into(), "-".into()],
            data: folder.path().join("data"),
            database: None,
            link: folder.path().join("link"),
            driver: Driver::nodes(nodes, NodeId::new(&env), 1),
            limits: Limits::default(),
            quota: Arc::new(Quota::of(u64::MAX)),
            ready_within: READY,
            answers_within: READY,
            idle: LEASE,
            cursor_key: [0; 32],
            dispatch: Arc::new(Nowhere),
            files: Arc::new(Nowhere),
            http: None,
            python: None,
            logs: Arc::new(NoLog),
            steps: None,
        },
    )
    .await?;
    let measured = link::measure(Arc::<ProcessHost>::clone(&host), callers, seconds).await;
    host.stop(Duration::ZERO).await;
    node.close(READY).await;
    measured
}
