//! Grants and groups in the database, and decisions that follow them at once.

use std::time::Duration;

use kageos_core::{
    Actor, Code, GrantId, NodeId, Right, Rights, Role, UserId,
    platform::{
        access::{Access, Grant, NewGrant, Principal, Reason, Subject, store},
        identity::{User, UserPatch},
    },
};

use crate::{
    access_naive::{Dice, naive},
    access_world::{small_world, worlds},
};

fn allow(node: NodeId, subject: Subject, role: Role) -> NewGrant {
    NewGrant { node, subject, role, deny: false, expires_at: None, created_by: None }
}

fn me(user: &User) -> Subject {
    Subject::User(user.id)
}

#[tokio::test]
async fn a_grant_and_its_end_hold_at_once() {
    for world in worlds().await {
        let ada = world.user("ada").await;
        let actor = ada.actor();
        let (chain, path) = world.chain("/sales/crm/customer.table");
        let check = |right| world.access.check(&actor, right, &chain, &path).err().map(|error| error.code);
        assert_eq!(check(Right::Read), Some(Code::NotFound));
        assert_eq!(check(Right::Owner), Some(Code::NotFound), "what one cannot see is as if absent");

        let new = NewGrant { created_by: Some(ada.id), ..allow(chain[1], me(&ada), Role::Viewer) };
        let grant = world.access.grant(new.clone()).await.unwrap();
        assert_eq!((check(Right::Read), check(Right::Write)), (None, Some(Code::Forbidden)));
        assert_eq!(world.access.grants_on(&chain, None, 10), std::slice::from_ref(&grant));
        let why = world.access.explain(&actor, Right::Read, &chain, &path);
        assert_eq!((why.reason, why.deciding), (Reason::Granted, Some(grant.id)));

        assert_eq!(world.access.grant(new).await.unwrap_err().code, Code::Conflict);
        assert_eq!(world.access.revoke(grant.id).await.unwrap(), grant);
        assert_eq!(check(Right::Read), Some(Code::NotFound));
        assert_eq!(world.access.revoke(grant.id).await.unwrap_err().code, Code::NotFound);
    }
}

#[tokio::test]
async fn a_grant_runs_out_by_itself_and_makes_room() {
    for world in worlds().await {
        let ada = world.user("ada").await;
        let (chain, path) = world.chain("/sales/crm");
        let end = world.env.now().plus(Duration::from_secs(60));
        let new = NewGrant { expires_at: Some(end), ..allow(chain[0], me(&ada), Role::Member) };
        world.access.grant(new.clone()).await.unwrap();
        assert_eq!(world.access.rights(&ada.actor(), &chain, &path), Role::Member.rights());
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(world.access.rights(&ada.actor(), &chain, &path), Rights::NONE);
        assert_eq!(world.access.grant(new).await.unwrap_err().code, Code::InvalidInput);
        world.access.grant(allow(chain[0], me(&ada), Role::Member)).await.unwrap();
        assert_eq!(world.access.grants_on(&chain, None, 10).len(), 1);
    }
}

