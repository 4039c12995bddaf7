//! Apps in containers of an engine that speaks Docker's protocol: Docker itself, or Podman.
//!
//! The engine is on this machine, because an app and its platform meet at a Unix socket. A container has no network, a root
//! that nobody writes, no capabilities and the account [`NOBODY`](super::account::NOBODY); what it has is its program, its
//! folder, the socket, and what sets its limits with the libraries for that. The image holds nothing.

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bollard::{
    ClientVersion, Docker, body_full,
    container::{AttachContainerResults, LogOutput},
    errors::Error as EngineError,
    models::{
        ContainerCreateBody, ContainerStateStatusEnum, HostConfig, HostConfigLogConfig, Mount, MountType,
        ResourcesUlimits,
    },
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
        ListContainersOptionsBuilder, PruneContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    },
};
use futures_util::StreamExt;
use kageos_core::{Code, Error, LogSink, LogSource, Result};
use rustix::process::{Resource, geteuid, getrlimit};
use tokio::{
    io::{AsyncWriteExt, duplex},
    runtime::Handle,
    sync::OnceCell,
    time::timeout,
};

use super::{
    Ending, Launch, Limits,
    account::{self, NOBODY},
    sandbox::{DATA, LIBRARIES, LINK, PROGRAM, RESTRICT, SOCKET, TMP},
};
use crate::runtime::logs::tell;

/// The image of every app, which is empty.
const IMAGE: &str = "localhost/kageos-app:1";
/// An archive with nothing in it.
const NOTHING: [u8; 1024] = [0; 1024];
/// The label that tells whose a container is.
const LABEL: &str = "kageos.server";
/// The newest version of the protocol that is spoken; an older engine is spoken to in its own.
const VERSION: ClientVersion = ClientVersion { major_version: 1, minor_version: 44 };
/// Seconds that the engine may take to answer.
const ANSWER: u64 = 30;
/// How long an engine is left alone that does not know yet how a container ended.
const SOON: Duration = Duration::from_millis(20);
/// How often it is asked again.
const SOME: u32 = 100;
/// How long it may take to get to know an engine, what is left there removed, and to start a container.
const WITHIN: Duration = Duration::from_secs(60);
/// Bytes of an output that wait to become lines.
const OUTPUT: usize = 64 * 1024;
/// The most processes that any account may have. How many a container has is a limit of its own, see
/// [`Limits`](super::Limits): this one counts those of all containers together, and is given because engines ask for more
/// than a small machine grants.
const PROCESSES: u64 = 1 << 15;

/// An engine that runs the apps of one server; cheap to clone.
#[derive(Clone)]
pub struct Containers {
    socket: PathBuf,
    /// The server's mark, which what an earlier process of it left behind has too.
    server: String,
    /// The program and its arguments that sets [`Limits`] and becomes what follows: `kagectl restrict`.
    restrict: Vec<OsString>,
    engine: Arc<OnceCell<Engine>>,
}

impl fmt::Debug for Containers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Containers").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// An engine that answers and may run apps.
struct Engine {
    docker: Docker,
    /// What it is called, for people.
    name: String,
    /// Containers that were started, which makes their names.
    started: AtomicU64,
    left: Left,
    /// Who owns the folders of apps; `None` when the engine lets the server's own account be the app's inside.
    owner: Option<u32>,
}

/// Containers that are there still although nobody has them any more: by their id, what they were started for.
type Left = Arc<Mutex<HashMap<String, String>>>;

/// A container, which is removed when nobody has it any more.
pub(in crate::runtime) struct Container {
    docker: Docker,
    id: String,
    /// What it was started for.
    name: String,
    pid: Option<u32>,
    removed: bool,
    left: Left,
    runtime: Handle,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Container").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Containers {
    /// The engine at a socket, for the server `server`; it is asked for at the first start. `restrict` is the program and its
    /// arguments that sets [`Limits`] and becomes what follows: `kagectl restrict`.
    #[must_use]
    pub fn at(socket: &Path, server: &str, restrict: Vec<OsString>) -> Self {
        let (socket, server) = (socket.to_owned(), server.to_owned());
        Self { socket, server, restrict, engine: Arc::default() }
    }

    /// What the engine is called, for people.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason when it does not answer or cannot run apps.
    pub async fn name(&self) -> Result<&str> {
        Ok(&self.engine().await?.name)
    }

