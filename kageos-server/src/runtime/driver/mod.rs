//! What starts apps and keeps them apart: a process in a sandbox, or a container.

mod account;
mod calls;
mod container;
mod ending;
mod enter;
mod group;
mod preflight;
mod restrict;
mod sandbox;
mod tool;

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use kageos_core::{Code, Error, LogSink, LogSource, NodeId, Result};
use sha2::{Digest, Sha256};
use tokio::process::{Child, Command};

use container::Container;
pub use container::Containers;
pub(super) use ending::{Ending, signal_name};
pub(super) use enter::Entered;
pub(super) use group::Group;
pub use group::Groups;
use preflight::Preflight;
pub use preflight::{hold as probe_holding, probe, write as probe_writing};
pub use restrict::{Limits, restrict};
pub(super) use sandbox::SOCKET;
pub use sandbox::Sandbox;
pub(super) use tool::{Pipes, Tool};

use super::{
    logs::tell,
    nodes::{AppId, Nodes, Placed, RemoteApp},
};

/// What starts apps and keeps them apart; cheap to clone.
#[derive(Debug, Clone)]
pub struct Driver {
    kind: Kind,
    preflight: Option<Arc<Preflight>>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// A process of this machine.
    Process { sandbox: Sandbox, restrict: Vec<OsString>, groups: Option<Groups> },
    /// A container of an engine.
    Container(Containers),
    /// The app of a release on a runtime node.
    Nodes(Nodes, AppId),
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
    Process { child: Child, group: Option<Group> },
    Container(Container),
    Remote(RemoteApp),
}

