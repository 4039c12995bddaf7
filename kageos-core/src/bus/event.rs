//! What happened, and where it stands.

use serde::{Deserialize, Serialize};

use crate::{ActionName, CallId, Progress, ResourcePath, StreamId};

/// A place among the events: `{stream}-{seq}` as text. Whoever heard the event with it has heard all that stand up to
/// there, and goes on after it. In one process each event has its own; between several, what a process did itself is
/// told at once, under the last place that it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    /// One numbering of events: of one start of one process, or of one stream between several.
    pub stream: StreamId,
    /// The place in it, from one; zero is before the first.
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
    /// Where a listener that has heard it goes on.
    pub id: EventId,
    /// What happened.
    pub body: EventBody,
}

/// What happened. The name in `type` is the name of the event on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The log of a workspace's app grew. For those who administer it.
    Log {
        /// The workspace.
        path: ResourcePath,
    },
    /// Whichever process runs a call shall end it. Not for people.
    Cancel {
        /// The call.
        call: CallId,
    },
    /// What processes keep in memory of the tree, of access or of accounts is old. Not for people.
    Renew,
}

impl EventBody {
    /// The path whose readers may see the event; `None` for everybody.
    #[must_use]
    pub fn path(&self) -> Option<&ResourcePath> {
        match self {
            Self::Change { path, .. }
            | Self::Tree { path }
            | Self::Progress { path, .. }
            | Self::Log { path } => Some(path),
            Self::Access { path } => path.as_ref(),
            Self::Cancel { .. } | Self::Renew => None,
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
            Self::Log { .. } => "log",
            Self::Cancel { .. } => "cancel",
            Self::Renew => "renew",
        }
    }
}

/// Some events can no longer be had; what was built from events has to be fetched anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("events were missed")]
pub struct Missed;
