//! A process of an app, from its start to its end.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use kageos_core::{
    Code, Env, Error, Result,
    link::{LinkHost, LinkOptions},
};
use tokio::{net::UnixListener, sync::Mutex, time::timeout};

use kageos_core::sql::Forward;

use super::{
    driver::{Ending, Launch, Running, SOCKET},
    forward::Forwarding,
    process::{AppOptions, DATABASE},
};

/// How long an app may take to end when it is told to, before it is killed.
const END: Duration = Duration::from_secs(2);

/// A process that runs. It is killed when nobody has it any more.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) host: Arc<LinkHost>,
    running: Mutex<Running>,
    pub(super) pid: Option<u32>,
    /// The way to its database server, which ends with it.
    _forwarding: Option<Forwarding>,
}

/// How a process ended.
pub(super) struct Ended {
    /// Calls that were cut off.
    pub(super) cut_off: usize,
    /// How it ended by itself; `None` when it was killed.
    pub(super) ending: Option<Ending>,
    /// Nothing of it runs any more.
    pub(super) gone: bool,
}

impl Live {
    /// Starts a process and lets its app in.
    pub(super) async fn start(env: &Env, options: &AppOptions) -> Result<Arc<Self>> {
        let failed =
            |error: io::Error| Error::new(Code::Unavailable, "The app cannot be started.").caused_by(error);
        let listener = listen(&options.link).map_err(failed)?;
        let link_inside = options.driver.link(&options.link);
        let forward = match &options.database {
            Some(database) => database.through_socket(&link_inside).map_err(|error| {
                Error::new(Code::Unavailable, "The app's database cannot be reached.").caused_by(error)
            })?,
            None => None,
        };
        let forwarding = match &forward {
            Some(forward) => Some(Forwarding::begin(&options.link, forward).map_err(failed)?),
            None => None,
        };
        let name = options.link.file_name().unwrap_or_default().to_string_lossy();
        let launch = Launch {
            name: &name,
            program: &options.program,
            arguments: &options.arguments,
            data: &options.data,
            link: &options.link,
            limits: &options.limits,
            logs: Arc::clone(&options.logs),
        };
        let mut running = options.driver.start(&launch).await?;
        let entered = Self::let_in(env, options, (listener, forward), &mut running).await;
        match entered {
            Ok(host) => {
                let pid = running.pid();
                Ok(Arc::new(Self { host, running: Mutex::new(running), pid, _forwarding: forwarding }))
            }
            Err(error) => {
                running.kill().await;
                Err(error)
            }
        }
    }

    /// Waits until the app comes to its link.
    async fn let_in(
        env: &Env,
        options: &AppOptions,
        (listener, forward): (UnixListener, Option<Forward>),
        running: &mut Running,
    ) -> Result<Arc<LinkHost>> {
        let failed =
            |error: io::Error| Error::new(Code::Unavailable, "The app cannot be started.").caused_by(error);
        let stream = tokio::select! {
            come = timeout(options.ready_within, listener.accept()) => match come {
                Ok(come) => come.map_err(failed)?.0,
                Err(_) => return Err(Error::new(Code::Unavailable, "The app did not come to its link in time.")),
            },
            ending = running.wait() => {
                let how = ending.unwrap_or_default();
                return Err(Error::new(Code::Unavailable, format!("The app ended before it was ready: {how}.")));
            }
        };
        // Nobody else gets in.
        drop(listener);
        let _ = fs::remove_file(options.link.join(SOCKET));
        let file = options.driver.data(&options.data).join(DATABASE);
        let link = LinkOptions {
            workspace: options.workspace.clone(),
            database: forward.map_or_else(|| format!("sqlite:{}", file.display()), |forward| forward.url),
            cursor_key: options.cursor_key,
            ready_within: options.ready_within,
            dispatch: Arc::clone(&options.dispatch),
            files: Arc::clone(&options.files),
            http: options.http.clone(),
            python: options.python.clone(),
            logs: Arc::clone(&options.logs),
        };
        LinkHost::accept(stream, env.clone(), link).await
    }

    pub(super) async fn end(&self, within: Duration) -> Ended {
        self.ended(within, END).await
    }

    /// Lets its calls end within a time, and then itself; after that it is killed.
    pub(super) async fn ended(&self, within: Duration, ends_within: Duration) -> Ended {
        let cut_off = self.host.drain(within).await;
        let mut running = self.running.lock().await;
        let ending = timeout(ends_within, running.wait()).await.ok().flatten();
        let gone = running.kill().await;
        Ended { cut_off, ending, gone }
    }

    /// Ends it at once; answers whether nothing of it runs any more.
    pub(super) async fn kill(&self) -> bool {
        let gone = self.running.lock().await.kill().await;
        self.host.drain(Duration::ZERO).await;
        gone
    }
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
