//! The decision, without any I/O.

use super::{Grant, Subject};
use crate::{GroupId, ResourcePath, Rights, Scope, Timestamp, UserId};

/// Who asks, as far as a decision must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'a> {
    /// The platform itself: every right.
    Platform,
    /// Nobody known: no right.
    Nobody,
    /// An account that was disabled: no right, whatever else it is.
    Disabled,
    /// A platform administrator: every right.
    Admin,
    /// Someone who is signed in: what the grants say.
    Member {
        /// The account.
        user: UserId,
        /// Its groups, in ascending order.
        groups: &'a [GroupId],
    },
}

/// What was decided, and how long that holds while no grant changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The rights.
    pub rights: Rights,
    /// When a grant runs out that counted; `None` for never.
    pub until: Option<Timestamp>,
}

/// Decides what `principal` may do where `grants` hold: those of the node and of all above it.
///
/// Nothing is allowed unless a grant allows it, and a denial beats every grant, wherever either stands.
pub fn decide<'g>(
    principal: Principal<'_>,
    grants: impl IntoIterator<Item = &'g Grant>,
    now: Timestamp,
) -> Decision {
    let (mut given, mut taken, mut until) = (Rights::NONE, Rights::NONE, None);
    match principal {
        Principal::Platform | Principal::Admin => given = Rights::EVERY,
        Principal::Nobody | Principal::Disabled => {}
        Principal::Member { user, groups } => {
            for grant in applying(user, groups, grants, now) {
                let sum = if grant.deny { &mut taken } else { &mut given };
                *sum = sum.union(grant.rights());
                until = earlier(until, grant.expires_at);
            }
        }
    }
    Decision { rights: given.without(taken), until }
}

/// The grants that count for a member now.
pub(super) fn applying<'g>(
    user: UserId,
    groups: &[GroupId],
    grants: impl IntoIterator<Item = &'g Grant>,
    now: Timestamp,
) -> impl Iterator<Item = &'g Grant> {
    grants.into_iter().filter(move |grant| {
        let matches = match grant.subject {
            Subject::User(id) => id == user,
            Subject::Group(id) => groups.binary_search(&id).is_ok(),
            Subject::Everyone => true,
        };
        matches && !grant.is_expired(now)
    })
}

/// The most that `scope` leaves on `path`.
#[must_use]
pub fn limit(scope: Option<&Scope>, path: &ResourcePath) -> Rights {
    match scope {
        None => Rights::EVERY,
        Some(scope) if scope.path.as_ref().is_none_or(|above| path.is_within(above)) => scope.rights,
        Some(_) => Rights::NONE,
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
