//! What started a call.

use serde::{Deserialize, Serialize};

use crate::ResourcePath;

/// What kind of thing started a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A person in the browser.
    Web,
    /// A program with a token.
    Api,
    /// An MCP client.
    Mcp,
    /// A schedule.
    Schedule,
    /// An agent session.
    Agent,
    /// Code of another function.
    App,
    /// A public link.
    Link,
    /// The command line on the server's machine.
    Cli,
    /// The platform's own upkeep.
    System,
}

/// What started a call: kind, reference, path and title of the thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// What kind of thing.
    pub kind: SourceKind,
    /// Its id in its own list: a call, an execution, a session.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The path it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<ResourcePath>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl Source {
    /// A source of which only the kind is known.
    #[must_use]
    pub fn of(kind: SourceKind) -> Self {
        Self { kind, reference: None, path: None, title: None }
    }
}
