//! Apps on other machines.
//!
//! A runtime node ([`RuntimeNode`]) joins over NATS and runs apps for servers as these would run them themselves: it starts
//! the program in its sandbox and carries the app's link, byte for byte. The platform's end of the link stays with the
//! server, and so does all that an app asks for. A node holds nothing that matters: rows lie on a database server, and it
//! fetches programs by their hash.
//!
//! [`Nodes`] is the server's side. The app of a release has one place at a time, which the platform's database names: a new
//! one is taken only when nothing runs in the last one any more, because its node says so or cannot run it any longer.

mod agent;
mod known;
mod lease;
mod programs;
mod remote;
mod stream;
mod wire;

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use kageos_core::{
    Code, Env, Error, Result, StreamId,
    platform::release::{RuntimePlace, RuntimePlaces},
    sql::{Forward, ServerAddress},
};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::{
    io::DuplexStream,
    sync::{Semaphore, watch},
    task::AbortHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    driver::{Entered, Running},
    live::forward,
    lock,
    options::AppOptions,
};
pub use agent::{NodeOptions, RuntimeNode};
pub(crate) use known::is_name;
use known::{Chosen, Freed, Known, SILENT};
use programs::Offered;
pub(super) use remote::{Placed, RemoteApp};
use stream::{Out, Wire};
pub(super) use wire::AppId;
use wire::{Command, Database, Piece, ServerBeat, Start, Started, Subjects, json};

/// How often each side says that it is there.
const BEAT: Duration = Duration::from_millis(500);
/// Shortest lease.
const MIN_LEASE: Duration = Duration::from_secs(4);
/// How often it is looked which nodes are heard.
const LOOK: Duration = Duration::from_millis(250);
/// How long an answer may take that costs no work.
const ANSWER: Duration = Duration::from_secs(5);
/// Pieces of programs that are read at a time.
const PIECES: usize = 8;
/// Messages of a subscription that wait to be taken; one that is behind ends.
const SUBSCRIPTION: usize = 8 * 1024;
/// Bytes between a link and what carries it.
const BETWEEN: usize = 64 * 1024;

/// How a server comes to runtime nodes.
#[derive(Clone)]
pub struct NodesOptions {
    /// NATS: `nats://…` or `tls://…`, several with commas.
    pub url: String,
    /// Before the names of subjects; for each platform on one NATS its own.
    pub prefix: String,
    /// What a node must have to be used.
    pub labels: Vec<String>,
    /// A node that is not heard for so long ends what it runs.
    pub lease: Duration,
    /// Where apps run.
    pub places: RuntimePlaces,
}

impl std::fmt::Debug for NodesOptions {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodesOptions").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// The runtime nodes of a server; cheap to clone.
#[derive(Debug, Clone)]
pub struct Nodes {
    inner: Arc<Inner>,
    _tasks: Arc<Tasks>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    subjects: Subjects,
    /// This start of this server.
    server: String,
    labels: Vec<String>,
    lease: Duration,
    places: RuntimePlaces,
    known: Mutex<Known>,
    offered: Offered,
    since: Instant,
    env: Env,
    /// Some node is heard that was not, or the other way round.
    changed: watch::Sender<()>,
}

/// The cause of an error: a runtime node did not take what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the runtime node did not take it")]
struct NotTaken;

/// Whether an error says that a runtime node did not take an app, and nothing of the app itself.
pub(super) fn was_not_taken(error: &Error) -> bool {
    // The cause itself: what `Error::source` answers is the pointer to it.
    error.source.as_deref().is_some_and(|cause| cause.is::<NotTaken>())
}

/// What ends with whoever has it.
#[derive(Debug)]
struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// A connection to NATS that comes back by itself.
async fn connect(url: &str, name: &str, inbox: String) -> Result<Client> {
    let addresses: Vec<&str> = url.split(',').map(str::trim).collect();
    let options = ConnectOptions::new()
        .name(format!("kageos {name}"))
        .custom_inbox_prefix(inbox)
        .connection_timeout(ANSWER)
        .ping_interval(BEAT * 4)
        .reconnect_delay_callback(|attempts| {
            (BEAT * 2).min(Duration::from_millis(50) * attempts.min(20) as u32)
        })
        .subscription_capacity(SUBSCRIPTION)
        .event_callback(|event| async move {
            match event {
                Event::Connected => tracing::info!("runtime nodes: connected to NATS"),
                event => tracing::warn!(%event, "runtime nodes: NATS"),
            }
        })
        .retry_on_initial_connect();
    let refused = |error| Error::new(Code::Unavailable, "bus.url is no address of NATS.").caused_by(error);
    options.connect(addresses).await.map_err(refused)
}

/// Asks somebody on NATS. The client's own time begins only when it has room for the question.
async fn request(client: &Client, subject: String, question: Bytes, within: Duration) -> Result<Bytes> {
    let request = async_nats::Request::new().payload(question).timeout(Some(within));
    let late = |_| Error::new(Code::Unavailable, "NATS does not answer.");
    Ok(timeout(within, client.send_request(subject, request)).await.map_err(late)?.map_err(away)?.payload)
}

fn away(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Code::Unavailable, "NATS does not answer.").caused_by(error)
}

