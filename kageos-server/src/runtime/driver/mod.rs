//! What starts apps and keeps them apart: a process in a sandbox, or a container.

mod account;
mod container;
mod ending;
mod restrict;
mod sandbox;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use kageos_core::{Code, Error, LogSink, LogSource, Result};
use tokio::process::{Child, Command};

use container::Container;
pub use container::Containers;
pub(super) use ending::{Ending, signal_name};
pub use restrict::{Limits, restrict};
pub(super) use sandbox::SOCKET;
pub use sandbox::Sandbox;

use super::logs::tell;

/// What starts apps and keeps them apart; cheap to clone.
#[derive(Debug, Clone)]
pub enum Driver {
    /// A process of this machine.
    Process {
        /// What keeps it apart.
        sandbox: Sandbox,
        /// The program and its arguments that sets [`Limits`] and becomes what follows: `kagectl restrict`.
        restrict: Vec<OsString>,
    },
    /// A container of an engine.
    Container(Containers),
}

/// What is started.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    /// What it is called among those of this server.
    pub(super) name: &'a str,
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [OsString],
    /// Its own folder.
    pub(super) data: &'a Path,
    /// The folder with its socket.
    pub(super) link: &'a Path,
    pub(super) limits: &'a Limits,
    pub(super) logs: Arc<dyn LogSink>,
}

/// What was started. It ends when nobody has it any more.
#[derive(Debug)]
pub(super) enum Running {
    Process(Child),
    Container(Container),
}

impl Driver {
    /// What it is called where people read of it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Process { sandbox, .. } => sandbox.as_str(),
            Self::Container(_) => "container",
        }
    }

    /// The app's folder as the app sees it.
    pub(super) fn data(&self, data: &Path) -> PathBuf {
        match self {
            Self::Process { sandbox, .. } => sandbox.data(data),
            Self::Container(_) => sandbox::DATA.into(),
        }
    }

    /// The folder of the link as the app sees it.
    pub(super) fn link(&self, link: &Path) -> PathBuf {
        match self {
            Self::Process { sandbox, .. } => sandbox.link(link),
            Self::Container(_) => sandbox::LINK.into(),
        }
    }

    /// Starts a program; what it writes to its outputs becomes lines of its log.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason.
    pub(super) async fn start(&self, launch: &Launch<'_>) -> Result<Running> {
        match self {
            Self::Process { sandbox, restrict } => {
                account::give(launch, None).await?;
                process(sandbox, restrict, launch).map(Running::Process)
            }
            Self::Container(containers) => containers.start(launch).await.map(Running::Container),
        }
    }
}

fn process(sandbox: &Sandbox, restrict: &[OsString], launch: &Launch<'_>) -> Result<Child> {
    let words = sandbox.command(restrict, launch);
    let (program, arguments) = words.split_first().ok_or_else(|| Error::of(Code::Internal))?;
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env(kageos_sdk::serve::LINK, sandbox.link(launch.link).join(SOCKET))
        .current_dir(launch.data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = child
        .map_err(|error| Error::new(Code::Unavailable, "The app cannot be started.").caused_by(error))?;
    tell(child.stdout.take(), LogSource::Stdout, Arc::clone(&launch.logs));
    tell(child.stderr.take(), LogSource::Stderr, Arc::clone(&launch.logs));
    Ok(child)
}

impl Running {
    /// The process on this machine, where it is known.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Process(child) => child.id(),
            Self::Container(container) => container.pid(),
        }
    }

    /// Waits until it has ended by itself; `None` when nothing tells how.
    pub(super) async fn wait(&mut self) -> Option<Ending> {
        match self {
            Self::Process(child) => child.wait().await.ok().map(Into::into),
            Self::Container(container) => container.wait().await,
        }
    }

    /// Ends it at once, and waits until it has ended.
    pub(super) async fn kill(&mut self) {
        match self {
            // It is dead, or will be; who waits for it learns nothing more.
            Self::Process(child) => drop(child.kill().await),
            Self::Container(container) => container.remove().await,
        }
    }
}