#[tokio::test]
async fn groups_give_and_take_with_their_members() {
    for world in worlds().await {
        let (mut ada, mut eve) = (world.user("ada").await, world.user("eve").await);
        if eve.id < ada.id {
            std::mem::swap(&mut ada, &mut eve);
        }
        let (chain, path) = world.chain("/sales/crm");
        let rights = |user: &User| world.access.rights(&user.actor(), &chain, &path);
        let team = world.access.create_group(" Team Ä ", Some(ada.id)).await.unwrap();
        world.access.grant(allow(chain[0], Subject::Group(team.id), Role::Member)).await.unwrap();
        assert!(rights(&ada).is_empty());
        for _ in 0..2 {
            world.access.add_member(team.id, ada.id).await.unwrap();
        }
        world.access.add_member(team.id, eve.id).await.unwrap();
        assert_eq!((rights(&ada), rights(&eve)), (Role::Member.rights(), Role::Member.rights()));
        assert_eq!(world.access.members(team.id, None, 1).await.unwrap(), [ada.id]);
        assert_eq!(world.access.members(team.id, Some(ada.id), 9).await.unwrap(), [eve.id]);
        assert!(world.access.remove_member(team.id, ada.id).await.unwrap());
        assert!(!world.access.remove_member(team.id, ada.id).await.unwrap());
        assert_eq!((rights(&ada), rights(&eve)), (Rights::NONE, Role::Member.rights()));

        let taken = world.access.create_group("TEAM ä", None).await;
        assert_eq!(taken.unwrap_err().code, Code::Conflict);
        assert_eq!(world.access.create_group(" ", None).await.unwrap_err().code, Code::InvalidInput);
        let other = world.access.create_group("Other", None).await.unwrap();
        let renamed = world.access.rename_group(other.id, "team ä").await;
        assert_eq!(renamed.unwrap_err().code, Code::Conflict);
        world.access.rename_group(other.id, "A team").await.unwrap();
        let names = async |after, limit| {
            let groups = world.access.groups(after, limit).await.unwrap();
            groups.into_iter().map(|group| group.name).collect::<Vec<_>>()
        };
        assert_eq!(names(None, 10).await, ["A team", "Team Ä"]);
        assert_eq!(names(Some("a TEAM"), 10).await, ["Team Ä"]);
        world.access.delete_group(team.id).await.unwrap();
        assert!(rights(&eve).is_empty());
        assert!(world.access.grants_on(&chain, None, 10).is_empty());
        assert_eq!(world.access.delete_group(team.id).await.unwrap_err().code, Code::NotFound);
        let orphan = world.access.add_member(team.id, eve.id).await;
        assert_eq!(orphan.unwrap_err().code, Code::NotFound);
    }
}

