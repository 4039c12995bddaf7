//! API tokens, and what the tables hold of any secret.

use std::time::Duration;

use kageos_core::{
    Code, Right, Rights, Role, Scope,
    platform::{
        access::{NewGrant, Subject},
        identity::{
            Credential, MAX_TOKENS, NewToken, NewUser, TOKEN_PREFIX, User, UserKind, UserPatch, is_api_token,
        },
    },
};

use crate::access_world::{PASSWORD, World, secret, small_world, worlds};

fn token(world: &World, user: &User, path: Option<&str>, rights: Rights) -> NewToken {
    NewToken {
        user: user.id,
        name: "deploy".to_owned(),
        scope: Scope { path: path.map(|text| text.parse().unwrap()), rights },
        expires_at: world.env.now().plus(Duration::from_secs(3600)),
    }
}

#[tokio::test]
async fn a_token_lets_in_until_it_expires_within_its_scope() {
    for world in worlds().await {
        let robot = NewUser { kind: UserKind::Service, ..World::new_user("robot") };
        let robot = world.identity.create_user(robot).await.unwrap();
        let (chain, path) = world.chain("/sales/crm");
        let grant = NewGrant {
            node: chain[0],
            subject: Subject::User(robot.id),
            role: Role::Owner,
            deny: false,
            expires_at: None,
            created_by: None,
        };
        world.access.grant(grant).await.unwrap();
        let rights = Role::Viewer.rights().with(Right::Run);
        let new = token(&world, &robot, Some("/sales/crm"), rights);
        let issued = world.identity.create_token(new.clone()).await.ok().unwrap();

        let who = world.identity.token(&issued.secret).await.unwrap().unwrap();
        assert_eq!(who.credential, Credential::Token(issued.token.id));
        assert_eq!(who.actor.scope.as_ref(), Some(&new.scope));
        assert_eq!(world.access.rights(&who.actor, &chain, &path), rights);
        assert!(world.access.rights(&who.actor, &chain[..1], &"/sales".parse().unwrap()).is_empty());
        assert!(world.access.rights(&who.actor, &chain, &"/sales/crm2".parse().unwrap()).is_empty());

        let listed = world.identity.tokens(robot.id).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].used_at, Some(world.env.now()));
        world.clock.advance(Duration::from_secs(3599));
        assert!(world.identity.token(&issued.secret).await.unwrap().is_some());
        world.clock.advance(Duration::from_secs(1));
        assert!(world.identity.token(&issued.secret).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_revoked_token_and_one_of_a_disabled_account_are_refused_at_the_next_request() {
    for world in worlds().await {
        let (ada, eve) = (world.user("ada").await, world.user("eve").await);
        let new = token(&world, &ada, None, Rights::EVERY);
        let one = world.identity.create_token(new.clone()).await.ok().unwrap();
        let two = world.identity.create_token(new).await.ok().unwrap();
        let alive = async |first: bool, second: bool| {
            assert_eq!(world.identity.token(&one.secret).await.unwrap().is_some(), first);
            assert_eq!(world.identity.token(&two.secret).await.unwrap().is_some(), second);
        };
        alive(true, true).await;
        let stranger = world.identity.end_token(eve.id, one.token.id).await;
        assert_eq!(stranger.unwrap_err().code, Code::NotFound);
        alive(true, true).await;
        world.identity.end_token(ada.id, one.token.id).await.unwrap();
        alive(false, true).await;
        let disable = UserPatch { disabled: Some(true), ..UserPatch::default() };
        world.identity.update_user(ada.id, disable).await.unwrap();
        alive(false, false).await;
    }
}

#[tokio::test]
async fn a_token_needs_a_name_an_end_and_the_right_to_read() {
    let world = small_world().await;
    let ada = world.user("ada").await;
    let good = token(&world, &ada, None, Rights::EVERY);
    let year = Duration::from_secs(367 * 24 * 3600);
    let cases = [
        ("/name", NewToken { name: String::new(), ..good.clone() }),
        ("/name", NewToken { name: "line\nbreak".to_owned(), ..good.clone() }),
        ("/expires_at", NewToken { expires_at: world.env.now(), ..good.clone() }),
        ("/expires_at", NewToken { expires_at: world.env.now().plus(year), ..good.clone() }),
        ("/scope/rights", token(&world, &ada, None, Rights::NONE.with(Right::Write))),
    ];
    for (pointer, new) in cases {
        let error = world.identity.create_token(new).await.err().unwrap();
        assert_eq!((error.code, error.fields[0].pointer.as_str()), (Code::InvalidInput, pointer));
    }
    for _ in 0..MAX_TOKENS {
        world.identity.create_token(good.clone()).await.ok().unwrap();
    }
    assert_eq!(world.identity.create_token(good).await.err().unwrap().code, Code::Conflict);
}

#[tokio::test]
async fn a_mistyped_token_is_told_without_the_database() {
    let world = small_world().await;
    let ada = world.user("ada").await;
    let issued = world.identity.create_token(token(&world, &ada, None, Rights::EVERY)).await.ok().unwrap();
    let text = issued.secret.expose();
    assert!(text.starts_with(TOKEN_PREFIX) && is_api_token(text));
    for at in 0..text.len() {
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        let wrong = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        assert!(!is_api_token(&wrong), "{at}");
    }
    for wrong in ["", "kgo_", "kgo_ä", &text[1..], &format!("{text}A"), &"ä".repeat(30)] {
        assert!(!is_api_token(wrong), "{wrong}");
        assert!(world.identity.token(&secret(wrong)).await.unwrap().is_none());
        assert!(world.identity.session(&secret(wrong)).await.unwrap().is_none());
    }
    assert!(world.identity.session(&issued.secret).await.unwrap().is_none(), "a token is no session");
}

#[tokio::test]
async fn no_table_holds_a_secret() {
    for world in worlds().await {
        let ada = world.person("ada").await;
        let session = world.login("ada").await.token;
        let issued =
            world.identity.create_token(token(&world, &ada, None, Rights::EVERY)).await.ok().unwrap();
        let tables = ["identity_user", "identity_password", "identity_session", "identity_token"];
        let dump = world.dump(&tables).await;
        for secret in [PASSWORD, session.expose(), issued.secret.expose(), &issued.secret.expose()[4..47]] {
            assert!(!dump.contains(secret));
        }
        assert!(dump.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    }
}