/// The way to the rows of an app from another machine, when they lie on a server.
fn database(options: &AppOptions) -> Result<Option<Database>> {
    // Only what leads there is of use before the node has told where the app finds it.
    let Some(Forward { socket, address, .. }) = forward(options, Path::new("/"))? else { return Ok(None) };
    match address {
        ServerAddress::Tcp(host, port) => Ok(Some(Database { socket: socket.to_owned(), host, port })),
        ServerAddress::Unix(path) => {
            let path = path.display();
            let message = format!("The rows lie behind the socket {path}, which no runtime node reaches.");
            Err(Error::new(Code::Unavailable, message))
        }
    }
}

impl Inner {
    async fn subscribe(&self, subject: String) -> Result<Subscriber> {
        let late = |_| Error::new(Code::Unavailable, "NATS does not answer.");
        timeout(ANSWER, self.client.subscribe(subject)).await.map_err(late)?.map_err(away)
    }
}

impl Nodes {
    /// Joins and begins to listen for nodes. While NATS is out of reach none is heard.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the address is none.
    pub async fn open(env: &Env, options: NodesOptions) -> Result<Self> {
        let NodesOptions { url, prefix, labels, lease, places } = options;
        // Each side is heard twice in that time, also where one message is lost.
        let lease = lease.max(MIN_LEASE);
        let server = StreamId::new(env).to_string();
        let client = connect(&url, &server, format!("_INBOX_{prefix}_server")).await?;
        let since = Instant::now();
        let inner = Arc::new(Inner {
            client,
            subjects: Subjects::new(&prefix),
            server,
            labels,
            lease,
            places,
            known: Mutex::new(Known::new(since, lease)),
            offered: Offered::default(),
            since,
            env: env.clone(),
            changed: watch::Sender::new(()),
        });
        let tasks = [
            tokio::spawn(listen(Arc::clone(&inner))),
            tokio::spawn(beat(Arc::clone(&inner))),
            tokio::spawn(look(Arc::clone(&inner))),
            tokio::spawn(give(Arc::clone(&inner))),
        ];
        let tasks = Tasks(tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect());
        Ok(Self { inner, _tasks: Arc::new(tasks) })
    }

