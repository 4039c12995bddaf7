//! A runtime node: runs apps for the servers of a platform.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{Client, Message};
use futures_util::FutureExt;
use kageos_core::{
    Code, Env, Error, LogCall, LogEntry, LogLevel, LogSink, LogSource, NodeId, Result, StreamId,
};
use tokio::{
    net::UnixStream,
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    ANSWER, BEAT, Tasks, away, connect, lock,
    programs::Cached,
    remote::link_name,
    stream::{Out, Wire},
    wire::{Answer, Command, NodeBeat, Note, Piece, ServerBeat, Start, Started, Subjects, VERSION, json},
};
use crate::{
    runtime::{
        Containers, Driver, Limits, Quota,
        build::remove_tree,
        driver::{Ending, Entered, Launch, Running},
        host::blocking,
        keeping::{clear_containers, clear_links},
    },
    state::StateDir,
};

/// How often it is looked who has lost this node, and how much apps write.
const LOOK: Duration = Duration::from_millis(500);
/// How often the folder of an app is measured.
const MEASURE: Duration = Duration::from_secs(2);
/// How long an app may take to end when its link has ended.
const END: Duration = Duration::from_secs(2);
/// Notes of one app that wait to be sent; more are counted.
const NOTES: usize = 1024;

/// What a runtime node works with.
pub struct NodeOptions {
    /// NATS: `nats://…` or `tls://…`, several with commas.
    pub url: String,
    /// Before the names of subjects: that of the platform.
    pub prefix: String,
    /// What it is called; a word of lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// What a workspace can ask for.
    pub labels: Vec<String>,
    /// Most apps that run at a time.
    pub capacity: u32,
    /// What starts apps and keeps them apart.
    pub driver: Driver,
    /// The engine of containers, when that is what it is.
    pub containers: Option<Containers>,
    /// The most that an app may use here, whatever its server says.
    pub limits: Limits,
    /// Where programs and the folders of apps lie.
    pub state: StateDir,
    /// Bytes of programs that are kept.
    pub cache: u64,
    /// Where identity comes from.
    pub env: Env,
}

impl std::fmt::Debug for NodeOptions {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeOptions").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A runtime node that runs.
#[derive(Debug)]
pub struct RuntimeNode {
    agent: Arc<Agent>,
    _tasks: Tasks,
}

#[derive(Debug)]
struct Agent {
    client: Client,
    subjects: Subjects,
    life: String,
    options: NodeOptions,
    programs: Cached,
    /// What keeps apps apart, measured.
    proved: Result<String>,
    slots: Mutex<Slots>,
    /// What each server said last of this node.
    servers: Mutex<HashMap<String, Named>>,
    leaving: AtomicBool,
    /// Something is to be told at once.
    news: Notify,
}

#[derive(Debug, Default)]
struct Slots {
    /// The app of each workspace.
    apps: HashMap<NodeId, Slot>,
    /// The highest token of each workspace that ever ran here.
    seen: HashMap<NodeId, u64>,
}

/// An app, from its start until nothing of it runs.
#[derive(Debug, Clone)]
struct Slot {
    token: u64,
    server: String,
    program: String,
    stop: CancellationToken,
    gone: watch::Receiver<bool>,
}

/// When a server named this node last.
#[derive(Debug, Clone, Copy)]
struct Named {
    at: Instant,
    lease: Duration,
}

impl RuntimeNode {
    /// Joins the platform. What an earlier process left is cleared away first.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the address of NATS is none or the state folder cannot be used.
    pub async fn open(options: NodeOptions) -> Result<Self> {
        let failed =
            |error| Error::new(Code::Unavailable, "The node's state folder cannot be used.").caused_by(error);
        clear_containers(&options.state, options.containers.as_ref()).await;
        clear_links(&options.state);
        remove_tree(&options.state.workspaces_dir())?;
        options.state.make_dir(&options.state.workspaces_dir()).map_err(failed)?;
        let programs = Cached::open(options.state.clone(), options.cache).map_err(failed)?;
        let proved = options.driver.prove().await;
        if let Err(error) = &proved {
            tracing::error!(%error, "no app is started here");
        }
        let life = StreamId::new(&options.env).to_string();
        let inbox = format!("_INBOX_{}_node_{}", options.prefix, options.name);
        let client = connect(&options.url, &format!("node {}", options.name), inbox).await?;
        let agent = Arc::new(Agent {
            client,
            subjects: Subjects::new(&options.prefix),
            life,
            options,
            programs,
            proved,
            slots: Mutex::default(),
            servers: Mutex::default(),
            leaving: AtomicBool::new(false),
            news: Notify::new(),
        });
        let tasks = [
            tokio::spawn(obey(Arc::clone(&agent))),
            tokio::spawn(hear(Arc::clone(&agent))),
            tokio::spawn(beat(Arc::clone(&agent))),
            tokio::spawn(look(Arc::clone(&agent))),
        ];
        let tasks = Tasks(tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect());
        Ok(Self { agent, _tasks: tasks })
    }

