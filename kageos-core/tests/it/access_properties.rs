//! What holds for every set of grants.

use std::{collections::HashMap, sync::Arc};

use kageos_core::{
    Actor, ActorKind, Env, GroupId, ResourcePath, Right, Rights, Role, Scope, Timestamp, UserId,
    clock::ManualClock,
    entropy::SeededEntropy,
    platform::access::{
        AccessSnapshot, Grant, Principal, Reason, Standing, Subject, decide, denied, explain, limit,
        right_to_grant,
    },
};

use crate::access_naive::{Cast, Dice, denial_takes, naive, role_holds};

const CASES: usize = 10_000;

struct Case {
    principal: (UserId, Vec<GroupId>),
    grants: Vec<Grant>,
    now: Timestamp,
    cast: Cast,
}

impl Case {
    fn principal(&self) -> Principal<'_> {
        Principal::Member { user: self.principal.0, groups: &self.principal.1 }
    }

    fn rights(&self, grants: &[Grant]) -> Rights {
        decide(self.principal(), grants, self.now).rights
    }
}

fn env() -> Env {
    Env { clock: Arc::new(ManualClock::default()), entropy: Arc::new(SeededEntropy::new(1)) }
}

#[track_caller]
fn check(seed: u64, property: impl Fn(&Case, &Dice, &Env)) {
    let (env, dice) = (env(), Dice::new(seed));
    for _ in 0..CASES {
        let cast = Cast::new(&env);
        let principal = (*dice.pick(&cast.users), cast.some_groups(&dice));
        let grants = (0..dice.below(8)).map(|_| cast.grant(&env, &dice)).collect();
        let now = Timestamp::from_micros(dice.below(100) as i64);
        property(&Case { principal, grants, now, cast }, &dice, &env);
    }
}

fn subset(small: Rights, large: Rights) -> bool {
    small.without(large).is_empty()
}

#[test]
fn it_is_the_plain_rule() {
    check(1, |case, _, _| {
        assert_eq!(case.rights(&case.grants), naive(case.principal(), &case.grants, case.now));
    });
    for role in Role::ALL {
        for right in Right::ALL {
            assert_eq!(role.rights().contains(right), role_holds(role, right));
            assert_eq!(denied(role).contains(right), denial_takes(role, right));
        }
    }
}

#[test]
fn without_grants_nothing_is_allowed() {
    check(2, |case, _, _| {
        assert_eq!(case.rights(&[]), Rights::NONE);
        let denials: Vec<_> = case.grants.iter().filter(|grant| grant.deny).cloned().collect();
        assert_eq!(case.rights(&denials), Rights::NONE);
    });
}

#[test]
fn a_denial_wins_and_a_grant_never_takes() {
    check(3, |case, dice, env| {
        let before = case.rights(&case.grants);
        let grant = Grant { expires_at: None, ..case.cast.grant(env, dice) };
        let mine = Grant { subject: Subject::User(case.principal.0), ..grant };
        let at = dice.below(case.grants.len() + 1);
        let with = |grant: Grant| {
            let mut grants = case.grants.clone();
            grants.insert(at, grant);
            case.rights(&grants)
        };
        let given = with(Grant { deny: false, ..mine.clone() });
        assert!(subset(before, given));
        let taken = with(Grant { deny: true, ..mine.clone() });
        assert_eq!(taken, before.without(denied(mine.role)));
    });
}

#[test]
fn grants_to_others_and_expired_ones_change_nothing() {
    check(4, |case, dice, env| {
        let other = UserId::new(env);
        let subject = if dice.chance(50) { Subject::User(other) } else { Subject::Group(GroupId::new(env)) };
        let foreign = Grant { subject, ..case.cast.grant(env, dice) };
        let expired = Grant { expires_at: Some(case.now), ..case.cast.grant(env, dice) };
        let mut grants = case.grants.clone();
        grants.extend([foreign, expired]);
        assert_eq!(case.rights(&grants), case.rights(&case.grants));
    });
}

#[test]
fn a_stronger_role_gives_more_and_its_denial_takes_less() {
    for pair in Role::ALL.windows(2) {
        assert!(subset(pair[0].rights(), pair[1].rights()) && pair[0].rights() != pair[1].rights());
        assert!(subset(denied(pair[1]), denied(pair[0])) && denied(pair[0]) != denied(pair[1]));
    }
    for role in Role::ALL {
        for deny in [false, true] {
            let touched = if deny { denied(role) } else { role.rights() };
            let needed = right_to_grant(role, deny);
            assert!(touched.iter().all(|right| right <= needed), "{role:?} {deny}");
            assert!(needed >= Right::Admin);
        }
    }
}

