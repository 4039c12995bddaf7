//! An app from its start until it has come to its link, on this machine.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use kageos_core::{Code, Error, Result, sql::ServerAddress};
use tokio::{
    net::{UnixListener, UnixStream},
    time::timeout,
};

use super::{Driver, Launch, Running, SOCKET};
use crate::runtime::forward::Forwarding;

/// An app that has come to its link.
#[derive(Debug)]
pub(in crate::runtime) struct Entered<S> {
    pub(in crate::runtime) running: Running,
    /// Its end of the link.
    pub(in crate::runtime) stream: S,
    /// The folder of the link, as it sees it.
    pub(in crate::runtime) link: PathBuf,
    /// Its own folder, as it sees it.
    pub(in crate::runtime) data: PathBuf,
    /// The way to its database server, which ends with it.
    pub(in crate::runtime) forwarding: Option<Forwarding>,
    /// What keeps it apart, and where.
    pub(in crate::runtime) sandbox: String,
}

impl Driver {
    /// Starts an app and waits until it comes to its link, at most `within`. With `database` it finds a socket of that name
    /// in the folder of its link, which leads to that one address.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason.
    pub(in crate::runtime) async fn enter(
        &self,
        launch: &Launch<'_>,
        database: Option<(&str, &ServerAddress)>,
        within: Duration,
    ) -> Result<Entered<UnixStream>> {
        let listener = listen(launch.link).map_err(failed)?;
        let forwarding = database.map(|(socket, address)| Forwarding::begin(launch.link, socket, address));
        let forwarding = forwarding.transpose().map_err(failed)?;
        let mut running = self.start(launch).await?;
        match come(listener, launch.link, within, &mut running).await {
            Ok(stream) => Ok(Entered {
                running,
                stream,
                link: self.link(launch.link),
                data: self.data(launch.data),
                forwarding,
                sandbox: self.as_str().to_owned(),
            }),
            Err(error) => {
                running.kill().await;
                Err(error)
            }
        }
    }
}

fn failed(error: io::Error) -> Error {
    Error::new(Code::Unavailable, "The app cannot be started.").caused_by(error)
}

fn listen(link: &Path) -> io::Result<UnixListener> {
    // Who can reach the socket could take the app's place.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(link)?;
    fs::set_permissions(link, fs::Permissions::from_mode(0o700))?;
    let socket = link.join(SOCKET);
    match fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(socket)
}

/// Waits until the app comes; nobody else gets in after it.
async fn come(
    listener: UnixListener,
    link: &Path,
    within: Duration,
    running: &mut Running,
) -> Result<UnixStream> {
    let stream = tokio::select! {
        come = timeout(within, listener.accept()) => match come {
            Ok(come) => come.map_err(failed)?.0,
            Err(_) => return Err(Error::new(Code::Unavailable, "The app did not come to its link in time.")),
        },
        ending = running.wait() => {
            let how = ending.unwrap_or_default();
            return Err(Error::new(Code::Unavailable, format!("The app ended before it was ready: {how}.")));
        }
    };
    drop(listener);
    let _ = fs::remove_file(link.join(SOCKET));
    Ok(stream)
}
