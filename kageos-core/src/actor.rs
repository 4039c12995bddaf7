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

impl Scope {
    /// What both scopes let do.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let rights = self.rights.intersection(other.rights);
        match (&self.path, &other.path) {
            (None, path) | (path, None) => Self { path: path.clone(), rights },
            (Some(one), Some(two)) if one.is_within(two) => Self { path: Some(one.clone()), rights },
            (Some(one), Some(two)) if two.is_within(one) => Self { path: Some(two.clone()), rights },
            (Some(one), Some(_)) => Self { path: Some(one.clone()), rights: Rights::NONE },
        }
    }
}

impl Actor {
    /// The actor where code acts that came with a scope of its own: it may do what both let it.
    #[must_use]
    pub fn within(self, scope: Option<&Scope>) -> Self {
        let scope = match (self.scope, scope) {
            (Some(own), Some(scope)) => Some(own.and(scope)),
            (own, scope) => own.or_else(|| scope.cloned()),
        };
        Self { scope, ..self }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Right;

    fn scope(path: Option<&str>, rights: &[Right]) -> Scope {
        let rights = rights.iter().fold(Rights::NONE, |all, right| all.with(*right));
        Scope { path: path.map(|path| path.parse().unwrap()), rights }
    }

    #[test]
    fn two_scopes_leave_what_both_leave() {
        let (sales, crm) =
            (scope(Some("/sales"), &[Right::Read, Right::Run]), scope(Some("/sales/crm"), &[Right::Read]));
        assert_eq!(sales.and(&crm), crm);
        assert_eq!(crm.and(&sales), crm);
        assert_eq!(scope(None, &[Right::Run]).and(&sales), scope(Some("/sales"), &[Right::Run]));
        assert!(crm.and(&scope(Some("/sales/crm2"), &[Right::Read])).rights.is_empty());
        let anna = Actor { scope: Some(sales.clone()), ..Actor::anonymous() };
        assert_eq!(anna.clone().within(Some(&crm)).scope, Some(crm.clone()));
        assert_eq!(anna.within(None).scope, Some(sales));
        assert_eq!(Actor::anonymous().within(Some(&crm)).scope, Some(crm));
    }
}