    /// What tells the apps of this server from those of others on one database.
    pub(super) fn number(&self) -> u32 {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(self.inner.places.server()));
        u32::from_be_bytes([a, b, c, d])
    }

    /// Which nodes there are, in words.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when none can run an app.
    pub(super) fn outlook(&self) -> Result<String> {
        let (known, now) = (lock(&self.inner.known), Instant::now());
        known.choose(&self.inner.labels, now)?;
        Ok(format!("runtime nodes: {}", known.told(&self.inner.labels, now)))
    }

    /// Takes a place for an app, when nothing of it runs in the last one any more.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason that there is none.
    pub(super) async fn place(&self, app: AppId) -> Result<Placed> {
        let inner = &self.inner;
        let last = inner.places.find(app.workspace, app.release).await?;
        if let Some(last) = &last {
            self.leave(app, last).await?;
        }
        let Chosen { name, life, sandbox } = self.choose().await?;
        let release = (app.workspace, app.release);
        let place = inner.places.take(release, last.as_ref(), (&name, &life), inner.env.now()).await?;
        Ok(Placed::at(self.clone(), app, place, sandbox))
    }

    /// Starts an app in its place and waits until it comes to its link.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason.
    pub(super) async fn enter(&self, placed: Placed, options: &AppOptions) -> Result<Entered<DuplexStream>> {
        let inner = &self.inner;
        let offer = inner.offered.offer(&options.program).await?;
        let arguments = options.arguments.iter().map(|it| it.to_string_lossy().into_owned()).collect();
        let heard = lock(&inner.known).number(&placed.place, Instant::now());
        let start = Start {
            server: inner.server.clone(),
            lease_ms: millis(inner.lease),
            heard: heard.ok_or_else(|| self.stays(&placed.place))?,
            app: placed.app,
            token: placed.place.token,
            program: offer.program.clone(),
            arguments,
            limits: options.limits.clone(),
            data_bytes: options.quota.most(),
            database: database(options)?,
            ready_ms: millis(options.ready_within),
        };
        let link = inner.subjects.link(&placed.place.node, &placed.link());
        let (incoming, notes) = (inner.subscribe(link.platform).await?, inner.subscribe(link.notes).await?);
        let start = Command::Start(Box::new(start));
        let started = self.ask(&placed.place, &start, options.ready_within + ANSWER).await;
        let started: Started = started.map_err(|error| {
            lock(&inner.known).avoid(&placed.place.node, Instant::now());
            match error.code {
                // That the node does not start it is no fault of the app.
                Code::Conflict => Error::new(Code::Unavailable, error.message).caused_by(NotTaken),
                _ => error,
            }
        })?;
        let sandbox = format!("{} on {}", placed.sandbox, placed.place.node);
        let wire = Wire { incoming, out: Out { client: inner.client.clone(), to: link.app.into() } };
        let (ours, theirs) = tokio::io::duplex(BETWEEN);
        let app = RemoteApp::run(placed, started.pid, (wire, theirs), (notes, Arc::clone(&options.logs)));
        Ok(Entered {
            running: Running::Remote(app),
            stream: ours,
            link: started.link,
            data: started.data,
            forwarding: None,
            sandbox,
        })
    }

    /// Waits shortly for a node that has room: a server that starts has heard none yet.
    async fn choose(&self) -> Result<Chosen> {
        let inner = &self.inner;
        let mut changed = inner.changed.subscribe();
        loop {
            let chosen = lock(&inner.known).choose(&inner.labels, Instant::now());
            let rest = SILENT.saturating_sub(inner.since.elapsed());
            match chosen {
                Err(_) if !rest.is_zero() => drop(timeout(rest, changed.changed()).await),
                chosen => return chosen,
            }
        }
    }

    /// Makes sure that nothing runs in a place any more.
    async fn leave(&self, app: AppId, place: &RuntimePlace) -> Result<()> {
        let inner = &self.inner;
        let mut changed = inner.changed.subscribe();
        while matches!(self.freed(place), Freed::At(_)) {
            // It may not have been heard yet.
            let rest = SILENT.saturating_sub(inner.since.elapsed());
            if rest.is_zero() {
                break;
            }
            let _ = timeout(rest, changed.changed()).await;
        }
        if self.end(app, place).await {
            return Ok(());
        }
        Err(self.stays(place))
    }

    /// Why it is not known that nothing runs in a place any more.
    fn stays(&self, place: &RuntimePlace) -> Error {
        let node = &place.node;
        let message = match self.freed(place) {
            Freed::At(then) => {
                let seconds = then.saturating_duration_since(Instant::now()).as_secs() + 1;
                format!(
                    "The runtime node {node} that ran the app is lost; it is started elsewhere in {seconds} s."
                )
            }
            _ => format!("The app does not end on the runtime node {node}."),
        };
        Error::new(Code::Unavailable, message).caused_by(NotTaken)
    }

    fn freed(&self, place: &RuntimePlace) -> Freed {
        lock(&self.inner.known).freed(place, Instant::now())
    }

    /// Ends what runs in a place; answers whether nothing does any more.
    async fn end(&self, app: AppId, place: &RuntimePlace) -> bool {
        match self.freed(place) {
            Freed::Over | Freed::Elapsed => true,
            Freed::At(_) => false,
            Freed::Ask => {
                let end = Command::End { app, token: place.token };
                self.ask::<bool>(place, &end, ANSWER).await.unwrap_or(false)
            }
        }
    }

    /// Whether the node of a place is about to end.
    fn is_leaving(&self, place: &RuntimePlace) -> bool {
        lock(&self.inner.known).is_leaving(place, Instant::now())
    }

    fn hears(&self, place: &RuntimePlace) -> bool {
        lock(&self.inner.known).number(place, Instant::now()).is_some()
    }

    /// Waits until the node of a place is not heard any more.
    async fn lost(&self, place: &RuntimePlace) {
        let mut changed = self.inner.changed.subscribe();
        while self.hears(place) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Asks the node of a place.
    async fn ask<T: DeserializeOwned>(
        &self,
        place: &RuntimePlace,
        command: &Command,
        within: Duration,
    ) -> Result<T> {
        let subject = self.inner.subjects.commands(&place.node, &place.life);
        let silent = |_| {
            let message = format!("The runtime node {} does not answer.", place.node);
            Error::new(Code::Unavailable, message).caused_by(NotTaken)
        };
        let answer = request(&self.inner.client, subject, json(command), within).await.map_err(silent)?;
        let answer: Result<T> = serde_json::from_slice(&answer).map_err(Error::internal)?;
        answer
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Does something with each message on a subject, for ever.
async fn each(client: &Client, subject: String, mut on: impl FnMut(async_nats::Message)) {
    loop {
        if let Ok(mut messages) = client.subscribe(subject.clone()).await {
            while let Some(message) = messages.next().await {
                on(message);
            }
        }
        sleep(BEAT).await;
    }
}

/// Hears what nodes say of themselves.
async fn listen(inner: Arc<Inner>) {
    each(&inner.client, inner.subjects.nodes("*"), |message| {
        // Who may speak there may be bound to the name.
        let name = message.subject.rsplit('.').next().unwrap_or_default();
        match serde_json::from_slice(&message.payload) {
            Ok(beat) => lock(&inner.known).hear(name, beat, Instant::now()),
            Err(error) => tracing::warn!(%error, "a runtime node says what is not understood"),
        }
    })
    .await;
}

/// Says which nodes are heard: one that is not named ends what it runs.
async fn beat(inner: Arc<Inner>) {
    let mut changed = inner.changed.subscribe();
    loop {
        let hears = lock(&inner.known).lives(Instant::now());
        let beat = ServerBeat { server: inner.server.clone(), lease_ms: millis(inner.lease), hears };
        let _ = inner.client.publish(inner.subjects.servers(), json(&beat)).await;
        let _ = timeout(BEAT, changed.changed()).await;
    }
}

/// Tells who waits for it that some node is heard now, or not any more.
async fn look(inner: Arc<Inner>) {
    let mut before = Vec::new();
    loop {
        let mut lives: Vec<_> = lock(&inner.known).lives(Instant::now()).into_keys().collect();
        lives.sort_unstable();
        if lives != before {
            before = lives;
            inner.changed.send_replace(());
        }
        sleep(LOOK).await;
    }
}

/// Gives pieces of programs to nodes that were told to start them.
async fn give(inner: Arc<Inner>) {
    let places = Arc::new(Semaphore::new(PIECES));
    each(&inner.client, inner.subjects.programs(&inner.server), |message| {
        let Some(reply) = message.reply else { return };
        let Ok(Piece { sha256, from }) = serde_json::from_slice(&message.payload) else { return };
        // Who is not answered asks again.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { return };
        let inner = Arc::clone(&inner);
        tokio::spawn(async move {
            let read = Arc::clone(&inner);
            let piece =
                tokio::task::spawn_blocking(move || read.offered.piece(&sha256, from)).map(Result::ok);
            let piece = piece.await.flatten().unwrap_or_default();
            let _ = inner.client.publish(reply, piece).await;
            drop(place);
        });
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_fault_of_an_app_is_told_from_what_is() {
        let error = Error::new(Code::Unavailable, "The node is lost.");
        assert!(was_not_taken(&error.clone().caused_by(NotTaken).clone()));
        assert!(!was_not_taken(&error.clone().caused_by(std::io::Error::other("NotTaken"))));
        assert!(!was_not_taken(&error));
    }
}
