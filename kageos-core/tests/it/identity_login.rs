//! Who gets in with a password, and how fast one can guess.

use std::{net::IpAddr, time::Duration};

use kageos_core::{
    Code, Result,
    platform::identity::{Login, NewUser, Opened, UserKind, UserPatch},
};

use crate::access_world::{PASSWORD, World, secret, small_world, worlds};

async fn attempt(world: &World, login: &str, password: &str, address: Option<&str>) -> Result<Opened> {
    let password = secret(password);
    let address = address.map(|text| text.parse::<IpAddr>().unwrap());
    world.identity.login(Login { login, password: &password, address, client: None, previous: None }).await
}

fn code<T>(outcome: Result<T>) -> Option<Code> {
    outcome.err().map(|error| error.code)
}

#[tokio::test]
async fn only_the_right_password_of_an_enabled_person_opens_a_session() {
    for world in worlds().await {
        let ada = world.person("Ada").await;
        world.person("gone").await;
        let program = NewUser { kind: UserKind::Service, ..World::new_user("program") };
        world.identity.create_user(program).await.unwrap();
        world.user("no-password").await;
        let gone = world.identity.user_by_login("gone").await.unwrap().unwrap();
        let disable = UserPatch { disabled: Some(true), ..UserPatch::default() };
        world.identity.update_user(gone.id, disable).await.unwrap();

        let opened = attempt(&world, " aDA ", PASSWORD, None).await.ok().unwrap();
        assert_eq!(opened.who.user.id, ada.id);
        let who = world.identity.session(&opened.token).await.unwrap().unwrap();
        assert_eq!((who.user.id, who.actor.id, who.actor.scope), (ada.id, Some(ada.id), None));

        let wrong = attempt(&world, "Ada", "tortoise on the roof", None).await.err().unwrap();
        assert_eq!(wrong.code, Code::LoginFailed);
        for (login, password) in [
            ("nobody", PASSWORD),
            ("gone", PASSWORD),
            ("program", PASSWORD),
            ("no-password", PASSWORD),
            ("a\0b", PASSWORD),
            ("", ""),
            ("Ada", ""),
        ] {
            let refused = attempt(&world, login, password, None).await.err().unwrap();
            assert_eq!(refused, wrong, "{login} looks different from a wrong password");
        }
    }
}

#[tokio::test]
async fn every_attempt_costs_one_hash_whether_the_login_exists_or_not() {
    let world = small_world().await;
    world.person("ada").await;
    for login in ["ada", "nobody", "no body"] {
        let before = world.identity.password_checks();
        assert_eq!(code(attempt(&world, login, "wrong wrong wrong", None).await), Some(Code::LoginFailed));
        assert_eq!(world.identity.password_checks(), before + 1, "{login}");
    }
}

#[tokio::test]
async fn a_thousand_guesses_in_an_hour_evaluate_at_most_twenty() {
    let world = small_world().await;
    world.person("ada").await;
    for hour in 0..3 {
        let before = world.identity.password_checks();
        for guess in 0..1000_u32 {
            // From another address each time: it is the account that is protected.
            let address = format!("10.{hour}.{}.{}", guess / 250, guess % 250);
            let refused = code(attempt(&world, "ADA", "wrong wrong wrong", Some(&address)).await);
            assert!(matches!(refused, Some(Code::LoginFailed | Code::TooManyRequests)));
            world.clock.advance(Duration::from_millis(3600));
        }
        let evaluated = world.identity.password_checks() - before;
        assert!((5..=20).contains(&evaluated), "{evaluated} in hour {hour}");
    }
    // A wait, not a lock: after the longest one the right password opens.
    world.clock.advance(Duration::from_secs(600));
    assert!(attempt(&world, "ada", PASSWORD, None).await.is_ok());
    assert_eq!(code(attempt(&world, "ada", "wrong wrong wrong", None).await), Some(Code::LoginFailed));
}

#[tokio::test]
async fn a_stranger_who_guesses_does_not_keep_the_owner_out() {
    let world = small_world().await;
    world.person("ada").await;
    for _ in 0..3600 {
        attempt(&world, "ada", "wrong wrong wrong", Some("10.0.0.1")).await.err().unwrap();
        attempt(&world, "ada", "wrong wrong wrong", Some("10.0.0.2")).await.err().unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    let evaluated = world.identity.password_checks();
    assert!(evaluated <= 40, "{evaluated}");
    let stranger = attempt(&world, "ada", PASSWORD, Some("10.0.0.1")).await;
    assert_eq!(code(stranger), Some(Code::TooManyRequests));
    assert!(
        attempt(&world, "ada", PASSWORD, Some("10.0.0.3")).await.is_ok(),
        "from elsewhere there is no wait"
    );
    let stranger = attempt(&world, "ada", PASSWORD, Some("10.0.0.1")).await;
    assert_eq!(code(stranger), Some(Code::TooManyRequests), "the owner's login helps nobody who guesses");
}

#[tokio::test]
async fn guesses_at_many_accounts_from_one_network_are_slowed_down() {
    let world = small_world().await;
    for guess in 0..300_u32 {
        let address = format!("2001:db8::{guess:x}");
        attempt(&world, &format!("user{guess}"), "wrong wrong wrong", Some(&address)).await.err().unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    let evaluated = world.identity.password_checks();
    assert!((20..=40).contains(&evaluated), "{evaluated}");
    let other = attempt(&world, "user1", "wrong wrong wrong", Some("2001:db8:1::1")).await;
    assert_eq!(code(other), Some(Code::LoginFailed), "another network is not held up");
}

#[tokio::test]
async fn guesses_at_the_same_time_are_all_counted() {
    let world = small_world().await;
    world.person("ada").await;
    let guesses: Vec<_> = (0..40)
        .map(|_| {
            let identity = world.identity.clone();
            tokio::spawn(async move {
                let password = secret("wrong wrong wrong");
                let login =
                    Login { login: "ada", password: &password, address: None, client: None, previous: None };
                identity.login(login).await.err().unwrap().code
            })
        })
        .collect();
    let mut evaluated = 0;
    for guess in guesses {
        evaluated += u32::from(guess.await.unwrap() == Code::LoginFailed);
    }
    assert_eq!(evaluated, 5);
}

#[tokio::test]
async fn the_first_account_is_made_once() {
    for world in worlds().await {
        let system = world.identity.ensure_system(&secret(PASSWORD)).await.unwrap();
        assert!(system.admin && system.namespace.as_deref() == Some("system"));
        let again = world.identity.ensure_system(&secret("another one entirely")).await.unwrap();
        assert_eq!(again, system);
        assert_eq!(world.login("system").await.who.user.id, system.id);
    }
}
