//! A process of an app, from its start to its end.

use std::{path::Path, sync::Arc, time::Duration};

use kageos_core::{
    Code, Env, Error, Result,
    link::{LinkHost, LinkOptions},
    sql::Forward,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    sync::Mutex,
    time::timeout,
};

use super::{
    driver::{Ending, Entered, Launch, Running},
    forward::Forwarding,
    nodes::Placed,
    options::AppOptions,
    process::DATABASE,
};

/// How long an app may take to end when it is told to, before it is killed.
const END: Duration = Duration::from_secs(2);

/// A process that runs. It is killed when nobody has it any more.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) host: Arc<LinkHost>,
    running: Mutex<Running>,
    pub(super) pid: Option<u32>,
    /// What keeps it apart, and where.
    pub(super) sandbox: String,
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
    /// Starts a process, in a place elsewhere when there is one, and lets its app in.
    pub(super) async fn start(env: &Env, options: &AppOptions, placed: Option<Placed>) -> Result<Arc<Self>> {
        match placed {
            None => Self::let_in(env, options, Self::here(options).await?).await,
            Some(placed) => Self::let_in(env, options, placed.enter(options).await?).await,
        }
    }

    /// An app on this machine.
    async fn here(options: &AppOptions) -> Result<Entered<UnixStream>> {
        let forward = forward(options, &options.driver.link(&options.link))?;
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
        let database = forward.as_ref().map(|forward| (forward.socket, &forward.address));
        options.driver.enter(&launch, database, options.ready_within).await
    }

    /// Lets in an app that has come to its link.
    async fn let_in<S: AsyncRead + AsyncWrite + Send + 'static>(
        env: &Env,
        options: &AppOptions,
        mut entered: Entered<S>,
    ) -> Result<Arc<Self>> {
        let file = entered.data.join(DATABASE);
        let forward = forward(options, &entered.link)?;
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
            steps: options.steps.clone(),
        };
        match LinkHost::accept(entered.stream, env.clone(), link).await {
            Ok(host) => {
                let Entered { running, forwarding, sandbox, .. } = entered;
                let (pid, running) = (running.pid(), Mutex::new(running));
                Ok(Arc::new(Self { host, running, pid, sandbox, _forwarding: forwarding }))
            }
            Err(error) => {
                entered.running.kill().await;
                Err(error)
            }
        }
    }

    /// Whether it has to be started on another runtime node, because its own is about to end.
    pub(super) fn has_to_move(&self) -> bool {
        // Whoever holds it ends it.
        self.running.try_lock().is_ok_and(|running| running.has_to_move())
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

    /// Whether the runtime node that it was on is lost.
    pub(super) fn is_lost(&self) -> bool {
        self.running.try_lock().is_ok_and(|running| running.is_lost())
    }

    /// Why something of it may run that was ended.
    pub(super) async fn stays(&self) -> Error {
        self.running.lock().await.stays()
    }

    /// Ends it at once; answers whether nothing of it runs any more.
    pub(super) async fn kill(&self) -> bool {
        let gone = self.running.lock().await.kill().await;
        self.host.drain(Duration::ZERO).await;
        gone
    }
}

/// The way to the rows of an app on a database server, through a socket in this folder.
pub(super) fn forward(options: &AppOptions, link: &Path) -> Result<Option<Forward>> {
    let Some(database) = &options.database else { return Ok(None) };
    database.through_socket(link).map_err(|error| {
        Error::new(Code::Unavailable, "The app's database cannot be reached.").caused_by(error)
    })
}