    /// Removes what an earlier process of this server left running.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the engine does not answer or cannot run apps.
    pub(in crate::runtime) async fn clear(&self) -> Result<()> {
        self.engine().await.map(drop)
    }

    pub(in crate::runtime) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The engine, once it has answered. What an earlier process of this server left running is removed then.
    async fn engine(&self) -> Result<&Engine> {
        let found = self.engine.get_or_try_init(|| async {
            timeout(WITHIN, self.find()).await.unwrap_or_else(|_| Err(Error::of(Code::Unavailable)))
        });
        found.await
    }

    async fn find(&self) -> Result<Engine> {
        let socket = self.socket.to_string_lossy();
        let docker = Docker::connect_with_unix(&socket, ANSWER, &VERSION).map_err(silent)?;
        let docker = docker.negotiate_version().await.map_err(silent)?;
        let (version, info) = (docker.version().await.map_err(silent)?, docker.info().await.map_err(silent)?);
        let component = version.components.unwrap_or_default().into_iter().next();
        let name = component.map(|it| format!("{} {}", it.name, it.version)).unwrap_or_default();
        remove_all(&docker, &self.server).await.map_err(silent)?;
        let options = info.security_options.unwrap_or_default();
        let rootless = options.iter().any(|option| option.contains("rootless"));
        // Not every Podman says that it runs without root. One that the system's own account runs refuses what it is asked
        // for then.
        let owner = match (geteuid().is_root(), rootless) {
            (false, _) if name.starts_with("Podman") => None,
            (true, false) => Some(NOBODY),
            _ => {
                let message = "The container engine cannot run apps with an account of their own: use Podman \
                               without root, or run the server as root.";
                return Err(Error::new(Code::Unavailable, message));
            }
        };
        Ok(Engine { docker, name, owner, started: AtomicU64::new(0), left: Left::default() })
    }

    /// Starts a program in a container, once those that were started for the same before are gone.
    pub(super) async fn start(&self, launch: &Launch<'_>) -> Result<Container> {
        let engine = self.engine().await?;
        let started = timeout(WITHIN, self.start_on(engine, launch)).await;
        started
            .unwrap_or_else(|_| Err(Error::new(Code::Unavailable, "The container engine does not answer.")))
    }

    async fn start_on(&self, engine: &Engine, launch: &Launch<'_>) -> Result<Container> {
        // Where things lie on this machine, which the engine's words tell, is for who looks after it.
        let refused = |error: EngineError| {
            tracing::warn!(%error, app = launch.name, "the container engine does not start an app");
            let message = "The container engine does not start the app; the server's log tells why.";
            Error::new(Code::Unavailable, message).caused_by(error)
        };
        engine.remove_left(launch.name).await.map_err(refused)?;
        account::give(launch, engine.owner).await?;
        let programs = [Some(launch.program), self.restrict.first().map(Path::new)];
        programs.into_iter().flatten().try_for_each(runs_for_all)?;
        let image = engine.image().await.map_err(refused)?;
        let number = engine.started.fetch_add(1, Ordering::Relaxed);
        let name: String = launch.name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let name = format!("kageos-{}-{name}-{number}", self.server);
        let body = self.body(engine, image, launch);
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let docker = &engine.docker;
        let made = docker.create_container(Some(options), body).await.map_err(refused)?;
        let mut container = Container {
            docker: docker.clone(),
            id: made.id,
            name: launch.name.to_owned(),
            pid: None,
            removed: false,
            left: Arc::clone(&engine.left),
            runtime: Handle::current(),
        };
        if !made.warnings.is_empty() {
            // Of a limit that it does not keep, for one; what is measured before the first start counts.
            tracing::warn!(warnings = ?made.warnings, app = launch.name, "the container engine warns");
        }
        let all = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
        let outputs = docker.attach_container(&container.id, Some(all)).await.map_err(refused)?;
        listen(outputs, &launch.logs);
        docker.start_container(&container.id, None).await.map_err(refused)?;
        // One that has ended already is in no state that every engine has the same word for.
        let state = docker.inspect_container(&container.id, None).await.ok().and_then(|it| it.state);
        container.pid = state.and_then(|state| u32::try_from(state.pid?).ok()).filter(|pid| *pid > 0);
        Ok(container)
    }