#[test]
fn a_decision_holds_until_it_says() {
    check(5, |case, _, _| {
        let decision = decide(case.principal(), &case.grants, case.now);
        let last = decision.until.map_or(100, |until| until.as_micros() - 1);
        for micros in case.now.as_micros()..=last {
            let later = decide(case.principal(), &case.grants, Timestamp::from_micros(micros));
            assert_eq!(later.rights, decision.rights);
        }
    });
}

#[test]
fn an_explanation_agrees_with_the_decision() {
    check(6, |case, dice, _| {
        let principal = match dice.below(12) {
            0 => Principal::Platform,
            1 => Principal::Nobody,
            2 => Principal::Disabled,
            3 => Principal::Admin,
            _ => case.principal(),
        };
        let path = "/a/b/c".parse().unwrap();
        let scopes: [ResourcePath; 4] = ["/a", "/a/b/c", "/a/b/cc", "/z"].map(|text| text.parse().unwrap());
        let scope = dice.chance(30).then(|| Scope {
            path: dice.chance(70).then(|| dice.pick(&scopes).clone()),
            rights: dice.pick(&Role::ALL).rights(),
        });
        let most = limit(scope.as_ref(), &path);
        let rights = decide(principal, &case.grants, case.now).rights.intersection(most);
        for right in Right::ALL {
            let why = explain(principal, most, &case.grants, right, case.now);
            assert_eq!((why.allowed, why.right), (rights.contains(right), right));
            let named = why.deciding.map(|id| case.grants.iter().find(|grant| grant.id == id).unwrap());
            match why.reason {
                Reason::Granted => assert!(named.is_some_and(|it| !it.deny && role_holds(it.role, right))),
                Reason::Denied => assert!(named.is_some_and(|it| it.deny && denial_takes(it.role, right))),
                _ => assert!(named.is_none()),
            }
            // Without the grant that is named, the answer has another reason.
            if let Some(named) = named {
                let rest: Vec<_> = case.grants.iter().filter(|it| it.id != named.id).cloned().collect();
                let again = explain(principal, most, &rest, right, case.now);
                assert_ne!(again.deciding, why.deciding);
            }
        }
    });
}

#[test]
fn what_is_cached_is_what_would_be_decided() {
    let (env, dice) = (env(), Dice::new(8));
    let cast = Cast::new(&env);
    let path = "/a/b/c".parse().unwrap();
    let mut grants: Vec<Grant> = Vec::new();
    let mut people: HashMap<UserId, Standing> = HashMap::new();
    let mut snapshot = AccessSnapshot::new(0, [], HashMap::new());
    let mut now = Timestamp::default();
    for step in 0..CASES as i64 {
        match dice.below(20) {
            0 => grants.push(cast.grant(&env, &dice)),
            1 if !grants.is_empty() => drop(grants.swap_remove(dice.below(grants.len()))),
            2 => {
                let groups = cast.some_groups(&dice);
                let standing = Standing { admin: dice.chance(10), disabled: dice.chance(10), groups };
                people.insert(*dice.pick(&cast.users), standing);
            }
            // Time passes under the same snapshot.
            3 => {
                now = Timestamp::from_micros(now.as_micros() + dice.below(5) as i64);
                continue;
            }
            _ => {
                // The same node under other parents now and then: a move changes no grant.
                let chain: Vec<_> = (0..3).map(|_| *dice.pick(&cast.nodes)).collect();
                let user = *dice.pick(&cast.users);
                let actor = Actor::principal(ActorKind::User, user, "someone");
                let on_chain: Vec<_> = chain
                    .iter()
                    .flat_map(|node| grants.iter().filter(|it| it.node == *node))
                    .cloned()
                    .collect();
                let expected = naive(snapshot.principal(&actor), &on_chain, now);
                for _ in 0..2 {
                    assert_eq!(snapshot.rights(&actor, &chain, &path, now), expected);
                }
                continue;
            }
        }
        snapshot = AccessSnapshot::new(step, grants.clone(), people.clone());
    }
}
