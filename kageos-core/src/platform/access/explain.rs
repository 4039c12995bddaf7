//! Why a right is held or not.

use std::fmt;

use serde::Serialize;

use super::{Grant, Principal, decide::applying};
use crate::{GrantId, Right, Rights, Timestamp};

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The platform itself asks.
    Platform,
    /// A platform administrator asks.
    Admin,
    /// A grant gives the right.
    Granted,
    /// A grant denies the right.
    Denied,
    /// No grant gives the right.
    NoGrant,
    /// The token's scope does not hold the path or the right.
    OutsideScope,
    /// The account is disabled.
    Disabled,
    /// Nobody is signed in.
    Nobody,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Platform => "the platform itself",
            Self::Admin => "platform admin",
            Self::Granted => "granted",
            Self::Denied => "denied by a grant",
            Self::NoGrant => "no grant",
            Self::OutsideScope => "outside the token's scope",
            Self::Disabled => "disabled",
            Self::Nobody => "not signed in",
        })
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a right is held or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether it is held.
    pub allowed: bool,
    /// The right that was asked about.
    pub right: Right,
    /// What decided.
    pub reason: Reason,
    /// The grant that decided, where one did: of several the nearest, the strongest and then the oldest.
    pub deciding: Option<GrantId>,
}

/// Explains what [`decide`](super::decide()) decides about `right`, under the limit of a scope.
///
/// `grants` come in the order of the chain: those of the namespace first, those of the node last.
pub fn explain<'g>(
    principal: Principal<'_>,
    limit: Rights,
    grants: impl IntoIterator<Item = &'g Grant>,
    right: Right,
    now: Timestamp,
) -> Explanation {
    let (reason, deciding) = match principal {
        Principal::Disabled => (Reason::Disabled, None),
        Principal::Nobody => (Reason::Nobody, None),
        _ if !limit.contains(right) => (Reason::OutsideScope, None),
        Principal::Platform => (Reason::Platform, None),
        Principal::Admin => (Reason::Admin, None),
        Principal::Member { user, groups } => weigh(applying(user, groups, grants, now), right),
    };
    let allowed = matches!(reason, Reason::Platform | Reason::Admin | Reason::Granted);
    Explanation { allowed, right, reason, deciding }
}

fn weigh<'g>(grants: impl Iterator<Item = &'g Grant>, right: Right) -> (Reason, Option<GrantId>) {
    let mut given = None;
    let mut taken = None;
    for grant in grants.filter(|grant| grant.rights().contains(right)) {
        let best = if grant.deny { &mut taken } else { &mut given };
        if best.is_none_or(|best| outranks(grant, best)) {
            *best = Some(grant);
        }
    }
    match (taken, given) {
        (Some(grant), _) => (Reason::Denied, Some(grant.id)),
        (None, Some(grant)) => (Reason::Granted, Some(grant.id)),
        (None, None) => (Reason::NoGrant, None),
    }
}

/// Whether `grant`, which comes later in the chain or on the same node, is the better answer than `best`.
fn outranks(grant: &Grant, best: &Grant) -> bool {
    grant.node != best.node || (grant.role, best.id) > (best.role, grant.id)
}
