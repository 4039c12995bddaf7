//! A node of the Service Tree.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Kind, NodeId, ResourcePath, Timestamp};

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// The top of a path.
    Namespace,
    /// One app.
    Workspace,
    /// A directory in a workspace.
    Directory,
    /// A form.
    Form,
    /// A table.
    Table,
    /// A chart.
    Chart,
    /// A document.
    Docs,
    /// A function without a screen.
    Fn,
}

impl NodeKind {
    const ALL: [Self; 8] = [
        Self::Namespace,
        Self::Workspace,
        Self::Directory,
        Self::Form,
        Self::Table,
        Self::Chart,
        Self::Docs,
        Self::Fn,
    ];

    /// What a path names: its kind, or by its depth a namespace, a workspace or a directory.
    #[must_use]
    pub fn of(path: &ResourcePath) -> Self {
        match path.kind() {
            Some(Kind::Form) => Self::Form,
            Some(Kind::Table) => Self::Table,
            Some(Kind::Chart) => Self::Chart,
            Some(Kind::Docs) => Self::Docs,
            Some(Kind::Fn) => Self::Fn,
            None => match path.depth() {
                1 => Self::Namespace,
                2 => Self::Workspace,
                _ => Self::Directory,
            },
        }
    }

    /// The kind as text, as in tables and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Workspace => "workspace",
            Self::Directory => "directory",
            Self::Form => "form",
            Self::Table => "table",
            Self::Chart => "chart",
            Self::Docs => "docs",
            Self::Fn => "fn",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where a node comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An app declares it; it comes and goes with the declaration.
    Manifest,
    /// People added it; it stays.
    People,
}

impl Origin {
    /// The origin as text, as in tables and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::People => "people",
        }
    }
}

/// A node as the snapshot holds it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its id, which stays when the path changes.
    pub id: NodeId,
    /// The node above.
    pub parent: Option<NodeId>,
    /// Its address.
    pub path: ResourcePath,
    /// What it is.
    pub kind: NodeKind,
    /// Its name for people.
    pub title: String,
    /// What it is for, Markdown.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The ids from the namespace down to this node itself; what grants hang on.
    pub chain: Arc<[NodeId]>,
}
