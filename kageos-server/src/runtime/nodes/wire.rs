//! What a server and runtime nodes say to one another, as JSON on NATS.
//!
//! Commands are questions with an answer. What waited on the way while NATS was away is told by its age: a server names the
//! number that it heard last of a node, and a node knows when it had said that. What is to run where stands in the
//! platform's database.

use std::{collections::HashMap, fmt, path::PathBuf};

use kageos_core::{LogEntry, LogSource, NodeId, Result, platform::release::Program};
use serde::{Deserialize, Serialize};

use crate::runtime::{Limits, driver::Ending};

/// What a node says that it understands; another version is not used.
pub(super) const VERSION: u32 = 2;
/// Bytes of a program in one answer; NATS takes messages of 1 MB unless it is told otherwise.
pub(super) const PIECE: usize = 512 * 1024;

/// The subjects of one platform.
#[derive(Debug, Clone)]
pub(super) struct Subjects(String);

impl Subjects {
    pub(super) fn new(prefix: &str) -> Self {
        Self(format!("{prefix}.runtime"))
    }

    /// Where a node says that it is there; `*` for all.
    pub(super) fn nodes(&self, name: &str) -> String {
        format!("{}.nodes.{name}", self.0)
    }

    /// Where servers say which nodes they hear.
    pub(super) fn servers(&self) -> String {
        format!("{}.servers", self.0)
    }

    /// Where a life of a node takes commands.
    pub(super) fn commands(&self, node: &str, life: &str) -> String {
        format!("{}.node.{node}.{life}", self.0)
    }

    /// Where a server gives pieces of programs.
    pub(super) fn programs(&self, server: &str) -> String {
        format!("{}.program.{server}", self.0)
    }

    /// What an app's link is carried on: to the app, to the platform, and what its node says of it.
    pub(super) fn link(&self, node: &str, link: &str) -> Link {
        let of = |end: &str| format!("{}.link.{node}.{link}.{end}", self.0);
        Link { app: of("app"), platform: of("platform"), notes: of("notes") }
    }
}

/// The subjects of one link.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) app: String,
    pub(super) platform: String,
    pub(super) notes: String,
}

/// A node is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct NodeBeat {
    pub(super) version: u32,
    pub(super) name: String,
    /// One start of it.
    pub(super) life: String,
    /// Counts what it says.
    pub(super) number: u64,
    /// The start before on the same folder, of which nothing runs any more.
    pub(super) before: Option<String>,
    pub(super) labels: Vec<String>,
    /// Most apps that it runs at a time.
    pub(super) capacity: u32,
    /// How many it runs.
    pub(super) apps: u32,
    /// What keeps apps apart there.
    pub(super) sandbox: String,
    /// Whether apps reach no network there.
    pub(super) sealed: bool,
    /// It ends, and starts nothing any more.
    pub(super) leaving: bool,
    /// It has ended: nothing runs there, and nothing more is said.
    pub(super) ended: bool,
    /// Why it starts nothing.
    pub(super) trouble: Option<String>,
}

/// A server is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ServerBeat {
    /// One start of it.
    pub(super) server: String,
    /// A node that it does not hear for so long ends what it runs for it.
    pub(super) lease_ms: u64,
    /// The lives of nodes that it hears, and the number of what it heard last.
    pub(super) hears: HashMap<String, u64>,
}

/// What a server asks of a node.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Command {
    /// Start an app; answers [`Started`].
    Start(Box<Start>),
    /// End the app of a release that has a place with this token or a smaller one; answers whether nothing of it runs.
    End { app: AppId, token: u64 },
}

/// The app of a release, as one server runs it. While a release takes the place of another one, both run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::runtime) struct AppId {
    pub(in crate::runtime) workspace: NodeId,
    pub(in crate::runtime) release: u32,
    /// Of several servers on one database each has a number of its own.
    pub(in crate::runtime) server: u32,
}

impl AppId {
    /// What the folder of its link is called.
    pub(super) fn link_folder(self) -> String {
        format!("{}-r{}x{:08x}", self.workspace.to_string().split_off(14), self.release, self.server)
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-r{}-{:08x}", self.workspace, self.release, self.server)
    }
}

/// An app to be started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) server: String,
    pub(super) lease_ms: u64,
    /// The number of what the server heard last of the node.
    pub(super) heard: u64,
    pub(super) app: AppId,
    pub(super) token: u64,
    pub(super) program: Program,
    pub(super) arguments: Vec<String>,
    pub(super) limits: Limits,
    /// What its folder may hold, in bytes.
    pub(super) data_bytes: u64,
    /// The way to its rows.
    pub(super) database: Option<Database>,
    pub(super) ready_ms: u64,
}

/// The way to a database server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Database {
    /// The socket in the folder of the link.
    pub(super) socket: String,
    pub(super) host: String,
    pub(super) port: u16,
}

/// An app that has come to its link.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Started {
    /// The folder of its link, as it sees it.
    pub(super) link: PathBuf,
    /// Its own folder, as it sees it.
    pub(super) data: PathBuf,
    pub(super) pid: Option<u32>,
}

/// A piece of a program, asked of the server that wants it started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) sha256: String,
    pub(super) from: u64,
}

/// What a node says of an app beside its link.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Note {
    /// It wrote this to an output.
    Line { source: LogSource, entry: LogEntry },
    /// So many lines were lost.
    Lost(u64),
    /// It has ended.
    Ended(Option<Ending>),
}

/// What was asked for, or why not.
pub(super) type Answer<T> = Result<T>;

/// As the bytes of a message.
pub(super) fn json(message: &impl Serialize) -> bytes::Bytes {
    // Nothing of ours has keys that are no text.
    serde_json::to_vec(message).unwrap_or_default().into()
}
