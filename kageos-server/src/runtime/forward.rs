//! The way to its database server that an app has: a socket in its folder, forwarded to that one address.

use std::{io, path::Path, sync::Arc, time::Duration};

use kageos_core::sql::ServerAddress;
use tokio::{
    io::copy_bidirectional,
    net::{TcpStream, UnixListener, UnixStream},
    sync::Semaphore,
    task::JoinHandle,
};

/// Most connections of one app at a time: those of its pool, and some that are ending.
const CONNECTIONS: usize = 64;

/// Pause after a connection that could not be taken.
const AGAIN: Duration = Duration::from_millis(200);

/// Forwards until it is dropped.
#[derive(Debug)]
pub(super) struct Forwarding(JoinHandle<()>);

impl Forwarding {
    /// Listens in the folder of the link.
    pub(super) fn begin(link: &Path, socket: &str, address: &ServerAddress) -> io::Result<Self> {
        let socket = link.join(socket);
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        Ok(Self(tokio::spawn(serve(listener, address.clone()))))
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        // The socket stays: the next process may have bound its own there already.
        self.0.abort();
    }
}

async fn serve(listener: UnixListener, address: ServerAddress) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, perhaps; that passes.
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        let address = address.clone();
        connections.spawn(async move {
            if let Err(error) = connect(stream, &address).await {
                tracing::debug!(%error, "a connection of an app to its database has ended");
            }
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(mut app: UnixStream, address: &ServerAddress) -> io::Result<()> {
    match address {
        ServerAddress::Tcp(host, port) => {
            let mut server = TcpStream::connect((host.as_str(), *port)).await?;
            server.set_nodelay(true)?;
            copy_bidirectional(&mut app, &mut server).await.map(drop)
        }
        ServerAddress::Unix(path) => {
            let mut server = UnixStream::connect(path).await?;
            copy_bidirectional(&mut app, &mut server).await.map(drop)
        }
    }
}
