use kageos_core::{NodeId, Rights, Timestamp, UserId, platform::tree};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Function;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The top of a path.
    Namespace,
    /// One app.
    Workspace,
    /// A directory.
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

/// A node of the Service Tree.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Node {
    /// Its id, which stays when the path changes.
    #[schema(value_type = String)]
    pub id: NodeId,
    /// Its address.
    pub path: String,
    /// The last segment, without kind.
    pub code: String,
    /// What it is.
    #[schema(value_type = Kind)]
    pub kind: tree::NodeKind,
    /// Its name for people.
    pub title: String,
    /// What it is for, Markdown.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// How many nodes below it the caller may see.
    pub children: usize,
    /// `manifest` when an app declares it, `people` when people added it.
    #[schema(value_type = String)]
    pub origin: tree::Origin,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl Node {
    /// The node as a caller sees it who may see `children` of those below.
    #[must_use]
    pub fn new(node: &tree::Node, children: usize) -> Self {
        Self {
            id: node.id,
            path: node.path.to_string(),
            code: node.path.code().to_owned(),
            kind: node.kind,
            title: node.title.clone(),
            description: node.description.clone(),
            tags: node.tags.clone(),
            children,
            origin: node.origin,
            updated_at: node.updated_at,
        }
    }
}

/// Nodes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NodeList {
    /// The nodes.
    pub items: Vec<Node>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

/// A node with all that its screen needs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NodeDetail {
    /// The node.
    pub node: Node,
    /// What the caller may do here.
    #[schema(value_type = Vec<super::Right>)]
    pub rights: Rights,
    /// Who answers for it.
    #[schema(required)]
    pub owner: Option<OwnerRef>,
    /// What it does, when it is a function that runs here.
    #[schema(required)]
    pub function: Option<Function>,
    /// Whose app runs the workspace that it lies in, when that is attached from a developer's machine.
    #[schema(required)]
    pub attached: Option<AttachedApp>,
}

/// An app that a developer runs on their own machine, in the place of a release. It answers that developer alone.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttachedApp {
    /// The developer.
    pub by: OwnerRef,
    /// Whether it runs now.
    pub live: bool,
}

/// An account in a sentence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnerRef {
    /// The account.
    #[schema(value_type = String)]
    pub id: UserId,
    /// Its login.
    pub login: String,
    /// What people call them.
    pub name: String,
}

/// A node that was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SearchHit {
    /// The node.
    pub node: Node,
    /// How well it matches; larger is better.
    pub score: u32,
}

/// Nodes that were found, best first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SearchHitList {
    /// The nodes.
    pub items: Vec<SearchHit>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

/// A namespace to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamespaceInput {
    /// Its code, the first segment of its paths.
    pub code: String,
    /// Its name for people.
    pub title: String,
    /// The account that it belongs to; absent for the caller.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub owner: Option<UserId>,
}
