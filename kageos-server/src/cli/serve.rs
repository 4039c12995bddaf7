//! `kagectl serve`, and the server itself.

use std::{path::Path, sync::Arc};

use kageos_core::{
    Result, StreamId,
    bus::{
        Bus,
        nats::{NatsBus, NatsOptions},
    },
    platform::{
        Platform, PlatformOptions,
        oplog::{Seat, SigningKey},
    },
    sql::{Db, DbOptions},
};
use serde::Serialize;
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{Session, databases, example, failure::Context, logging, runtime};
use crate::{
    config::{Config, Role},
    files,
    runtime::{MOVE, Runtime, RuntimeNode, Sandbox},
    serve::serve,
    server::Server,
    state::{RunLock, Secrets},
};

/// A server whose listener is bound and which does not answer yet.
pub(super) struct Started {
    lock: RunLock,
    listener: TcpListener,
    server: Server,
    platform: Platform,
    /// The apps.
    runtime: Runtime,
    config: Config,
    pub(super) secrets: Secrets,
    pub(super) address: String,
}

#[derive(Serialize)]
struct Listening<'a> {
    address: &'a str,
}

pub(super) async fn run(session: &Session) -> Result<()> {
    if session.config()?.node.role == Role::Runtime {
        return node(session).await;
    }
    let started = start(session, runtime::sandbox(session, false)?, None).await?;
    let listening = Listening { address: &started.address };
    session.output.result(&listening, || format!("Kageos answers at {}", started.address));
    answer(started).await
}

/// A machine that runs apps for servers, until it is told to end.
async fn node(session: &Session) -> Result<()> {
    session.state.init(&*session.env.entropy).context("the state folder")?;
    let config = session.config()?;
    let lock = RunLock::acquire(&session.state).context("the state folder")?;
    logging::start(&session.state, &config.log.filter)?;
    let options = runtime::node(session)?;
    let name = options.name.clone();
    let node = RuntimeNode::open(options).await?;
    let apart = node.outlook()?;
    tracing::info!(name, apart, "the runtime node has joined");
    session.output.result(&json!({ "node": name, "apart": apart }), || {
        format!("The runtime node {name} runs apps: {apart}")
    });
    stopped()?.await;
    // As long as a server gives the calls of an app that moves.
    node.close(config.server.shutdown_timeout.max(MOVE)).await;
    tracing::info!("the runtime node stopped");
    drop(lock);
    Ok(())
}

/// Ends when the process is told to end.
fn stopped() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    })
}

/// Takes the state folder, opens what the server works with and binds its address. With the `sources` of Kageos the
/// example workspace is installed and its data loaded.
pub(super) async fn start(
    session: &Session,
    sandbox: Option<Sandbox>,
    sources: Option<&Path>,
) -> Result<Started> {
    session.state.init(&*session.env.entropy).context("the state folder")?;
    let config = session.config()?;
    let mut lock = RunLock::acquire(&session.state).context("the state folder")?;
    // Only now nobody replaces a key any more.
    let secrets = session.state.init(&*session.env.entropy).context("the state folder")?;
    logging::start(&session.state, &config.log.filter)?;
    let listener = TcpListener::bind(config.server.address)
        .await
        .context(&format!("server.address {}", config.server.address))?;
    let address = format!("http://{}", listener.local_addr().context("server.address")?);
    let platform = open(session, &config, &secrets, seat(session, &config, &lock)?).await?;
    let databases = databases::of(&config, &platform, &secrets)?;
    let apps = runtime::open(session, &platform, &secrets, databases.clone(), sandbox).await?;
    let settled = platform.recover().await?;
    if settled > 0 {
        tracing::info!(calls = settled, "settled the calls that were cut off");
    }
    if let Some(sources) = sources {
        example::install(session, &platform, sources).await?;
    }
    let builder = Server::builder(platform.clone()).config(config.clone());
    let builder = builder.local_token(secrets.local_token.clone());
    let builder = builder.databases(databases);
    let server = builder.state(session.state.clone(), Vec::new()).runtime(apps.clone()).build();
    lock.announce(&address).context("run/lock")?;
    Ok(Started { lock, listener, server, platform, runtime: apps, config, secrets, address })
}

/// Which server this is among those on its database; `None` when the database lies in the locked state folder, so that
/// there can be no other.
fn seat(session: &Session, config: &Config, lock: &RunLock) -> Result<Option<Seat>> {
    if config.database.url.is_none() {
        return Ok(None);
    }
    let node = session.state.node(&*session.env.entropy).context("the state folder")?;
    let nobody = || format!("nobody else {}", StreamId::new(&session.env));
    let holder = lock.holder().context("run/lock")?.unwrap_or_else(nobody);
    Ok(Some(Seat { node, holder, lease: config.node.lease }))
}

/// The way to other servers, when there is one.
pub(super) async fn bus(session: &Session, config: &Config) -> Result<Option<NatsBus>> {
    let Some(url) = &config.bus.url else { return Ok(None) };
    let options = NatsOptions::new(url, StreamId::new(&session.env)).prefix(&config.bus.prefix);
    NatsBus::open(options).await.map(Some).context("bus.url")
}

/// Opens the platform and makes the first account with its namespace.
async fn open(session: &Session, config: &Config, secrets: &Secrets, seat: Option<Seat>) -> Result<Platform> {
    let options = DbOptions::new(database_url(session, config)).synchronous(config.database.synchronous);
    let db = Db::open(&options).await.context("database.url")?;
    let options = PlatformOptions {
        seat,
        bus: bus(session, config).await?.map(|bus| Arc::new(bus) as Arc<dyn Bus>),
        audit: config.audit.reads,
        ..PlatformOptions::new(
            SigningKey::from_bytes(&secrets.log_key),
            session.state.heads_file(),
            files::open(&config.files, &session.state.objects_dir()).context("files.url")?,
        )
    };
    let platform = Platform::open(db, session.env.clone(), options).await?;
    let system = platform.identity().ensure_system(&secrets.system_password).await?;
    let own = format!("/{}", system.login).parse()?;
    platform.tree().ensure_namespace(&own, &system.name, system.id).await?;
    Ok(platform)
}

/// Where the platform's database is.
pub(super) fn database_url(session: &Session, config: &Config) -> String {
    let file = || format!("sqlite:{}", session.state.database_file().display());
    config.database.url.clone().unwrap_or_else(file)
}

/// Answers until the process is told to end.
pub(super) async fn answer(started: Started) -> Result<()> {
    let stop = stopped()?;
    tracing::info!(address = started.address, "the server answers");
    let sweeping = tokio::spawn(started.platform.clone().keep_swept());
    let keeping = tokio::spawn(started.runtime.clone().keep_house());
    serve(started.listener, &started.server, stop, started.config.server.shutdown_timeout).await;
    sweeping.abort();
    keeping.abort();
    started.runtime.close().await;
    started.platform.close().await;
    tracing::info!("the server stopped");
    drop(started.lock);
    Ok(())
}
