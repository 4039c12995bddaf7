//! Events between several processes, over NATS JetStream.
//!
//! One stream numbers the events of all processes, so that a listener can go on at any of them. What a process does
//! itself it tells its own listeners at once, and under its number when that comes back. While NATS is away, events
//! wait in a bounded queue; when it overflows, all others are told that they have missed something.
//!
//! Works with NATS 2.9 and later. The stream is made when it is missing; one that is there keeps its settings.

mod publisher;
mod reader;
mod wire;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions};
use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::hub::Hub;
use super::{Bus, EventBody, EventId, Follower, Health, Listener, Missed, WINDOW};
use crate::StreamId;
use wire::{Outgoing, Wire};

/// Events that wait for NATS at most; beyond it they are lost to others and counted.
const QUEUE: usize = WINDOW;
/// How long the stream keeps an event for listeners that come back.
const MAX_AGE: Duration = Duration::from_secs(15 * 60);
/// Most events that the stream keeps.
const MAX_MESSAGES: i64 = 65_536;
/// Most bytes that the stream keeps: an event names at most a hundred rows.
const MAX_BYTES: i64 = 64 * 1024 * 1024;
/// Longest wait for a connection or an answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longest pause between attempts to connect again.
const RECONNECT: Duration = Duration::from_secs(1);
/// How long the start waits for NATS; without it the process works alone and goes on trying.
const FIRST: Duration = Duration::from_secs(3);
/// How long the end waits for events to be taken.
const LAST: Duration = Duration::from_secs(1);
/// How long a follower may take before listeners are told anyhow.
const FOLLOWER: Duration = Duration::from_secs(2);

/// Where the events go.
#[derive(Clone)]
pub struct NatsOptions {
    url: String,
    prefix: String,
    own: StreamId,
}

impl std::fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsOptions")
            .field("prefix", &self.prefix)
            .field("own", &self.own)
            .finish_non_exhaustive()
    }
}

impl NatsOptions {
    /// Over the servers at `url` (`nats://…` or `tls://…`, several with commas), in the name of the process `own`.
    #[must_use]
    pub fn new(url: impl Into<String>, own: StreamId) -> Self {
        Self { url: url.into(), prefix: "kageos".to_owned(), own }
    }

    /// Before the names of subjects and stream; a code, for each platform on one NATS its own.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }
}

/// Why events do not go or come.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(String);

impl Trouble {
    fn of(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                text = format!("{text}: {inner_text}");
            }
            source = inner.source();
        }
        Self(text)
    }

    fn text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn silent() -> Self {
        Self::text("NATS does not answer")
    }
}

/// The events of several processes.
#[derive(Debug)]
pub struct NatsBus {
    inner: Arc<Inner>,
    tasks: Mutex<Vec<AbortHandle>>,
}

#[derive(Debug)]
struct Inner {
    own: StreamId,
    hub: Hub,
    client: Client,
    jetstream: Context,
    /// The stream's name.
    name: String,
    subject: String,
    line: Mutex<Line>,
    dropped: AtomicU64,
    attached: watch::Sender<bool>,
    trouble: Mutex<Option<Trouble>>,
    follower: OnceLock<Arc<dyn Follower>>,
}

/// Events leave in the order of their numbers.
#[derive(Debug)]
struct Line {
    number: u64,
    queue: Option<mpsc::Sender<Outgoing>>,
    /// Some were lost and others do not know it yet.
    gap: bool,
}

