//! Events: what open screens, counters and triggers follow.
//!
//! Events are hints, never the truth: whoever misses some refetches. A listener that falls behind the window, or
//! comes back after the process was restarted, is told to [reset](Missed).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::broadcast;

use crate::{ActionName, CallId, Progress, ResourcePath, StreamId};

/// Events kept for listeners that come back, and for slow ones.
const WINDOW: usize = 4_096;

/// Where an event stands: `{stream}-{seq}` as text. A stream is one start of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    /// The stream.
    pub stream: StreamId,
    /// The place in it, from one.
    pub seq: u64,
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.stream, self.seq)
    }
}

impl std::str::FromStr for EventId {
    type Err = crate::id::IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (stream, seq) = text.split_once('-').ok_or(crate::id::IdError)?;
        Ok(Self { stream: stream.parse()?, seq: seq.parse().map_err(|_| crate::id::IdError)? })
    }
}

/// Something that happened at a path.
#[derive(Debug, Clone)]
pub struct Event {
    /// Where it stands.
    pub id: EventId,
    /// What happened.
    pub body: EventBody,
}

/// What happened. The name in `type` is the name of the event on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventBody {
    /// A call changed rows.
    Change {
        /// The function.
        path: ResourcePath,
        /// What was asked of it.
        action: ActionName,
        /// The call.
        call: CallId,
        /// The rows it changed, when they are few.
        rows: Vec<String>,
    },
    /// The tree changed at or below a path.
    Tree {
        /// Where.
        path: ResourcePath,
    },
    /// Who may do what changed at or below a path, or everywhere.
    Access {
        /// Where.
        path: Option<ResourcePath>,
    },
    /// A running call came further.
    Progress {
        /// The function.
        path: ResourcePath,
        /// The call.
        call: CallId,
        /// How far.
        progress: Progress,
    },
}

impl EventBody {
    /// The path whose readers may see the event; `None` for everybody.
    #[must_use]
    pub fn path(&self) -> Option<&ResourcePath> {
        match self {
            Self::Change { path, .. } | Self::Tree { path } | Self::Progress { path, .. } => Some(path),
            Self::Access { path } => path.as_ref(),
        }
    }

    /// The name of the event on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Change { .. } => "change",
            Self::Tree { .. } => "tree",
            Self::Access { .. } => "access",
            Self::Progress { .. } => "progress",
        }
    }
}

/// Some events can no longer be had; what was built from events has to be fetched anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("events were missed")]
pub struct Missed;

/// The events of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stream: StreamId,
    window: Mutex<Window>,
    sender: broadcast::Sender<Arc<Event>>,
}

#[derive(Debug, Default)]
struct Window {
    seq: u64,
    events: VecDeque<Arc<Event>>,
}

impl Events {
    /// Events numbered in `stream`.
    #[must_use]
    pub fn new(stream: StreamId) -> Self {
        let sender = broadcast::Sender::new(WINDOW);
        Self { shared: Arc::new(Shared { stream, window: Mutex::default(), sender }) }
    }

    /// Tells everybody who listens.
    pub fn publish(&self, body: EventBody) {
        let mut window = self.shared.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.seq += 1;
        let event = Arc::new(Event { id: EventId { stream: self.shared.stream, seq: window.seq }, body });
        if window.events.len() == WINDOW {
            window.events.pop_front();
        }
        window.events.push_back(Arc::clone(&event));
        // Under the lock, so that a new listener misses nothing and gets nothing twice.
        let _ = self.shared.sender.send(event);
    }

    /// Listens from now on, or without a gap from after `last`.
    ///
    /// # Errors
    /// [`Missed`] when the events after `last` are not kept any more.
    pub fn listen(&self, last: Option<EventId>) -> Result<Listener, Missed> {
        let window = self.shared.window.lock().unwrap_or_else(PoisonError::into_inner);
        let mut replay = VecDeque::new();
        if let Some(last) = last {
            let oldest = window.events.front().map_or(window.seq + 1, |event| event.id.seq);
            let known = last.stream == self.shared.stream && last.seq <= window.seq && last.seq + 1 >= oldest;
            if !known {
                return Err(Missed);
            }
            replay.extend(window.events.iter().filter(|event| event.id.seq > last.seq).cloned());
        }
        Ok(Listener { replay, receiver: self.shared.sender.subscribe() })
    }
}

/// One listener's place in the events.
#[derive(Debug)]
pub struct Listener {
    replay: VecDeque<Arc<Event>>,
    receiver: broadcast::Receiver<Arc<Event>>,
}

impl Listener {
    /// The next event; `None` when there will be no more.
    ///
    /// # Errors
    /// [`Missed`] when the listener was too slow; the events after the gap follow.
    pub async fn next(&mut self) -> Result<Option<Arc<Event>>, Missed> {
        if let Some(event) = self.replay.pop_front() {
            return Ok(Some(event));
        }
        match self.receiver.recv().await {
            Ok(event) => Ok(Some(event)),
            Err(broadcast::error::RecvError::Closed) => Ok(None),
            Err(broadcast::error::RecvError::Lagged(_)) => Err(Missed),
        }
    }
}