    /// What keeps apps apart here, in words, or why none is started.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with what does not hold.
    pub fn outlook(&self) -> Result<String> {
        self.agent.proved.clone()
    }

    /// How many apps it has.
    #[must_use]
    pub fn apps(&self) -> usize {
        lock(&self.agent.slots).apps.len()
    }

    /// Starts nothing any more, lets servers take their apps elsewhere, at most `within`, and ends what is left.
    pub async fn close(self, within: Duration) {
        self.agent.leaving.store(true, Ordering::Relaxed);
        self.agent.news.notify_waiters();
        let left = || lock(&self.agent.slots).apps.values().cloned().collect::<Vec<_>>();
        let moved = async {
            while !left().is_empty() {
                sleep(LOOK / 5).await;
            }
        };
        let _ = timeout(within, moved).await;
        for mut slot in left() {
            slot.stop.cancel();
            let _ = timeout(ANSWER, slot.gone.wait_for(|gone| *gone)).await;
        }
        let Agent { client, subjects, .. } = &*self.agent;
        let told = self.agent.told();
        let ended = NodeBeat { ended: told.apps == 0, ..told };
        let _ = client.publish(subjects.nodes(), json(&ended)).await;
        let _ = timeout(ANSWER, self.agent.client.flush()).await;
    }
}

/// Takes commands, each in a task of its own.
async fn obey(agent: Arc<Agent>) {
    let subject = agent.subjects.commands(&agent.options.name, &agent.life);
    let own = Arc::clone(&agent);
    super::each(&own.client, subject, |message| {
        let agent = Arc::clone(&agent);
        tokio::spawn(async move { agent.answer(message).await });
    })
    .await;
}

/// Hears which servers hear this node.
async fn hear(agent: Arc<Agent>) {
    super::each(&agent.client, agent.subjects.servers(), |message| {
        let Ok(beat) = serde_json::from_slice::<ServerBeat>(&message.payload) else { return };
        if beat.hears.contains(&agent.life) {
            agent.named(beat.server, beat.lease_ms);
        } else {
            // It does not know that this node is there.
            agent.news.notify_waiters();
        }
    })
    .await;
}

/// Says that this node is there.
async fn beat(agent: Arc<Agent>) {
    let mut last = Instant::now() - BEAT;
    loop {
        // Whoever does not hear it asks every second; many servers are answered at once.
        if last.elapsed() >= BEAT / 10 {
            last = Instant::now();
            let _ = agent.client.publish(agent.subjects.nodes(), json(&agent.told())).await;
        }
        let _ = timeout(BEAT, agent.news.notified()).await;
    }
}

/// Ends what runs for servers that have not named this node for their lease.
async fn look(agent: Arc<Agent>) {
    loop {
        sleep(LOOK).await;
        let now = Instant::now();
        let mut slots = lock(&agent.slots);
        let mut servers = lock(&agent.servers);
        servers.retain(|_, named| now < named.at + named.lease);
        for (workspace, slot) in &mut slots.apps {
            if !servers.contains_key(&slot.server) && !slot.stop.is_cancelled() {
                tracing::warn!(%workspace, server = slot.server, "a server has lost this node: its app is ended");
                slot.stop.cancel();
            }
        }
    }
}

impl Agent {
    fn told(&self) -> NodeBeat {
        let NodeOptions { name, labels, capacity, driver, .. } = &self.options;
        NodeBeat {
            version: VERSION,
            name: name.clone(),
            life: self.life.clone(),
            labels: labels.clone(),
            capacity: *capacity,
            apps: u32::try_from(lock(&self.slots).apps.len()).unwrap_or(u32::MAX),
            sandbox: driver.as_str().to_owned(),
            sealed: driver.is_sealed(),
            leaving: self.leaving.load(Ordering::Relaxed),
            ended: false,
            trouble: self.proved.as_ref().err().map(|error| error.message.clone()),
        }
    }

    fn named(&self, server: String, lease_ms: u64) {
        let named = Named { at: Instant::now(), lease: Duration::from_millis(lease_ms) };
        lock(&self.servers).insert(server, named);
    }

    async fn answer(self: Arc<Self>, message: Message) {
        let Some(reply) = message.reply else { return };
        let answer =
            match serde_json::from_slice(&message.payload) {
                Ok(Command::Start(start)) => json(&Arc::clone(&self).start(*start).await as &Answer<Started>),
                Ok(Command::End { workspace, token }) => {
                    json(&Ok(self.end(workspace, token).await) as &Answer<bool>)
                }
                Err(_) => json(&Err(Error::new(Code::InvalidInput, "This node does not know the command."))
                    as &Answer<()>),
            };
        let _ = self.client.publish(reply, answer).await;
    }