    /// What an app's container is.
    fn body(&self, engine: &Engine, image: String, launch: &Launch<'_>) -> ContainerCreateBody {
        let limits = launch.limits;
        let mut command = Vec::new();
        let memory = Some(signed(limits.memory));
        let mut mounts = vec![
            mount(launch.program, PROGRAM, true),
            mount(launch.link, LINK, true),
            mount(launch.data, DATA, false),
        ];
        if let Some((program, arguments)) = self.restrict.split_first() {
            mounts.push(mount(Path::new(program), RESTRICT, true));
            let found = LIBRARIES.iter().filter(|folder| Path::new(folder).is_dir());
            mounts.extend(found.map(|folder| mount(Path::new(folder), folder, true)));
            command.push(RESTRICT.into());
            command.extend(arguments.iter().cloned());
            command.extend(Limits { processes: PROCESSES, ..limits.clone() }.arguments());
            command.push("--".into());
        }
        command.push(PROGRAM.into());
        command.extend(launch.arguments.iter().cloned());
        let command = command.iter().map(|it| it.to_string_lossy().into_owned()).collect();
        let host = HostConfig {
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            // Memory that is shared by a name, which no limit of the app counts, is not there at all.
            ipc_mode: Some("none".to_owned()),
            userns_mode: engine.owner.is_none().then(|| format!("keep-id:uid={NOBODY},gid={NOBODY}")),
            memory,
            // No memory of the disk besides.
            memory_swap: memory,
            nano_cpus: Some(signed(u64::from(limits.cpu_percent) * 10_000_000)),
            pids_limit: Some(signed(limits.processes)),
            ulimits: Some(vec![
                most("nofile", Resource::Nofile, limits.open_files),
                most("nproc", Resource::Nproc, PROCESSES),
                most("fsize", Resource::Fsize, limits.file),
                most("core", Resource::Core, 0),
            ]),
            // What it writes is in its log, which has bounds.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            tmpfs: Some(HashMap::from([(
                "/tmp".to_owned(),
                format!("rw,noexec,nosuid,nodev,size={TMP},mode=1777"),
            )])),
            mounts: Some(mounts),
            ..HostConfig::default()
        };
        ContainerCreateBody {
            image: Some(image),
            user: Some(format!("{NOBODY}:{NOBODY}")),
            hostname: Some("app".to_owned()),
            entrypoint: Some(command),
            cmd: Some(Vec::new()),
            env: Some(vec![format!("{}={LINK}/{SOCKET}", kageos_sdk::serve::LINK), format!("HOME={DATA}")]),
            working_dir: Some(DATA.to_owned()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            network_disabled: Some(true),
            labels: Some(HashMap::from([(LABEL.to_owned(), self.server.clone())])),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }
}

impl Engine {
    /// The id of the image of every app, which is made when it is not there.
    async fn image(&self) -> Result<String, EngineError> {
        match self.docker.inspect_image(IMAGE).await {
            Ok(image) => return Ok(image.id.unwrap_or_else(|| IMAGE.to_owned())),
            Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(error) => return Err(error),
        }
        let options = CreateImageOptionsBuilder::new().from_src("-").repo(IMAGE).build();
        let mut making = self.docker.create_image(Some(options), Some(body_full(NOTHING[..].into())), None);
        while let Some(step) = making.next().await {
            step?;
        }
        Ok(self.docker.inspect_image(IMAGE).await?.id.unwrap_or_else(|| IMAGE.to_owned()))
    }

    /// Removes what was started for `name` and is there still.
    async fn remove_left(&self, name: &str) -> Result<(), EngineError> {
        let of_name = |left: &Left| -> Vec<String> {
            lock(left).iter().filter(|(_, it)| *it == name).map(|(id, _)| id.clone()).collect()
        };
        for id in of_name(&self.left) {
            remove(&self.docker, &id).await?;
            lock(&self.left).remove(&id);
        }
        Ok(())
    }
}

/// Removes every container of a server.
async fn remove_all(docker: &Docker, server: &str) -> Result<(), EngineError> {
    let label = HashMap::from([("label".to_owned(), vec![format!("{LABEL}={server}")])]);
    let mut tries = SOME;
    let all = loop {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&label).build();
        match docker.list_containers(Some(options)).await {
            // Podman has a word of its own for one that has ended a moment before; such are removed by their label.
            Err(EngineError::JsonDataError { .. }) if tries > 0 => {
                let options = PruneContainersOptionsBuilder::new().filters(&label).build();
                docker.prune_containers(Some(options)).await?;
                tokio::time::sleep(SOON).await;
                tries -= 1;
            }
            listed => break listed?,
        }
    };
    for container in all {
        remove(docker, &container.id.unwrap_or_default()).await?;
    }
    Ok(())
}

