//! A listener, its connections, and the end of both.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::Service;

use crate::{Server, caller::Peer};

/// Longest wait for the head of a request: a connection that says nothing is closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that are open at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 8_192;
/// Pause after the system had no room for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on `listener` until `stop` is ready; then takes no more, tells the server, and waits for what runs at most
/// `patience`.
pub async fn serve(
    listener: TcpListener,
    server: &Server,
    stop: impl Future<Output = ()>,
    patience: Duration,
) {
    let router = server.router();
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let next = async || {
        let place = Arc::clone(&places).acquire_owned().await;
        (listener.accept().await, place.ok())
    };
    tokio::pin!(stop);
    loop {
        tokio::select! {
            (accepted, place) = next() => accept(accepted, &router, &connections, place).await,
            () = &mut stop => break,
        }
    }
    drop(listener);
    server.stop();
    if tokio::time::timeout(patience, connections.shutdown()).await.is_err() {
        tracing::warn!("stopped while requests were still running");
    }
}

async fn accept(
    accepted: io::Result<(TcpStream, SocketAddr)>,
    router: &Router,
    connections: &GracefulShutdown,
    place: Option<OwnedSemaphorePermit>,
) {
    let (stream, peer) = match accepted {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::warn!(%error, "could not accept a connection");
            return tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    server.http2().timer(TokioTimer::new());
    let router = router.clone();
    let answer = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip().to_canonical()));
        let answering = router.clone().call(request.map(Body::new));
        async move { Ok::<_, Infallible>(answering.await.unwrap_or_else(|never| match never {})) }
    });
    let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), answer).into_owned();
    let watched = connections.watch(connection);
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection broke off");
        }
    });
}
