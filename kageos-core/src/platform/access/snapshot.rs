//! Everything that decisions need, in memory.

use std::collections::HashMap;

use super::{Decision, Explanation, Grant, Principal, cache::DecisionCache, decide, explain, limit};
use crate::{Actor, ActorKind, GrantId, GroupId, NodeId, ResourcePath, Right, Rights, Timestamp, UserId};

/// What sets an account apart from any other that is signed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Platform administrator.
    pub admin: bool,
    /// Disabled.
    pub disabled: bool,
    /// Its groups, in ascending order.
    pub groups: Vec<GroupId>,
}

/// All grants, group memberships and special accounts at one moment. It never changes; a change makes a new one.
#[derive(Debug)]
pub struct AccessSnapshot {
    generation: i64,
    grants: HashMap<NodeId, Vec<Grant>>,
    people: HashMap<UserId, Standing>,
    decisions: DecisionCache,
}

impl AccessSnapshot {
    /// The snapshot of these grants and accounts. An account that is not among `people` is an ordinary one
    /// without groups.
    #[must_use]
    pub fn new(
        generation: i64,
        grants: impl IntoIterator<Item = Grant>,
        mut people: HashMap<UserId, Standing>,
    ) -> Self {
        let mut by_node: HashMap<NodeId, Vec<Grant>> = HashMap::new();
        for grant in grants {
            by_node.entry(grant.node).or_default().push(grant);
        }
        for grants in by_node.values_mut() {
            grants.sort_by_key(|grant| grant.id);
        }
        for standing in people.values_mut() {
            standing.groups.sort_unstable();
        }
        Self { generation, grants: by_node, people, decisions: DecisionCache::new() }
    }

    /// Which state of the database this is; every change of grants, groups or accounts counts one up.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// What `actor` may do on the node at the end of `chain`, which begins with its namespace and has `path`.
    #[must_use]
    pub fn rights(&self, actor: &Actor, chain: &[NodeId], path: &ResourcePath, now: Timestamp) -> Rights {
        let most = limit(actor.scope.as_ref(), path);
        if most.is_empty() { most } else { self.unscoped(actor, chain, now).intersection(most) }
    }

    fn unscoped(&self, actor: &Actor, chain: &[NodeId], now: Timestamp) -> Rights {
        let principal = self.principal(actor);
        let Principal::Member { user, .. } = principal else {
            return decide(principal, [], now).rights;
        };
        self.decisions.get(user, chain, now).unwrap_or_else(|| {
            let decision = self.decide(principal, chain, now);
            self.decisions.put(user, chain, decision);
            decision.rights
        })
    }

    fn decide(&self, principal: Principal<'_>, chain: &[NodeId], now: Timestamp) -> Decision {
        decide(principal, self.grants(chain), now)
    }

    /// Why `actor` holds `right` on the node at the end of `chain`, or does not.
    #[must_use]
    pub fn explain(
        &self,
        actor: &Actor,
        right: Right,
        chain: &[NodeId],
        path: &ResourcePath,
        now: Timestamp,
    ) -> Explanation {
        let most = limit(actor.scope.as_ref(), path);
        explain(self.principal(actor), most, self.grants(chain), right, now)
    }

    /// Who `actor` is to a decision.
    #[must_use]
    pub fn principal(&self, actor: &Actor) -> Principal<'_> {
        let user = match (actor.kind, actor.id) {
            (ActorKind::System, _) => return Principal::Platform,
            (ActorKind::User | ActorKind::Service, Some(user)) => user,
            _ => return Principal::Nobody,
        };
        match self.people.get(&user) {
            Some(standing) if standing.disabled => Principal::Disabled,
            Some(standing) if standing.admin => Principal::Admin,
            Some(standing) => Principal::Member { user, groups: &standing.groups },
            None => Principal::Member { user, groups: &[] },
        }
    }

    /// The grants along a chain, those of its first node first, each node's oldest first.
    pub fn grants<'a>(&'a self, chain: &'a [NodeId]) -> impl Iterator<Item = &'a Grant> + 'a {
        chain.iter().filter_map(|node| self.grants.get(node)).flatten()
    }

    /// The members of each group that has any.
    #[must_use]
    pub fn members(&self) -> HashMap<GroupId, Vec<UserId>> {
        let mut members: HashMap<GroupId, Vec<UserId>> = HashMap::new();
        for (user, standing) in &self.people {
            for group in &standing.groups {
                members.entry(*group).or_default().push(*user);
            }
        }
        members
    }

    /// The grant with this id on the chain.
    #[must_use]
    pub fn grant(&self, chain: &[NodeId], id: GrantId) -> Option<&Grant> {
        chain.iter().filter_map(|node| self.grants.get(node)).flatten().find(|grant| grant.id == id)
    }
}
