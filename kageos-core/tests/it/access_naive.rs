//! Random worlds of grants, and the rule written a second time, as plainly as it can be said.
//!
//! It stands in for an authorisation library as the oracle: one of those is larger than all of this crate.

use kageos_core::{
    Entropy, Env, GrantId, GroupId, NodeId, Right, Rights, Role, Timestamp, UserId,
    entropy::SeededEntropy,
    platform::access::{Grant, Principal, Subject},
};

/// Random numbers that follow from a seed.
pub(crate) struct Dice(SeededEntropy);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    pub(crate) fn below(&self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % end as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    pub(crate) fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A few of everything, so that random grants often meet.
pub(crate) struct Cast {
    pub(crate) users: Vec<UserId>,
    pub(crate) groups: Vec<GroupId>,
    pub(crate) nodes: Vec<NodeId>,
}

impl Cast {
    pub(crate) fn new(env: &Env) -> Self {
        let mut groups: Vec<_> = (0..4).map(|_| GroupId::new(env)).collect();
        groups.sort_unstable();
        Self {
            users: (0..4).map(|_| UserId::new(env)).collect(),
            groups,
            nodes: (0..6).map(|_| NodeId::new(env)).collect(),
        }
    }

    pub(crate) fn subject(&self, dice: &Dice) -> Subject {
        match dice.below(5) {
            0 => Subject::Everyone,
            1 | 2 => Subject::Group(*dice.pick(&self.groups)),
            _ => Subject::User(*dice.pick(&self.users)),
        }
    }

    pub(crate) fn grant(&self, env: &Env, dice: &Dice) -> Grant {
        Grant {
            id: GrantId::new(env),
            node: *dice.pick(&self.nodes),
            subject: self.subject(dice),
            role: *dice.pick(&Role::ALL),
            deny: dice.chance(30),
            expires_at: dice.chance(40).then(|| Timestamp::from_micros(dice.below(100) as i64)),
            created_at: Timestamp::default(),
            created_by: None,
        }
    }

    pub(crate) fn some_groups(&self, dice: &Dice) -> Vec<GroupId> {
        self.groups.iter().copied().filter(|_| dice.chance(40)).collect()
    }
}

/// What a role holds, spelt out.
pub(crate) fn role_holds(role: Role, right: Right) -> bool {
    use Right::*;
    match role {
        Role::Viewer => matches!(right, Read),
        Role::Member => matches!(right, Read | Write | Update | Delete | Run),
        Role::Admin => matches!(right, Read | Write | Update | Delete | Run | Admin),
        Role::Owner => true,
    }
}

/// What a denial of a role takes, spelt out.
pub(crate) fn denial_takes(role: Role, right: Right) -> bool {
    use Right::*;
    match role {
        Role::Viewer => true,
        Role::Member => !matches!(right, Read),
        Role::Admin => matches!(right, Admin | Owner),
        Role::Owner => matches!(right, Owner),
    }
}

/// The rule, for one right at a time.
pub(crate) fn allowed(principal: Principal<'_>, grants: &[Grant], right: Right, now: Timestamp) -> bool {
    let (user, groups) = match principal {
        Principal::Platform | Principal::Admin => return true,
        Principal::Nobody | Principal::Disabled => return false,
        Principal::Member { user, groups } => (user, groups),
    };
    let mut allowed = false;
    for grant in grants {
        if grant.expires_at.is_some_and(|end| end <= now) {
            continue;
        }
        let mine = match grant.subject {
            Subject::User(id) => id == user,
            Subject::Group(id) => groups.contains(&id),
            Subject::Everyone => true,
        };
        if !mine {
            continue;
        }
        if grant.deny && denial_takes(grant.role, right) {
            return false;
        }
        if !grant.deny && role_holds(grant.role, right) {
            allowed = true;
        }
    }
    allowed
}

pub(crate) fn naive(principal: Principal<'_>, grants: &[Grant], now: Timestamp) -> Rights {
    Right::ALL.into_iter().filter(|right| allowed(principal, grants, *right, now)).collect()
}