fn lock(left: &Left) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
    left.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a container at once and removes it, if it is there.
async fn remove(docker: &Docker, container: &str) -> Result<(), EngineError> {
    let _ = docker.kill_container(container, None).await;
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match docker.remove_container(container, Some(options)).await {
        Ok(()) | Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, container, "a container is left behind");
            Err(error)
        }
    }
}

impl Container {
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Waits until it has ended by itself; `None` when the engine does not tell how.
    pub(super) async fn wait(&mut self) -> Option<Ending> {
        loop {
            let mut waiting = std::pin::pin!(self.docker.wait_container(&self.id, None));
            match waiting.next().await? {
                Ok(_) | Err(EngineError::DockerContainerWaitError { .. }) => break,
                Err(EngineError::RequestTimeoutError) => {}
                Err(_) => return None,
            }
        }
        // Podman says that it has ended a moment before it knows how, and names that with a word of its own.
        for _ in 0..SOME {
            let state = self.docker.inspect_container(&self.id, None).await.ok().and_then(|it| it.state);
            let ended = [Some(ContainerStateStatusEnum::EXITED), Some(ContainerStateStatusEnum::DEAD)];
            if let Some(state) = state.filter(|state| ended.contains(&state.status)) {
                let code = state.exit_code.and_then(|code| i32::try_from(code).ok())?;
                let out_of_memory = state.oom_killed.unwrap_or_default();
                return Some(Ending { out_of_memory, ..Ending::of_code(code) });
            }
            tokio::time::sleep(SOON).await;
        }
        None
    }

    /// Ends and removes it; answers whether it is gone.
    pub(super) async fn remove(&mut self) -> bool {
        self.removed = self.removed || remove(&self.docker, &self.id).await.is_ok();
        if !self.removed {
            lock(&self.left).insert(self.id.clone(), self.name.clone());
        }
        self.removed
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.removed {
            return;
        }
        let (docker, left, id) = (self.docker.clone(), Arc::clone(&self.left), std::mem::take(&mut self.id));
        lock(&left).insert(id.clone(), self.name.clone());
        self.runtime.spawn(async move {
            if remove(&docker, &id).await.is_ok() {
                lock(&left).remove(&id);
            }
        });
    }
}

/// Takes what a container writes to its outputs.
fn listen(mut outputs: AttachContainerResults, logs: &Arc<dyn LogSink>) {
    let ((mut stdout, out), (mut stderr, err)) = (duplex(OUTPUT), duplex(OUTPUT));
    tell(Some(out), LogSource::Stdout, Arc::clone(logs));
    tell(Some(err), LogSource::Stderr, Arc::clone(logs));
    tokio::spawn(async move {
        while let Some(Ok(output)) = outputs.output.next().await {
            let taken = match &output {
                LogOutput::StdErr { message } => stderr.write_all(message).await,
                LogOutput::StdOut { message } | LogOutput::Console { message } => {
                    stdout.write_all(message).await
                }
                LogOutput::StdIn { .. } => Ok(()),
            };
            if taken.is_err() {
                return;
            }
        }
    });
}

/// Whether another account of this machine may run a program, for as far as it gets there: the folder of the state is
/// closed.
fn runs_for_all(program: &Path) -> Result<()> {
    let mode = fs::metadata(program).map(|about| about.permissions().mode());
    if mode.as_ref().is_ok_and(|mode| mode & 0o005 == 0o005) {
        return Ok(());
    }
    tracing::warn!(program = %program.display(), ?mode, "a program has to be readable and executable for every account");
    let message = "The account of apps may not run the program; the server's log tells which.";
    Err(Error::new(Code::Unavailable, message))
}

fn mount(outside: &Path, inside: &str, read_only: bool) -> Mount {
    Mount {
        target: Some(inside.to_owned()),
        source: Some(outside.to_string_lossy().into_owned()),
        typ: Some(MountType::BIND),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

/// A limit, not above that of this process, which an engine might not be able to raise.
fn most(name: &str, resource: Resource, limit: u64) -> ResourcesUlimits {
    let limit = signed(getrlimit(resource).maximum.map_or(limit, |most| most.min(limit)));
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(limit), hard: Some(limit) }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn silent(error: EngineError) -> Error {
    Error::new(Code::Unavailable, "The container engine does not answer.").caused_by(error)
}
