//! What gives or takes rights.

use serde::{Deserialize, Serialize};

use crate::{GrantId, GroupId, NodeId, Right, Rights, Role, Timestamp, UserId};

/// Who a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// One person or service account.
    User(UserId),
    /// All members of a group.
    Group(GroupId),
    /// Everyone who is signed in.
    Everyone,
}

/// A role given, or denied, to a subject on a node and on everything below it.
///
/// It hangs on the node, not on its path, so a move takes it along untouched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Where it starts to hold.
    pub node: NodeId,
    /// Who it is for.
    pub subject: Subject,
    /// What it gives or takes.
    pub role: Role,
    /// Takes away instead of giving.
    pub deny: bool,
    /// From when on it does not count any more; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it; `None` for the platform.
    pub created_by: Option<UserId>,
}

/// A grant to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// Where it starts to hold.
    pub node: NodeId,
    /// Who it is for.
    pub subject: Subject,
    /// What it gives or takes.
    pub role: Role,
    /// Takes away instead of giving.
    pub deny: bool,
    /// From when on it does not count any more; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Who makes it; `None` for the platform.
    pub created_by: Option<UserId>,
}

impl Grant {
    /// Whether the grant has run out at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The rights that it gives or, when it denies, takes.
    #[must_use]
    pub fn rights(&self) -> Rights {
        if self.deny { denied(self.role) } else { self.role.rights() }
    }
}

/// What a denial of `role` takes away: every right that a weaker role does not already hold.
///
/// So a denied `member` still reads, and a denied `viewer` is left with nothing.
#[must_use]
pub fn denied(role: Role) -> Rights {
    let weaker = Role::ALL.into_iter().filter(|other| *other < role);
    Rights::EVERY.without(weaker.fold(Rights::NONE, |sum, other| sum.union(other.rights())))
}

/// The right that is needed to make or revoke such a grant: nobody gives or takes what they do not hold.
///
/// Giving `owner` needs `owner`. So does a denial, because every denial takes the right of an owner.
#[must_use]
pub fn right_to_grant(role: Role, deny: bool) -> Right {
    if deny || role == Role::Owner { Right::Owner } else { Right::Admin }
}
