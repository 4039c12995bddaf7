//! How sessions end.

use std::time::Duration;

use kageos_core::{
    Code,
    platform::identity::{Login, MAX_SESSIONS, UserPatch},
};

use crate::access_world::{PASSWORD, secret, small_world, worlds};

#[tokio::test]
async fn a_session_ends_after_twelve_idle_hours() {
    for world in worlds().await {
        world.person("ada").await;
        let token = world.login("ada").await.token;
        for _ in 0..3 {
            world.pass(11);
            assert!(world.identity.session(&token).await.unwrap().is_some());
        }
        world.clock.advance(Duration::from_secs(12 * 3600 - 1));
        assert!(world.identity.session(&token).await.unwrap().is_some());
        world.pass(12);
        assert!(world.identity.session(&token).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_busy_session_ends_after_thirty_days() {
    let world = small_world().await;
    world.person("ada").await;
    let token = world.login("ada").await.token;
    for _ in 0..30 * 24 - 1 {
        world.pass(1);
        assert!(world.identity.session(&token).await.unwrap().is_some());
    }
    world.pass(1);
    assert!(world.identity.session(&token).await.unwrap().is_none());
}

#[tokio::test]
async fn use_is_written_down_once_a_minute() {
    let world = small_world().await;
    let ada = world.person("ada").await;
    let token = world.login("ada").await.token;
    let before = world.db.stats().units;
    for _ in 0..120 {
        world.clock.advance(Duration::from_secs(1));
        world.identity.session(&token).await.unwrap().unwrap();
    }
    assert_eq!(world.db.stats().units - before, 2);
    let session = world.identity.sessions(ada.id).await.unwrap().remove(0);
    assert_eq!(session.seen_at.since(session.created_at), Duration::from_secs(120));
}

#[tokio::test]
async fn a_login_ends_the_session_that_came_with_it() {
    for world in worlds().await {
        let ada = world.person("ada").await;
        let old = world.login("ada").await.token;
        assert!(world.identity.session(&old).await.unwrap().is_some());
        let password = secret(PASSWORD);
        let login = Login {
            login: "ada",
            password: &password,
            address: None,
            client: Some("Fire\nfox"),
            previous: Some(&old),
        };
        let new = world.identity.login(login).await.ok().unwrap();
        assert_ne!(new.token.expose(), old.expose());
        assert!(world.identity.session(&old).await.unwrap().is_none());
        assert!(world.identity.session(&new.token).await.unwrap().is_some());
        let sessions = world.identity.sessions(ada.id).await.unwrap();
        assert_eq!(sessions.len(), 1);
        assert_eq!(sessions[0].client.as_deref(), Some("Firefox"));
    }
}

#[tokio::test]
async fn what_is_ended_is_refused_at_the_next_request() {
    for world in worlds().await {
        let ada = world.person("ada").await;
        let mut open = Vec::new();
        for _ in 0..6 {
            open.push(world.login("ada").await);
        }
        let alive = async |expected: [bool; 6]| {
            for (opened, expected) in open.iter().zip(expected) {
                let who = world.identity.session(&opened.token).await.unwrap();
                assert_eq!(who.is_some(), expected);
            }
        };
        alive([true; 6]).await;
        world.identity.logout(&open[0].token).await.unwrap();
        alive([false, true, true, true, true, true]).await;
        let ids: Vec<_> = world.identity.sessions(ada.id).await.unwrap().iter().map(|it| it.id).collect();
        let id = |n: usize| match open[n].who.credential {
            kageos_core::platform::identity::Credential::Session(id) => id,
            other => panic!("{other:?}"),
        };
        assert_eq!(ids.len(), 5);
        world.identity.end_session(ada.id, id(1)).await.unwrap();
        assert_eq!(world.identity.end_session(ada.id, id(1)).await.unwrap_err().code, Code::NotFound);
        alive([false, false, true, true, true, true]).await;
        assert_eq!(world.identity.end_sessions(ada.id, Some(id(2))).await.unwrap(), 3);
        alive([false, false, true, false, false, false]).await;

        let disable = |disabled| UserPatch { disabled: Some(disabled), ..UserPatch::default() };
        world.identity.update_user(ada.id, disable(true)).await.unwrap();
        alive([false; 6]).await;
        world.identity.update_user(ada.id, disable(false)).await.unwrap();
        alive([false; 6]).await;
    }
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let world = small_world().await;
    let ada = world.person("ada").await;
    let (here, there) = (world.login("ada").await, world.login("ada").await);
    let kageos_core::platform::identity::Credential::Session(kept) = here.who.credential else { panic!() };
    let (old, new, short) = (secret(PASSWORD), secret("hare under the table"), secret("short"));
    let change = async |old, new| world.identity.change_password(ada.id, old, new, Some(kept)).await;
    assert_eq!(change(&new, &new).await.unwrap_err().code, Code::LoginFailed);
    assert_eq!(change(&old, &short).await.unwrap_err().code, Code::InvalidInput);
    assert!(world.identity.session(&there.token).await.unwrap().is_some());
    change(&old, &new).await.unwrap();
    assert!(world.identity.session(&here.token).await.unwrap().is_some());
    assert!(world.identity.session(&there.token).await.unwrap().is_none());
    world.identity.set_password(ada.id, &old).await.unwrap();
    assert!(world.identity.session(&here.token).await.unwrap().is_none());
    world.login("ada").await;
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_sessions() {
    let world = small_world().await;
    let ada = world.person("ada").await;
    let first = world.login("ada").await;
    for _ in 0..MAX_SESSIONS {
        world.clock.advance(Duration::from_secs(1));
        world.login("ada").await;
    }
    let sessions = world.identity.sessions(ada.id).await.unwrap();
    assert_eq!(sessions.len(), MAX_SESSIONS as usize);
    assert!(world.identity.session(&first.token).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_in_constant_use_is_refused_once_it_was_ended() {
    let world = small_world().await;
    let ada = world.person("ada").await;
    for _ in 0..60 {
        let token = world.login("ada").await.token;
        let users: Vec<_> = (0..4)
            .map(|_| {
                let (identity, token) = (world.identity.clone(), token.clone());
                tokio::spawn(async move {
                    while identity.session(&token).await.unwrap().is_some() {
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        world.identity.end_sessions(ada.id, None).await.unwrap();
        for _ in 0..20 {
            assert!(world.identity.session(&token).await.unwrap().is_none());
        }
        for user in users {
            user.await.unwrap();
        }
    }
}
