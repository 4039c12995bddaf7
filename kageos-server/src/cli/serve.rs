//! `kagectl serve`, and the server itself.

use kageos_core::Result;
use serde::Serialize;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{Session, failure::Context, logging};
use crate::{
    config::Config,
    serve::serve,
    server::Server,
    state::{RunLock, Secrets},
};

/// A server whose listener is bound and which does not answer yet.
pub(super) struct Started {
    lock: RunLock,
    listener: TcpListener,
    server: Server,
    config: Config,
    pub(super) secrets: Secrets,
    pub(super) address: String,
}

#[derive(Serialize)]
struct Listening<'a> {
    address: &'a str,
}

pub(super) async fn run(session: &Session) -> Result<()> {
    let started = start(session).await?;
    let listening = Listening { address: &started.address };
    session.output.result(&listening, || format!("Kageos answers at {}", started.address));
    answer(started).await
}

/// Takes the state folder, opens what the server works with and binds its address.
pub(super) async fn start(session: &Session) -> Result<Started> {
    let secrets = session.state.init(&*session.env.entropy).context("the state folder")?;
    let config = session.config()?;
    let mut lock = RunLock::acquire(&session.state).context("the state folder")?;
    logging::start(&session.state, &config.log.filter)?;
    let listener = TcpListener::bind(config.server.address)
        .await
        .context(&format!("server.address {}", config.server.address))?;
    let address = format!("http://{}", listener.local_addr().context("server.address")?);
    let server = Server::builder().config(config.clone()).env(session.env.clone()).build();
    lock.announce(&address).context("run/lock")?;
    Ok(Started { lock, listener, server, config, secrets, address })
}

/// Answers until the process is told to end.
pub(super) async fn answer(started: Started) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    let stop = async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    };
    tracing::info!(address = started.address, "the server answers");
    serve(started.listener, started.server.router(), stop, started.config.server.shutdown_timeout).await;
    tracing::info!("the server stopped");
    drop(started.lock);
    Ok(())
}