    /// Ends the app of a workspace in a place up to a token, and answers whether nothing of it runs. A start of that place
    /// that is under way somewhere comes too late from now on.
    async fn end(&self, workspace: NodeId, token: u64) -> bool {
        let slot = {
            let mut slots = lock(&self.slots);
            let seen = slots.seen.entry(workspace).or_default();
            *seen = token.max(*seen);
            slots.apps.get(&workspace).filter(|slot| slot.token <= token).cloned()
        };
        let Some(mut slot) = slot else { return true };
        slot.stop.cancel();
        matches!(timeout(ANSWER - BEAT, slot.gone.wait_for(|gone| *gone)).await, Ok(Ok(_)))
    }

    /// Starts an app; it runs until its link ends, it is told to end, or its server loses this node.
    async fn start(self: Arc<Self>, start: Start) -> Result<Started> {
        self.named(start.server.clone(), start.lease_ms);
        let (held, stop) = self.hold(&start).await?;
        // Whoever asked may go away meanwhile.
        let begun = tokio::spawn(async move {
            let begun = self.begin(&start, &held).await;
            let mut begun = begun?;
            if stop.is_cancelled() {
                end(&mut begun.entered.running).await;
                return Err(Error::new(Code::Unavailable, "The app was told to end before it had started."));
            }
            let Entered { link, data, .. } = &begun.entered;
            let started =
                Started { link: link.clone(), data: data.clone(), pid: begun.entered.running.pid() };
            tokio::spawn(run(begun, stop, held));
            Ok(started)
        });
        begun.await.map_err(Error::internal)?
    }

    /// Takes the place of an app on this node, in place of one with a smaller token.
    async fn hold(self: &Arc<Self>, start: &Start) -> Result<(Held, CancellationToken)> {
        if let Err(error) = &self.proved {
            return Err(error.clone());
        }
        let workspace = start.workspace;
        // What ran before by a smaller token is of an earlier time.
        if !self.end(workspace, start.token - 1).await {
            return Err(Error::new(Code::Unavailable, "What ran before does not end."));
        }
        let mut slots = lock(&self.slots);
        if slots.seen.get(&workspace).is_some_and(|seen| *seen >= start.token) {
            return Err(Error::new(Code::Conflict, "This place was given up meanwhile."));
        }
        if self.leaving.load(Ordering::Relaxed) {
            return Err(Error::new(Code::Unavailable, "This node is about to end."));
        }
        if slots.apps.len() >= self.options.capacity as usize || slots.apps.contains_key(&workspace) {
            return Err(Error::new(Code::Unavailable, "This node has no room for the app."));
        }
        let (tell, gone) = watch::channel(false);
        let stop = CancellationToken::new();
        let slot = Slot {
            token: start.token,
            server: start.server.clone(),
            program: start.program.sha256.clone(),
            stop: stop.clone(),
            gone,
        };
        slots.seen.insert(workspace, start.token);
        slots.apps.insert(workspace, slot);
        Ok((Held { agent: Arc::clone(self), workspace, gone: tell }, stop))
    }

    /// Fetches the program, starts it and waits until it comes to its link.
    async fn begin(&self, start: &Start, held: &Held) -> Result<Begun> {
        let program = self.program(start).await?;
        let folder = held.folder();
        let (data, state) = (folder.join("data"), self.options.state.clone());
        let made = data.clone();
        blocking(move || {
            // What lies in it is of no use elsewhere, so it is of none here either.
            remove_tree(&folder)?;
            state.make_dir(&made).map_err(|error| {
                Error::new(Code::StorageFull, "The app's folder cannot be made.").caused_by(error)
            })
        })
        .await?;
        let link = held.link();
        let subjects = self.subjects.link(&self.options.name, &link_name(start.workspace, start.token));
        let incoming = self.client.subscribe(subjects.app).await.map_err(away)?;
        let out = Out { client: self.client.clone(), to: subjects.platform.into() };
        let notes = Notes::to(self.client.clone(), subjects.notes);
        let name = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let arguments: Vec<_> = start.arguments.iter().map(Into::into).collect();
        let launch = Launch {
            name: &name,
            program: &program,
            arguments: &arguments,
            data: &data,
            link: &link,
            limits: &start.limits.within(&self.options.limits),
            logs: Arc::new(notes.clone()),
        };
        let database = start.database.as_ref().map(|database| (database.socket.as_str(), &database.address));
        let within = Duration::from_millis(start.ready_ms);
        let entered = self.options.driver.enter(&launch, database, within).await?;
        Ok(Begun {
            entered,
            wire: Wire { incoming, out },
            notes,
            quota: Arc::new(Quota::of(start.data_bytes)),
            data,
        })
    }

