//! Who acts.

use serde::{Deserialize, Serialize};

use crate::{ResourcePath, Rights, UserId};

/// What kind of caller an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person.
    User,
    /// A service account.
    Service,
    /// The platform's own upkeep.
    System,
    /// Nobody known.
    Anonymous,
}

/// Who acts in a call: a principal, and what narrows its rights in this call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// The principal; `None` for nobody known and for the platform.
    pub id: Option<UserId>,
    /// Its login name, for people who read the log.
    pub name: String,
    /// What an API token or a link lets it do at most; `None` for everything that it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The workspace whose code acts for the principal, in a call that an app makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<ResourcePath>,
}

/// The most that an actor may do, whatever its grants say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Only here and below; `None` for everywhere.
    pub path: Option<ResourcePath>,
    /// Only these rights.
    pub rights: Rights,
}

impl Actor {
    /// A person or service account.
    #[must_use]
    pub fn principal(kind: ActorKind, id: UserId, name: impl Into<String>) -> Self {
        Self { kind, id: Some(id), name: name.into(), scope: None, app: None }
    }

    /// The platform itself.
    #[must_use]
    pub fn system() -> Self {
        Self { kind: ActorKind::System, id: None, name: "system".to_owned(), scope: None, app: None }
    }

    /// Nobody known.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { kind: ActorKind::Anonymous, id: None, name: "anonymous".to_owned(), scope: None, app: None }
    }
}