#[tokio::test]
async fn a_grant_needs_someone_who_exists() {
    let world = small_world().await;
    let nobody = Subject::User(UserId::new(&world.env));
    let error = world.access.grant(allow(NodeId::new(&world.env), nobody, Role::Viewer)).await.unwrap_err();
    assert_eq!((error.code, error.fields[0].pointer.as_str()), (Code::InvalidInput, "/subject"));
    let unknown = GrantId::new(&world.env);
    assert_eq!(world.access.revoke(unknown).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn an_administrator_and_a_disabled_account_are_known_at_once() {
    for world in worlds().await {
        let ada = world.user("ada").await;
        world.identity.ensure_system(&crate::access_world::secret("a tortoise on the wall")).await.unwrap();
        let (chain, path) = world.chain("/sales/crm");
        let rights = || world.access.rights(&ada.actor(), &chain, &path);
        let patch = |admin, disabled| UserPatch { admin, disabled, ..UserPatch::default() };
        assert!(rights().is_empty());
        world.identity.update_user(ada.id, patch(Some(true), None)).await.unwrap();
        assert_eq!(rights(), Rights::EVERY);
        world.identity.update_user(ada.id, patch(None, Some(true))).await.unwrap();
        assert!(rights().is_empty());
        world.identity.update_user(ada.id, patch(Some(false), Some(false))).await.unwrap();
        assert!(rights().is_empty());
        assert_eq!(world.access.rights(&Actor::system(), &chain, &path), Rights::EVERY);
    }
}

#[tokio::test]
async fn another_server_follows_when_it_reloads() {
    for world in worlds().await {
        let ada = world.user("ada").await;
        let other = Access::open(world.db.db(), world.env.clone()).await.unwrap();
        let (chain, path) = world.chain("/sales/crm");
        assert!(!other.reload().await.unwrap());
        let grant = world.access.grant(allow(chain[0], me(&ada), Role::Viewer)).await.unwrap();
        assert!(other.rights(&ada.actor(), &chain, &path).is_empty());
        assert!(other.reload().await.unwrap());
        assert!(!other.reload().await.unwrap());
        assert_eq!(other.generation(), world.access.generation());
        assert_eq!(other.rights(&ada.actor(), &chain, &path), Role::Viewer.rights());
        world.access.revoke(grant.id).await.unwrap();
        assert!(other.reload().await.unwrap());
        assert!(other.rights(&ada.actor(), &chain, &path).is_empty());
    }
}

#[tokio::test]
async fn a_change_is_published_even_when_nobody_waits_for_it() {
    let world = small_world().await;
    let ada = world.user("ada").await;
    let (chain, path) = world.chain("/sales/crm");
    let grant = world.access.grant(allow(chain[0], me(&ada), Role::Viewer)).await.unwrap();
    let generation = world.access.generation();
    {
        let mut revoking = std::pin::pin!(world.access.revoke(grant.id));
        let waker = std::task::Waker::noop();
        assert!(revoking.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    }
    while world.access.generation() == generation {
        tokio::task::yield_now().await;
    }
    assert!(world.access.rights(&ada.actor(), &chain, &path).is_empty());
}

#[tokio::test]
async fn what_is_owned_is_handed_over() {
    for world in worlds().await {
        let (ada, eve) = (world.user("ada").await, world.user("eve").await);
        let (chain, path) = world.chain("/sales/crm/a/b");
        let soon = Some(world.env.now().plus(Duration::from_secs(60)));
        let owner = |level: usize, user: &User| allow(chain[level], me(user), Role::Owner);
        let mine = [
            owner(0, &ada),
            owner(1, &ada),
            NewGrant { expires_at: soon, ..owner(2, &ada) },
            allow(chain[3], me(&ada), Role::Member),
            NewGrant { deny: true, ..owner(3, &ada) },
        ];
        let hers = [NewGrant { expires_at: soon, ..owner(1, &eve) }, owner(2, &eve)];
        for new in mine.iter().chain(&hers) {
            world.access.grant(new.clone()).await.unwrap();
        }
        let now = world.env.now();
        let held =
            async |user: UserId| world.db.read(move |tx| Box::pin(store::held(tx, user, now))).await.unwrap();
        let transfer = async |from: UserId, to: UserId, role: Role| {
            let unit = world.access.change((from, to), move |(from, to), tx| {
                Box::pin(async move {
                    Ok(store::transfer(tx, *from, *to, now, &|grant: &Grant| grant.role == role).await?)
                })
            });
            unit.await.unwrap()
        };
        let before = held(ada.id).await;
        let handed = transfer(ada.id, eve.id, Role::Owner).await;
        assert_eq!(handed.iter().map(|(grant, _)| grant.clone()).collect::<Vec<_>>(), before);
        let goes = |grant: &Grant| grant.role == Role::Owner && !grant.deny;
        assert!(handed.iter().all(|(grant, went)| *went == goes(grant)), "{handed:?}");
        let rest: Vec<_> = before.iter().filter(|grant| !goes(grant)).cloned().collect();
        assert_eq!((rest.len(), held(ada.id).await), (2, rest), "what may not go and what is denied stays");
        let owned = held(eve.id).await;
        let places: Vec<_> = owned.iter().map(|grant| (grant.node, grant.expires_at)).collect();
        assert_eq!(places.len(), 3);
        assert!((0..3).all(|level| places.contains(&(chain[level], None))), "what lasts longer stays");
        assert_eq!(world.access.rights(&eve.actor(), &chain[..1], &path), Rights::EVERY);
        assert_eq!(world.access.grants_on(&chain[3..], None, 9).len(), 2, "the rest is still hers");
        assert!(transfer(eve.id, eve.id, Role::Owner).await.iter().all(|(_, goes)| !goes));
        assert_eq!(held(eve.id).await, owned);
    }
}

#[tokio::test]
async fn a_larger_unit_takes_grants_along_or_leaves_them() {
    for world in worlds().await {
        let ada = world.user("ada").await;
        let (chain, _) = world.chain("/sales/crm");
        for level in [0, 1] {
            world.access.grant(allow(chain[level], me(&ada), Role::Viewer)).await.unwrap();
        }
        let node = chain[1];
        let failed = world.access.change(node, |node, tx| {
            Box::pin(async move {
                store::forget_node(tx, *node).await?;
                Err::<(), _>(kageos_core::Error::of(Code::Conflict))
            })
        });
        assert_eq!(failed.await.unwrap_err().code, Code::Conflict);
        assert_eq!(world.access.grants_on(&chain, None, 9).len(), 2);
        let gone = world
            .access
            .change(node, |node, tx| Box::pin(async move { Ok(store::forget_node(tx, *node).await?) }))
            .await;
        assert_eq!(gone.unwrap(), 1);
        assert_eq!(world.access.grants_on(&chain, None, 9).len(), 1);
    }
}

#[tokio::test]
async fn grants_come_in_pages_in_the_order_of_the_chain() {
    let world = small_world().await;
    let (chain, _) = world.chain("/sales/crm/a");
    let users = [world.user("a").await, world.user("b").await];
    let mut expected: Vec<Grant> = Vec::new();
    for node in [2, 0, 1] {
        for user in &users {
            expected.push(world.access.grant(allow(chain[node], me(user), Role::Viewer)).await.unwrap());
        }
    }
    expected.sort_by_key(|grant| (chain.iter().position(|node| *node == grant.node), grant.id));
    let mut pages = Vec::new();
    while let page = world.access.grants_on(&chain, pages.last().map(|it: &Grant| it.id), 4)
        && !page.is_empty()
    {
        pages.extend(page);
    }
    assert_eq!(pages, expected);
}

#[tokio::test]
async fn random_changes_leave_what_the_plain_rule_says() {
    for world in worlds().await {
        let dice = Dice::new(11);
        let mut users = Vec::new();
        for login in ["a", "b", "c"] {
            users.push(world.user(login).await);
        }
        let group = world.access.create_group("group", None).await.unwrap();
        let (chain, path) = world.chain("/sales/crm/a");
        let mut grants: Vec<Grant> = Vec::new();
        let mut members: Vec<UserId> = Vec::new();
        for _ in 0..120 {
            let user = dice.pick(&users);
            match dice.below(4) {
                0 if !grants.is_empty() => {
                    let gone = grants.swap_remove(dice.below(grants.len()));
                    assert_eq!(world.access.revoke(gone.id).await.unwrap(), gone);
                }
                1 => {
                    let member = members.iter().position(|it| *it == user.id);
                    match member {
                        Some(at) => {
                            members.swap_remove(at);
                            world.access.remove_member(group.id, user.id).await.map(drop)
                        }
                        None => {
                            members.push(user.id);
                            world.access.add_member(group.id, user.id).await
                        }
                    }
                    .unwrap();
                }
                _ => {
                    let subject = *dice.pick(&[me(user), Subject::Group(group.id), Subject::Everyone]);
                    let new = NewGrant {
                        deny: dice.chance(30),
                        ..allow(*dice.pick(&chain), subject, *dice.pick(&Role::ALL))
                    };
                    grants.extend(world.access.grant(new).await.ok());
                }
            }
            for user in &users {
                let groups: Vec<_> = members.contains(&user.id).then_some(group.id).into_iter().collect();
                let principal = Principal::Member { user: user.id, groups: &groups };
                let expected = naive(principal, &grants, world.env.now());
                assert_eq!(world.access.rights(&user.actor(), &chain, &path), expected);
            }
        }
        let fresh = Access::open(world.db.db(), world.env.clone()).await.unwrap();
        assert_eq!(fresh.grants_on(&chain, None, 999), world.access.grants_on(&chain, None, 999));
    }
}
