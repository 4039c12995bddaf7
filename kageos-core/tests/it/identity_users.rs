//! Accounts and what makes a good password.

use kageos_core::{
    Code,
    platform::identity::{NewUser, UserKind, UserPatch, check_password},
};

use crate::access_world::{World, secret, small_world, worlds};

#[test]
fn passwords() {
    let long = "x".repeat(120) + "12345678";
    let cases = [
        ("a tortoise on the wall", "ada", None),
        ("            ", "ada", None),
        ("十二个汉字组成的一个密码", "ada", None),
        (long.as_str(), "ada", None),
        ("elevenchars", "ada", Some("minLength")),
        ("", "ada", Some("minLength")),
        (&(long.clone() + "9"), "ada", Some("maxLength")),
        ("password1234", "ada", Some("common")),
        ("PassWord1234", "ada", Some("common")),
        ("correct horse battery staple", "ada", Some("common")),
        ("qwertyuiop123", "ada", Some("common")),
        ("123456789012", "ada", Some("common")),
        ("ADA.Lovelace!", "ada", Some("login")),
        ("my ada.lovelace", "Ada.Lovelace", Some("login")),
        ("a canal in may", "ada", None),
        ("abracadabra it is", "a", None),
    ];
    for (password, login, expected) in cases {
        let refused = check_password(&secret(password), login).err();
        let code = refused.map(|error| error.fields[0].code.clone().into_owned());
        assert_eq!(code.as_deref(), expected, "{password:?} of {login}");
    }
}

#[test]
fn a_thousand_common_passwords_are_refused() {
    let list = include_str!("../../src/platform/identity/common_passwords.txt");
    for password in list.lines() {
        assert!(check_password(&secret(password), "ada").is_err(), "{password}");
    }
    assert!(list.lines().count() >= 1000);
}

#[tokio::test]
async fn logins_and_namespaces_are_taken_once() {
    for world in worlds().await {
        let ada = NewUser { namespace: Some("ada".to_owned()), ..World::new_user("Ada") };
        world.identity.create_user(ada).await.unwrap();
        let again = [
            World::new_user("ADA"),
            World::new_user(" ada "),
            NewUser { namespace: Some("ada".to_owned()), ..World::new_user("eve") },
        ];
        for new in again {
            assert_eq!(world.identity.create_user(new).await.unwrap_err().code, Code::Conflict);
        }
        world.identity.create_user(World::new_user("Åsa")).await.unwrap();
        world.identity.create_user(World::new_user("asa")).await.unwrap();
        assert_eq!(world.identity.user_by_login("åSA").await.unwrap().unwrap().login, "Åsa");
        let logins = async |after: Option<&str>, limit| {
            let page = world.identity.users(after, limit).await.unwrap();
            page.into_iter().map(|user| user.login).collect::<Vec<_>>()
        };
        assert_eq!(logins(None, 2).await, ["Ada", "asa"]);
        assert_eq!(logins(Some("asa"), 2).await, ["Åsa"]);
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_said_at_once() {
    let world = small_world().await;
    let new = NewUser {
        name: " ".to_owned(),
        email: Some("nobody".to_owned()),
        namespace: Some("api".to_owned()),
        ..World::new_user("a b")
    };
    let error = world.identity.create_user(new).await.unwrap_err();
    let pointers: Vec<_> = error.fields.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(pointers, ["/login", "/name", "/email", "/namespace"]);
    for login in ["", "...", "a\u{301}da", "a\0", "x\u{202e}y", &"x".repeat(65)] {
        assert!(world.identity.create_user(World::new_user(login)).await.is_err(), "{login:?}");
        assert_eq!(world.identity.user_by_login(login).await.unwrap(), None);
    }
    let service = NewUser {
        kind: UserKind::Service,
        password: Some(secret("a tortoise on")),
        ..World::new_user("bot")
    };
    assert_eq!(world.identity.create_user(service).await.unwrap_err().code, Code::InvalidInput);
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    for world in worlds().await {
        let ada = world.user("ada").await;
        let patch = UserPatch {
            name: Some("Ada L.".to_owned()),
            email: Some(Some("ada@example.org".to_owned())),
            theme: Some(Some("dark".to_owned())),
            ..UserPatch::default()
        };
        let changed = world.identity.update_user(ada.id, patch).await.unwrap();
        assert_eq!(world.identity.user(ada.id).await.unwrap().as_ref(), Some(&changed));
        assert_eq!((changed.name.as_str(), changed.email.as_deref()), ("Ada L.", Some("ada@example.org")));
        let patch = UserPatch { email: Some(None), ..UserPatch::default() };
        let changed = world.identity.update_user(ada.id, patch).await.unwrap();
        assert_eq!((changed.email, changed.theme.as_deref()), (None, Some("dark")));
        let names = world.identity.names(&[ada.id]).await.unwrap();
        assert_eq!(names[&ada.id], ("ada".to_owned(), "Ada L.".to_owned()));
        assert!(world.identity.names(&[]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_last_administrator_remains() {
    let world = small_world().await;
    let one = world.identity.ensure_system(&secret("a tortoise on the wall")).await.unwrap();
    let demote = UserPatch { admin: Some(false), ..UserPatch::default() };
    let disable = UserPatch { disabled: Some(true), ..UserPatch::default() };
    for patch in [&demote, &disable] {
        let refused = world.identity.update_user(one.id, patch.clone()).await;
        assert_eq!(refused.unwrap_err().code, Code::Conflict);
    }
    assert!(world.identity.user(one.id).await.unwrap().unwrap().admin);
    let two = NewUser { admin: true, ..World::new_user("two") };
    world.identity.create_user(two).await.unwrap();
    world.identity.update_user(one.id, demote).await.unwrap();
}

#[tokio::test]
async fn people_are_found_by_any_part_of_login_or_name_in_any_case() {
    for world in worlds().await {
        let named = |login: &str, name: &str| NewUser { name: name.to_owned(), ..World::new_user(login) };
        let elodie = world.identity.create_user(named("elodie", "Élodie Ångström")).await.unwrap();
        world.identity.create_user(named("percent", "100% _sure!")).await.unwrap();
        let found = async |part: &str| -> Vec<String> {
            let users = world.identity.users_named(part, 10).await.unwrap();
            users.into_iter().map(|user| user.login).collect()
        };
        for part in ["élodie", "ÉLODIE", "ångström", "LODI"] {
            assert_eq!(found(part).await, ["elodie"], "{part}");
        }
        for part in ["%", "_sure", "sure!"] {
            assert_eq!(found(part).await, ["percent"], "{part}");
        }
        let patch = UserPatch { name: Some("Zoë".to_owned()), ..UserPatch::default() };
        world.identity.update_user(elodie.id, patch).await.unwrap();
        assert_eq!(found("ZOË").await, ["elodie"]);
        let patch = UserPatch { disabled: Some(true), ..UserPatch::default() };
        world.identity.update_user(elodie.id, patch).await.unwrap();
        assert!(found("zoë").await.is_empty());
    }
}