/// The mark of what the server whose state lies at `state` starts on its machine, so that it knows it again.
#[must_use]
pub fn mark(state: &Path) -> String {
    let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    let digest = Sha256::digest(state.as_os_str().as_encoded_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

impl Driver {
    /// Processes of this machine in a sandbox. `restrict` is the program and its arguments that sets [`Limits`] and becomes
    /// what follows, `kagectl restrict`; with `groups` limits count for all processes of an app together.
    #[must_use]
    pub fn processes(sandbox: Sandbox, restrict: Vec<OsString>, groups: Option<Groups>) -> Self {
        Self { kind: Kind::Process { sandbox, restrict, groups }, preflight: None }
    }

    /// Containers of an engine.
    #[must_use]
    pub fn containers(containers: Containers) -> Self {
        Self { kind: Kind::Container(containers), preflight: None }
    }

    /// The app of a release on a runtime node.
    #[must_use]
    pub fn nodes(nodes: Nodes, workspace: NodeId, release: u32) -> Self {
        let app = AppId { workspace, release, server: nodes.number() };
        Self { kind: Kind::Nodes(nodes, app), preflight: None }
    }

    /// Takes a place for an app elsewhere, when it is not started on this machine.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason that there is none.
    pub(super) async fn place(&self) -> Result<Option<Placed>> {
        match &self.kind {
            Kind::Nodes(nodes, app) => nodes.place(*app).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Starts nothing until it was measured that what is started is kept apart and limited. `probe` is the program that
    /// measures, `kagectl`, and `folder` one for it to work in.
    #[must_use]
    pub fn measured(self, probe: PathBuf, folder: PathBuf) -> Self {
        match self.kind {
            // There is nothing to be measured, and an operator has said so.
            Kind::Process { sandbox: Sandbox::Open, .. } => self,
            _ => Self { preflight: Some(Arc::new(Preflight::new(probe, folder))), ..self },
        }
    }

    /// Whether what it starts reaches no network.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        !matches!(self.kind, Kind::Process { sandbox: Sandbox::Open, .. })
    }

    /// What it is called where people read of it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match &self.kind {
            Kind::Process { sandbox, .. } => sandbox.as_str(),
            Kind::Container(_) => "container",
            Kind::Nodes(..) => "runtime node",
        }
    }

    /// What keeps apps apart and limits them, in words; measured, when it has to be.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with what does not hold.
    pub async fn prove(&self) -> Result<String> {
        let what = match &self.kind {
            Kind::Process { sandbox, groups, .. } => match groups {
                Some(groups) => format!("sandbox {} with {}", sandbox.as_str(), groups.as_str()),
                None => format!("sandbox {}", sandbox.as_str()),
            },
            Kind::Container(containers) => format!("containers of {}", containers.name().await?),
            Kind::Nodes(nodes, _) => nodes.outlook()?,
        };
        let Some(preflight) = &self.preflight else { return Ok(what) };
        let measured = preflight.pass(self).await?;
        Ok(format!("{what} ({measured})"))
    }

    /// Whether a limit of the number of processes holds here. An account that is the system's own has none but that of a
    /// group or a container.
    fn limits_processes(&self) -> bool {
        self.limits_together() || !rustix::process::geteuid().is_root()
    }

    /// Whether limits count for all processes of an app together.
    fn limits_together(&self) -> bool {
        match &self.kind {
            Kind::Process { groups, .. } => groups.is_some(),
            Kind::Container(_) | Kind::Nodes(..) => true,
        }
    }

    /// The app's folder as the app sees it.
    pub(super) fn data(&self, data: &Path) -> PathBuf {
        match &self.kind {
            Kind::Process { sandbox, .. } => sandbox.data(data),
            Kind::Container(_) | Kind::Nodes(..) => sandbox::DATA.into(),
        }
    }

    /// The folder of the link as the app sees it.
    pub(super) fn link(&self, link: &Path) -> PathBuf {
        match &self.kind {
            Kind::Process { sandbox, .. } => sandbox.link(link),
            Kind::Container(_) | Kind::Nodes(..) => sandbox::LINK.into(),
        }
    }

    /// Starts a program; what it writes to its outputs becomes lines of its log.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason.
    pub(super) async fn start(&self, launch: &Launch<'_>) -> Result<Running> {
        self.pass().await?;
        self.start_unmeasured(launch).await
    }

    /// Measures what has to be measured before anything is started.
    async fn pass(&self) -> Result<()> {
        match &self.preflight {
            Some(preflight) => preflight.pass(self).await.map(drop),
            None => Ok(()),
        }
    }

    async fn start_unmeasured(&self, launch: &Launch<'_>) -> Result<Running> {
        match &self.kind {
            Kind::Process { sandbox, restrict, groups } => {
                account::give(launch, None).await?;
                process(sandbox, restrict, groups.as_ref(), launch)
            }
            Kind::Container(containers) => containers.start(launch).await.map(Running::Container),
            // Runtime nodes are asked for whole apps.
            Kind::Nodes(..) => Err(Error::of(Code::Internal)),
        }
    }
}

fn process(
    sandbox: &Sandbox,
    restrict: &[OsString],
    groups: Option<&Groups>,
    launch: &Launch<'_>,
) -> Result<Running> {
    let (mut command, group) = confined(restrict, groups, launch.limits, sandbox.command(restrict, launch))?;
    let child = command
        .env(kageos_sdk::serve::LINK, sandbox.link(launch.link).join(SOCKET))
        .current_dir(launch.data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child
        .map_err(|error| Error::new(Code::Unavailable, "The app cannot be started.").caused_by(error))?;
    tell(child.stdout.take(), LogSource::Stdout, Arc::clone(&launch.logs));
    tell(child.stderr.take(), LogSource::Stderr, Arc::clone(&launch.logs));
    Ok(Running::Process { child, group })
}

/// The command that starts `words` in a group with these limits. It is killed when nobody has it any more.
fn confined(
    restrict: &[OsString],
    groups: Option<&Groups>,
    limits: &Limits,
    words: Vec<OsString>,
) -> Result<(Command, Option<Group>)> {
    let (words, group) = grouped(restrict, groups, limits, words)?;
    let (program, arguments) = words.split_first().ok_or_else(|| Error::of(Code::Internal))?;
    let mut command = Command::new(program);
    // A group of its own: who ends the server by its group, as a terminal does, leaves apps their time.
    command.args(arguments).env_clear().process_group(0).kill_on_drop(true);
    Ok((command, group))
}

/// What starts `words` in a group with these limits, where groups can be made.
pub(super) fn grouped(
    restrict: &[OsString],
    groups: Option<&Groups>,
    limits: &Limits,
    mut words: Vec<OsString>,
) -> Result<(Vec<OsString>, Option<Group>)> {
    let failed = |error: io::Error| {
        Error::new(Code::Unavailable, "What limits a process cannot be made.").caused_by(error)
    };
    let group = groups.map(|groups| groups.group(limits)).transpose().map_err(failed)?;
    if let Some(group) = &group {
        let joining = group.folders().iter().flat_map(|folder| ["--group".into(), folder.into()]);
        let first = restrict.iter().cloned().chain(joining).chain(["--".into()]);
        words.splice(0..0, first.collect::<Vec<OsString>>());
    }
    Ok((words, group))
}

impl Running {
    /// Whether the runtime node that it was on is lost.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Remote(app) if app.is_lost())
    }

    /// Why something of it may run that was ended.
    pub(super) fn stays(&self) -> Error {
        match self {
            Self::Remote(app) => app.stays(),
            _ => Error::new(Code::Unavailable, "The app does not end."),
        }
    }

    /// Whether the runtime node that it is on is about to end and another one has room.
    pub(super) fn has_to_move(&self) -> bool {
        matches!(self, Self::Remote(app) if app.has_to_move())
    }

    /// The process on this machine, where it is known.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Process { child, .. } => child.id(),
            Self::Container(container) => container.pid(),
            Self::Remote(app) => app.pid(),
        }
    }

    /// Waits until it has ended by itself; `None` when nothing tells how.
    pub(super) async fn wait(&mut self) -> Option<Ending> {
        match self {
            Self::Process { child, group } => {
                let ending = Ending::from(child.wait().await.ok()?);
                Some(Ending { out_of_memory: group.as_ref().is_some_and(Group::was_full), ..ending })
            }
            Self::Container(container) => container.wait().await,
            Self::Remote(app) => app.wait().await,
        }
    }

    /// Ends it at once, and waits until it has ended; answers whether it is gone with all that it has started.
    pub(super) async fn kill(&mut self) -> bool {
        match self {
            Self::Process { child, group } => {
                // It is dead, or will be. What it has started in a sandbox ends with it.
                let _ = child.kill().await;
                match group {
                    Some(group) => group.end().await,
                    None => child.try_wait().is_ok_and(|ended| ended.is_some()),
                }
            }
            Self::Container(container) => container.remove().await,
            Self::Remote(app) => app.kill().await,
        }
    }
}
