//! A runtime node: runs apps for the servers of a platform.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{Client, Message};
use futures_util::{FutureExt, future::join_all};
use kageos_core::{
    Code, Env, Error, LogCall, LogEntry, LogLevel, LogSink, LogSource, Result, StreamId, sql::ServerAddress,
};
use tokio::{
    net::UnixStream,
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    ANSWER, AppId, BEAT, Tasks, away, connect,
    known::{is_name, silent},
    lease::Leases,
    lock,
    programs::Cached,
    remote::link_name,
    request,
    stream::{Out, Wire},
    wire::{
        Answer, Command, Database, NodeBeat, Note, Piece, ServerBeat, Start, Started, Subjects, VERSION, json,
    },
};
use crate::{
    runtime::{
        Containers, Driver, Limits, Quota,
        build::remove_tree,
        driver::{Ending, Entered, Launch, Running, SOCKET},
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
/// The file with the life of a node.
const LIFE: &str = "life";
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
    /// What servers may ask for.
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
    /// The life before on this folder.
    before: Option<String>,
    options: NodeOptions,
    programs: Cached,
    /// What keeps apps apart, measured.
    proved: Result<String>,
    slots: Mutex<Slots>,
    /// What was said of this node, and which servers have heard it.
    leases: Mutex<Leases>,
    leaving: AtomicBool,
    ended: AtomicBool,
    /// Something is to be told at once.
    news: Notify,
}

#[derive(Debug, Default)]
struct Slots {
    /// What runs.
    apps: HashMap<AppId, Slot>,
    /// The highest token of each app that ever ran here.
    seen: HashMap<AppId, u64>,
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

/// Where the folders of apps lie.
fn apps_dir(state: &StateDir) -> PathBuf {
    state.root().join("apps")
}

impl RuntimeNode {
    /// Joins the platform. What an earlier process left is cleared away first.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the address of NATS is none or the state folder cannot be used.
    pub async fn open(options: NodeOptions) -> Result<Self> {
        let failed =
            |error| Error::new(Code::Unavailable, "The node's state folder cannot be used.").caused_by(error);
        let cleared = clear_containers(&options.state, options.containers.as_ref()).await;
        clear_links(&options.state);
        // A folder of its own: what a server keeps for its workspaces is never removed so.
        remove_tree(&apps_dir(&options.state))?;
        options.state.make_dir(&apps_dir(&options.state)).map_err(failed)?;
        let programs = Cached::open(options.state.clone(), options.cache).map_err(failed)?;
        let proved = options.driver.prove().await;
        if let Err(error) = &proved {
            tracing::error!(%error, "no app is started here");
        }
        let life = StreamId::new(&options.env).to_string();
        let lives = options.state.run_file(LIFE);
        let before = std::fs::read_to_string(&lives).ok().filter(|before| cleared && is_name(before));
        options.state.write(&lives, life.as_bytes()).map_err(failed)?;
        let inbox = format!("_INBOX_{}_node_{}", options.prefix, options.name);
        let client = connect(&options.url, &format!("node {}", options.name), inbox).await?;
        let agent = Arc::new(Agent {
            client,
            subjects: Subjects::new(&options.prefix),
            life,
            before,
            options,
            programs,
            proved,
            slots: Mutex::default(),
            leases: Mutex::default(),
            leaving: AtomicBool::new(false),
            ended: AtomicBool::new(false),
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
        self.agent.news.notify_one();
        let agent = &self.agent;
        let left = || lock(&agent.slots).apps.values().cloned().collect::<Vec<_>>();
        let moved = async {
            while !left().is_empty() {
                sleep(LOOK / 5).await;
            }
        };
        let _ = timeout(within, moved).await;
        let cut_off = left();
        cut_off.iter().for_each(|slot| slot.stop.cancel());
        let gone = cut_off.into_iter().map(|mut slot| async move {
            let _ = slot.gone.wait_for(|gone| *gone).await;
        });
        let _ = timeout(ANSWER, join_all(gone)).await;
        agent.ended.store(left().is_empty(), Ordering::Relaxed);
        let last = async {
            agent.say().await;
            let _ = agent.client.flush().await;
        };
        let _ = timeout(ANSWER, last).await;
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
        match beat.hears.get(&agent.life) {
            Some(number) => drop(agent.named(&beat.server, beat.lease_ms, *number)),
            // It does not know that this node is there.
            None => agent.news.notify_one(),
        }
    })
    .await;
}

/// Says that this node is there.
async fn beat(agent: Arc<Agent>) {
    let mut last = Instant::now() - BEAT;
    loop {
        // Many who do not hear it are answered at once.
        sleep((BEAT / 10).saturating_sub(last.elapsed())).await;
        last = Instant::now();
        agent.say().await;
        let _ = timeout(BEAT, agent.news.notified()).await;
    }
}

/// Ends what runs for servers that have not named this node for their lease.
async fn look(agent: Arc<Agent>) {
    loop {
        sleep(LOOK).await;
        let slots = lock(&agent.slots);
        let mut leases = lock(&agent.leases);
        leases.run_out(Instant::now());
        for (app, slot) in &slots.apps {
            if !leases.holds(&slot.server) && !slot.stop.is_cancelled() {
                tracing::warn!(%app, server = slot.server, "a server has lost this node: its app is ended");
                slot.stop.cancel();
            }
        }
    }
}

impl Agent {
    /// Says that it is there, or that it has ended.
    async fn say(&self) {
        let beat = json(&self.told());
        let _ = self.client.publish(self.subjects.nodes(&self.options.name), beat).await;
    }

    fn told(&self) -> NodeBeat {
        let NodeOptions { name, labels, capacity, driver, .. } = &self.options;
        // Neither lock is held for the other: who looks after leases holds both.
        let apps = lock(&self.slots).apps.len();
        let number = lock(&self.leases).say(Instant::now());
        NodeBeat {
            version: VERSION,
            name: name.clone(),
            life: self.life.clone(),
            number,
            before: self.before.clone(),
            labels: labels.clone(),
            capacity: *capacity,
            apps: u32::try_from(apps).unwrap_or(u32::MAX),
            sandbox: driver.as_str().to_owned(),
            sealed: driver.is_sealed(),
            leaving: self.leaving.load(Ordering::Relaxed),
            ended: self.ended.load(Ordering::Relaxed),
            trouble: self.proved.as_ref().err().map(|error| error.message.clone()),
        }
    }

    /// A server has heard what this node said under a number; answers whether its lease holds.
    fn named(&self, server: &str, lease_ms: u64, number: u64) -> bool {
        let lease = Duration::from_millis(lease_ms);
        is_name(server) && lock(&self.leases).named(server, lease, number, Instant::now())
    }

    async fn answer(self: Arc<Self>, message: Message) {
        let Some(reply) = message.reply else { return };
        let answer =
            match serde_json::from_slice(&message.payload) {
                Ok(Command::Start(start)) => json(&Arc::clone(&self).start(*start).await as &Answer<Started>),
                Ok(Command::End { app, token }) => json(&Ok(self.end(app, token).await) as &Answer<bool>),
                Err(_) => json(&Err(Error::new(Code::InvalidInput, "This node does not know the command."))
                    as &Answer<()>),
            };
        let _ = self.client.publish(reply, answer).await;
    }

    /// Ends an app in a place up to a token, and answers whether nothing of it runs. A start of that place
    /// that is under way somewhere comes too late from now on.
    async fn end(&self, app: AppId, token: u64) -> bool {
        let slot = {
            let mut slots = lock(&self.slots);
            let seen = slots.seen.entry(app).or_default();
            *seen = token.max(*seen);
            slots.apps.get(&app).filter(|slot| slot.token <= token).cloned()
        };
        let Some(mut slot) = slot else { return true };
        slot.stop.cancel();
        matches!(timeout(ANSWER - BEAT, slot.gone.wait_for(|gone| *gone)).await, Ok(Ok(_)))
    }

    /// Starts an app; it runs until its link ends, it is told to end, or its server loses this node.
    async fn start(self: Arc<Self>, start: Start) -> Result<Started> {
        let young = silent(Duration::from_millis(start.lease_ms));
        let begin_by = lock(&self.leases).said(start.heard).map(|at| at + young);
        let is_new = begin_by.is_some_and(|then| Instant::now() < then);
        if !is_new || !self.named(&start.server, start.lease_ms, start.heard) {
            return Err(Error::new(Code::Conflict, "The command to start the app came too late."));
        }
        let (held, stop) = self.hold(&start).await?;
        // Whoever asked may go away meanwhile.
        let begun = tokio::spawn(async move {
            let mut begun = self.begin(&start, &held, &stop).await?;
            if stop.is_cancelled() {
                end(&mut begun.entered.running).await;
                return Err(Error::new(Code::Conflict, "The app was told to end while it started."));
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
        let app = start.app;
        // What ran before by a smaller token is of an earlier time.
        if !self.end(app, start.token.saturating_sub(1)).await {
            return Err(Error::new(Code::Conflict, "What ran before does not end."));
        }
        let mut slots = lock(&self.slots);
        if slots.seen.get(&app).is_some_and(|seen| *seen >= start.token) {
            return Err(Error::new(Code::Conflict, "This place was given up meanwhile."));
        }
        if self.leaving.load(Ordering::Relaxed) {
            return Err(Error::new(Code::Conflict, "This node is about to end."));
        }
        if slots.apps.len() >= self.options.capacity as usize || slots.apps.contains_key(&app) {
            return Err(Error::new(Code::Conflict, "This node has no room for the app."));
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
        slots.seen.insert(app, start.token);
        slots.apps.insert(app, slot);
        Ok((Held { agent: Arc::clone(self), app, gone: tell }, stop))
    }

    /// Fetches the program, starts it and waits until it comes to its link.
    async fn begin(&self, start: &Start, held: &Held, stop: &CancellationToken) -> Result<Begun> {
        let ended = || Error::new(Code::Conflict, "The app was told to end before it had started.");
        let fetched = stop.run_until_cancelled(self.program(start)).await;
        let program = fetched.ok_or_else(ended)??;
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
        let subjects = self.subjects.link(&self.options.name, &link_name(start.app, start.token));
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
        let database = start.database.as_ref().map(way).transpose()?;
        let database = database.as_ref().map(|(socket, address)| (*socket, address));
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
            async move { request(&client, subject, asked, ANSWER).await }.boxed()
        };
        self.programs.get(&start.program, used, piece).await
    }
}

/// The way to a database server: a socket in the folder of the link, beside that of the link, and an address.
fn way(database: &Database) -> Result<(&str, ServerAddress)> {
    let socket = database.socket.as_str();
    if socket == SOCKET || Path::new(socket).file_name() != Some(socket.as_ref()) {
        return Err(Error::new(Code::InvalidInput, "This is no socket of a database server."));
    }
    Ok((socket, ServerAddress::Tcp(database.host.clone(), database.port)))
}

/// The place of an app on a node, given back when nothing of it runs.
#[derive(Debug)]
struct Held {
    agent: Arc<Agent>,
    app: AppId,
    gone: watch::Sender<bool>,
}

impl Held {
    fn folder(&self) -> PathBuf {
        apps_dir(&self.agent.options.state).join(self.app.to_string())
    }

    fn link(&self) -> PathBuf {
        self.agent.options.state.run_file(&self.app.link_folder())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for folder in [self.folder(), self.link()] {
            if let Err(error) = remove_tree(&folder) {
                tracing::warn!(%error, folder = %folder.display(), "the folder of an app stays");
            }
        }
        lock(&self.agent.slots).apps.remove(&self.app);
        self.gone.send_replace(true);
        self.agent.news.notify_one();
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
    let out = wire.out.clone();
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
    // It reaches nothing any more, however long it takes to end. NATS may be what is away: that is waited for last.
    carrying.abort();
    drop(forwarding);
    end(&mut running).await;
    let _ = timeout(ANSWER, out.end()).await;
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