    /// The program of an app, asked of its server when it is not here.
    async fn program(&self, start: &Start) -> Result<PathBuf> {
        let used = || lock(&self.slots).apps.values().map(|slot| slot.program.clone()).collect();
        let subject = self.subjects.programs(&start.server);
        let piece = |from| {
            let asked = json(&Piece { sha256: start.program.sha256.clone(), from });
            let (client, subject) = (self.client.clone(), subject.clone());
            let asking = async move {
                let request = async_nats::Request::new().payload(asked).timeout(Some(ANSWER));
                Ok(client.send_request(subject, request).await.map_err(away)?.payload)
            };
            asking.boxed()
        };
        self.programs.get(&start.program, used, piece).await
    }
}

/// The place of an app on a node, given back when nothing of it runs.
#[derive(Debug)]
struct Held {
    agent: Arc<Agent>,
    workspace: NodeId,
    gone: watch::Sender<bool>,
}

impl Held {
    fn folder(&self) -> PathBuf {
        self.agent.options.state.workspace_dir(&self.workspace.to_string())
    }

    /// The folder of its link: of one app of a workspace at a time.
    fn link(&self) -> PathBuf {
        let short = self.workspace.to_string().split_off(14);
        self.agent.options.state.run_file(&format!("{short}-r0"))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for folder in [self.folder(), self.link()] {
            if let Err(error) = remove_tree(&folder) {
                tracing::warn!(%error, folder = %folder.display(), "the folder of an app stays");
            }
        }
        lock(&self.agent.slots).apps.remove(&self.workspace);
        self.gone.send_replace(true);
        self.agent.news.notify_waiters();
    }
}

/// An app that has come to its link.
struct Begun {
    entered: Entered<UnixStream>,
    wire: Wire,
    notes: Notes,
    quota: Arc<Quota>,
    data: PathBuf,
}

/// Carries the link of an app until it ends, and sees to it that nothing of it is left.
async fn run(begun: Begun, stop: CancellationToken, held: Held) {
    let Begun { entered, wire, notes, quota, data } = begun;
    let Entered { mut running, stream, forwarding, .. } = entered;
    let mut carrying = tokio::spawn(wire.carry(stream));
    let ending = tokio::select! {
        ending = running.wait() => {
            // What it has said last is still on its way.
            let _ = timeout(END, &mut carrying).await;
            ending
        }
        // An app whose link has ended ends by itself.
        _ = &mut carrying => timeout(END, running.wait()).await.ok().flatten(),
        () = stop.cancelled() => None,
        () = measure(quota, data) => {
            let entry = LogEntry::new(LogLevel::Error, "The app is ended: it fills the disk.");
            notes.take(LogSource::Stderr, None, entry);
            None
        }
    };
    end(&mut running).await;
    carrying.abort();
    drop(forwarding);
    notes.ended(ending);
    drop(held);
}

/// Ends it, however long that takes.
async fn end(running: &mut Running) {
    while !running.kill().await {
        tracing::error!("an app does not end");
        sleep(BEAT).await;
    }
}

/// Waits until the folder of an app holds far too much.
async fn measure(quota: Arc<Quota>, data: PathBuf) {
    loop {
        sleep(MEASURE).await;
        let (quota, data) = (Arc::clone(&quota), data.clone());
        if blocking(move || Ok(quota.look(&data))).await.unwrap_or(false) {
            return;
        }
    }
}

/// What a node says of an app beside its link.
#[derive(Debug, Clone)]
struct Notes {
    waiting: mpsc::Sender<Note>,
    /// Lines that found no room.
    lost: Arc<AtomicU64>,
}

impl Notes {
    fn to(client: Client, subject: String) -> Self {
        let (waiting, mut notes) = mpsc::channel(NOTES);
        let lost: Arc<AtomicU64> = Arc::default();
        let counted = Arc::clone(&lost);
        tokio::spawn(async move {
            while let Some(note) = notes.recv().await {
                let lost = counted.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let _ = client.publish(subject.clone(), json(&Note::Lost(lost))).await;
                }
                let _ = client.publish(subject.clone(), json(&note)).await;
            }
        });
        Self { waiting, lost }
    }

    fn ended(&self, ending: Option<Ending>) {
        let waiting = self.waiting.clone();
        tokio::spawn(async move { waiting.send(Note::Ended(ending)).await });
    }
}

impl LogSink for Notes {
    fn take(&self, source: LogSource, _: Option<LogCall>, entry: LogEntry) {
        if self.waiting.try_send(Note::Line { source, entry }).is_err() {
            self.lost(1);
        }
    }

    fn lost(&self, lines: u64) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }
}