impl NatsBus {
    /// Connects and begins to read. While NATS is out of reach it works alone and tries again.
    ///
    /// # Errors
    /// When the address is none.
    pub async fn open(options: NatsOptions) -> Result<Self, Trouble> {
        let addresses: Vec<&str> = options.url.split(',').map(str::trim).collect();
        let connect = ConnectOptions::new()
            .name(format!("kageos {}", options.own))
            .connection_timeout(TIMEOUT)
            .request_timeout(Some(TIMEOUT))
            .ping_interval(TIMEOUT)
            .reconnect_delay_callback(|attempts| {
                RECONNECT.min(Duration::from_millis(50) * attempts.min(20) as u32)
            })
            .retry_on_initial_connect();
        let client = connect.connect(addresses).await.map_err(Trouble::of)?;
        let jetstream = jetstream::ContextBuilder::new().timeout(TIMEOUT).build(client.clone());
        let (sender, queue) = mpsc::channel(QUEUE);
        let inner = Arc::new(Inner {
            own: options.own,
            hub: Hub::new(options.own),
            client,
            jetstream,
            name: format!("{}_events", options.prefix),
            subject: format!("{}.events", options.prefix),
            line: Mutex::new(Line { number: 0, queue: Some(sender), gap: false }),
            dropped: AtomicU64::new(0),
            attached: watch::Sender::new(false),
            trouble: Mutex::new(None),
            follower: OnceLock::new(),
        });
        let (reading, sending) = (Arc::clone(&inner), Arc::clone(&inner));
        let reading = tokio::spawn(async move { reader::run(&reading).await });
        let sending = tokio::spawn(async move { publisher::run(&sending, queue).await });
        let tasks = Mutex::new(vec![reading.abort_handle(), sending.abort_handle()]);
        let bus = Self { inner, tasks };
        let _ = tokio::time::timeout(FIRST, bus.attached()).await;
        Ok(bus)
    }

    /// Waits until events come and go.
    pub async fn attached(&self) {
        let mut attached = self.inner.attached.subscribe();
        let _ = attached.wait_for(|attached| *attached).await;
    }

    /// How many events others will never get.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.inner.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Inner {
    /// The message that tells others of a gap, when there is one.
    fn gap_to_tell(&self) -> Option<Outgoing> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::take(&mut line.gap) {
            return None;
        }
        line.number += 1;
        Some(Outgoing { number: line.number, wire: Wire::Gap })
    }

    async fn ask_follower(&self, body: &EventBody) {
        let Some(follower) = self.follower.get() else { return };
        if tokio::time::timeout(FOLLOWER, follower.follow(body)).await.is_err() {
            tracing::warn!("an event is told before this process has followed it");
        }
    }

    async fn renew(&self) {
        let Some(follower) = self.follower.get() else { return };
        let _ = tokio::time::timeout(FOLLOWER, follower.renew()).await;
    }

    fn note(&self, error: &Trouble) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }
}

#[async_trait]
impl Bus for NatsBus {
    fn publish(&self, body: EventBody) {
        let mut line = self.inner.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.number += 1;
        let number = line.number;
        let place = line.queue.as_ref().and_then(|queue| queue.clone().try_reserve_owned().ok());
        // Told before it is sent, so that it cannot come back before it waits for its place.
        self.inner.hub.tell_early(number, body.clone(), place.is_some());
        match place {
            Some(place) => drop(place.send(Outgoing { number, wire: Wire::Event(body) })),
            None => {
                line.gap = true;
                self.inner.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn listen(&self, last: Option<EventId>) -> Result<Listener, Missed> {
        self.inner.hub.listen(last)
    }

    fn follow(&self, follower: Arc<dyn Follower>) {
        let _ = self.inner.follower.set(follower);
    }

    fn reset(&self) {
        self.inner.hub.reset();
    }

    fn health(&self) -> Option<Health> {
        let connected = self.inner.client.connection_state() == State::Connected;
        let ok = connected && *self.inner.attached.borrow();
        let lost = match self.dropped() {
            0 => String::new(),
            dropped => format!("; {dropped} events did not reach other servers"),
        };
        let trouble = self.inner.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = trouble.filter(|_| connected).map_or("no connection".to_owned(), |trouble| trouble.0);
        let detail = if ok { format!("connected{lost}") } else { format!("NATS: {why}{lost}") };
        Some(Health { ok, detail })
    }

    async fn close(&self) {
        self.inner.line.lock().unwrap_or_else(PoisonError::into_inner).queue = None;
        let emptied = async {
            while !self.inner.hub.all_placed() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if *self.inner.attached.borrow() {
            let _ = tokio::time::timeout(LAST, emptied).await;
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.drain(..).for_each(|task| task.abort());
    }
}
