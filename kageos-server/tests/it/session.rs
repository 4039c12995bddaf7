//! Signing in, out, and with tokens.

use axum::Router;
use kageos_core::{Role, platform::identity::Secret};
use kageos_server::Server;
use serde_json::{Value, json};

use crate::{
    ask::ask,
    site::{PASSWORD, Site},
};

/// Longest wait in these tests; only a failure waits so long.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// The server's own machine.
const HERE: [u8; 4] = [127, 0, 0, 1];

#[tokio::test]
async fn a_session_lasts_from_login_to_logout() {
    let site = Site::new().await;
    let answer = site.login("SYSTEM", PASSWORD).await;
    let cookie = answer.header("set-cookie").to_owned();
    for part in ["kageos_session=", "; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the address has no TLS");
    let system = site.system().await;
    let session = system.get("/api/v1/session").await.json();
    assert_eq!(session["user"]["login"], "system");
    assert_eq!(session["user"]["admin"], true);
    let out = system.ask("DELETE", "/api/v1/session").send().await;
    assert_eq!(out.status, 204);
    assert!(
        out.header("set-cookie").starts_with("kageos_session=; ")
            && out.header("set-cookie").contains("Max-Age=0")
    );
    system.get("/api/v1/session").await.refused("unauthenticated");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_secure() {
    let mut config = kageos_server::Config::default();
    config.server.public_url = Some("https://kageos.test".to_owned());
    let site = Site::with(config).await;
    assert!(site.login("system", PASSWORD).await.header("set-cookie").ends_with("; Secure"));
    let check =
        |origin: &'static str| site.ask("POST", "/api/v1/session").header("origin", origin).json(&json!({}));
    check("https://kageos.test").send().await.refused("invalid_input");
    check("https://other.test").send().await.refused("cross_site");
}

#[tokio::test]
async fn wrong_logins_look_alike() {
    let site = Site::new().await;
    let wrong = site.login("system", "not the password").await.refused("login_failed");
    let absent = site.login("nobody", "not the password").await.refused("login_failed");
    assert_eq!(wrong["detail"], absent["detail"]);
}

#[tokio::test]
async fn a_person_changes_their_own_account() {
    let site = Site::new().await;
    let ada = site.person("ada").await;
    let elsewhere =
        site.login("ada", PASSWORD).await.header("set-cookie").split(';').next().unwrap().to_owned();
    let changed = ada
        .send("PATCH", "/api/v1/session", &json!({ "name": "Ada L.", "theme": "dark", "locale": null }))
        .await;
    assert_eq!(changed.json()["user"]["name"], "Ada L.");
    assert_eq!(changed.json()["user"]["theme"], "dark");
    let kept = ada.send("PATCH", "/api/v1/session", &json!({ "locale": "en" })).await.json();
    assert_eq!(kept["user"]["theme"], "dark");
    let emptied = ada.send("PATCH", "/api/v1/session", &json!({ "theme": null })).await.json();
    assert_eq!(emptied["user"]["theme"], json!(null));
    let password = |old: &str| json!({ "password": { "old": old, "new": "a better password" } });
    ada.send("PATCH", "/api/v1/session", &password("wrong")).await.refused("login_failed");
    assert_eq!(ada.send("PATCH", "/api/v1/session", &password(PASSWORD)).await.status, 200);
    assert_eq!(ada.get("/api/v1/session").await.status, 200, "the session that changed it stays");
    let other = site.ask("GET", "/api/v1/session").header("cookie", &elsewhere).send().await;
    other.refused("unauthenticated");
    site.login("ada", PASSWORD).await.refused("login_failed");
}

#[tokio::test]
async fn a_token_works_within_its_scope_until_it_ends() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    let scope = json!({ "path": "/demo/notes/note.table", "rights": ["read"] });
    let made = ada.send("POST", "/api/v1/tokens", &json!({ "name": "reader", "scope": scope })).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let ask = |method: &str, path: &str| site.ask(method, path).header("authorization", &bearer);
    assert_eq!(ask("GET", "/api/v1/node/demo/notes/note.table").send().await.status, 200);
    ask("GET", "/api/v1/node/demo/notes").send().await.refused("not_found");
    let create = json!({ "values": {} });
    ask("POST", "/api/v1/rows/demo/notes/note.table").json(&create).send().await.refused("forbidden");
    for (method, path) in [("GET", "/api/v1/tokens"), ("GET", "/api/v1/users"), ("GET", "/api/v1/groups")] {
        ask(method, path).send().await.refused("forbidden");
    }
    ask("PATCH", "/api/v1/session").json(&json!({ "name": "x" })).send().await.refused("forbidden");
    let listed = ada.get("/api/v1/tokens").await.json();
    assert_eq!(listed["items"][0]["id"], made["id"]);
    assert!(listed["items"][0].get("token").is_none());
    let ended = ada.ask("DELETE", &format!("/api/v1/tokens/{}", made["id"].as_str().unwrap())).send().await;
    assert_eq!(ended.status, 204);
    ask("GET", "/api/v1/node/demo/notes/note.table").send().await.refused("unauthenticated");
}

#[tokio::test]
async fn what_is_no_credential_lets_nobody_in() {
    let site = Site::new().await;
    for value in ["", "Bearer", "Bearer ", "Basic abc", "Bearer kgo_short", "Bearer \u{e9}"] {
        site.ask("GET", "/api/v1/session")
            .header("authorization", value)
            .send()
            .await
            .refused("unauthenticated");
    }
    for value in ["", "kageos_session", "kageos_session=", "kageos_session=x; y", "other=1"] {
        site.ask("GET", "/api/v1/session").header("cookie", value).send().await.refused("unauthenticated");
    }
}

#[tokio::test]
async fn an_account_is_made_changed_and_shut_out_by_an_administrator() {
    let site = Site::new().await;
    let system = site.system().await;
    let new = json!({ "login": "grace", "name": "Grace", "password": "long enough for now" });
    let made = system.send("POST", "/api/v1/users", &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["namespace"], "grace");
    system.send("POST", "/api/v1/users", &new).await.refused("conflict");
    let grace = site.login("grace", "long enough for now").await;
    let cookie = grace.header("set-cookie").split(';').next().unwrap().to_owned();
    let node = site.ask("GET", "/api/v1/node/grace").header("cookie", &cookie).send().await.json();
    assert_eq!(node["rights"].as_array().unwrap().len(), 7, "their namespace is their own");
    assert_eq!(node["owner"]["login"], "grace");
    let address = format!("/api/v1/users/{}", made.json()["id"].as_str().unwrap());
    let off = system.send("PATCH", &address, &json!({ "disabled": true })).await;
    assert_eq!(off.json()["disabled"], true);
    site.ask("GET", "/api/v1/session").header("cookie", &cookie).send().await.refused("unauthenticated");
    site.login("grace", "long enough for now").await.refused("login_failed");
    let taken = json!({ "login": "x", "name": "X", "password": "long enough for now", "namespace": "demo" });
    system.send("POST", "/api/v1/users", &taken).await.refused("conflict");
    let listed = system.get("/api/v1/users?limit=1").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let next = listed["next"].as_str().unwrap();
    let rest = system.get(&format!("/api/v1/users?next={next}")).await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &json!(null)));
}

#[tokio::test]
async fn the_token_of_the_state_folder_is_the_user_system() {
    let site = Site::new().await;
    let server = Server::builder(site.platform.clone()).local_token(Secret::new("local")).build();
    let with = |router: &Router, token: &str| {
        ask(router, "GET", "/api/v1/users").header("authorization", &format!("Bearer {token}"))
    };
    let router = server.router();
    let answer = with(&router, "local").from(HERE).send().await;
    assert_eq!(answer.json()["items"][0]["login"], "system");
    for token in ["", "loca", "locall", "Local"] {
        with(&router, token).from(HERE).send().await.refused("unauthenticated");
    }
    with(&router, "local").from([192, 0, 2, 1]).send().await.refused("unauthenticated");
    with(&router, "local").send().await.refused("unauthenticated");
    with(&site.router, "local").from(HERE).send().await.refused("unauthenticated");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_counts() {
    let mut config = kageos_server::Config::default();
    config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let site = Site::with(config).await;
    let builder = Server::builder(site.platform.clone()).local_token(Secret::new("local"));
    let mut config = kageos_server::Config::default();
    config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let router = builder.config(config).build().router();
    let local = |client: &str| {
        let ask = ask(&router, "GET", "/api/v1/session").from(HERE).header("x-forwarded-for", client);
        ask.header("authorization", "Bearer local").send()
    };
    local("192.0.2.1").await.refused("unauthenticated");
    local("127.0.0.1, 192.0.2.1").await.refused("unauthenticated");
    let login = async |client: &str, login: &str, password: &str| {
        let ask = site.ask("POST", "/api/v1/session").from(HERE).header("x-forwarded-for", client);
        ask.json(&json!({ "login": login, "password": password })).send().await
    };
    for guess in 0..25 {
        login("192.0.2.1", &format!("nobody{guess}"), "wrong wrong wrong").await;
    }
    login("192.0.2.1", "system", PASSWORD).await.refused("too_many_requests");
    assert_eq!(login("192.0.2.2", "system", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_administrator_ends_the_token_of_another() {
    let site = Site::new().await;
    let (system, ada, eve) = (site.system().await, site.person("ada").await, site.person("eve").await);
    site.platform.tree().ensure_namespace(&"/system".parse().unwrap(), "System", system.id).await.unwrap();
    let body = json!({ "name": "leaked", "scope": { "rights": ["read"] }, "user": ada.id });
    let made = system.send("POST", "/api/v1/tokens", &body).await.json();
    let (whose, id) = (format!("?user={}", ada.id), made["id"].as_str().unwrap().to_owned());
    assert_eq!(system.get(&format!("/api/v1/tokens{whose}")).await.json()["items"][0]["id"], made["id"]);
    eve.get(&format!("/api/v1/tokens{whose}")).await.refused("forbidden");
    let end = format!("/api/v1/tokens/{id}{whose}");
    eve.ask("DELETE", &end).send().await.refused("forbidden");
    system.ask("DELETE", &format!("/api/v1/tokens/{id}")).send().await.refused("not_found");
    assert_eq!(system.ask("DELETE", &end).send().await.status, 204);
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let ask = site.ask("GET", "/api/v1/session").header("authorization", &bearer);
    ask.send().await.refused("unauthenticated");
    let told = system.get("/api/v1/activity?path=/system").await.json();
    assert_eq!(told["items"][0]["action"], "delete_token");
    assert_eq!(told["items"][0]["input"], json!({ "id": id, "user": ada.id }));
}

#[tokio::test]
async fn logins_and_logouts_are_in_the_log_and_refused_ones_summed_up() {
    let site = Site::new().await;
    let (system, ada) = (site.system().await, site.person("ada").await);
    site.platform.tree().ensure_namespace(&"/system".parse().unwrap(), "System", system.id).await.unwrap();
    ada.ask("DELETE", "/api/v1/session").send().await;
    for (login, times) in [("ADA", 3), ("my secret password", 1), ("nobody", 1)] {
        for _ in 0..times {
            site.login(login, "wrong wrong wrong").await.refused("login_failed");
        }
    }
    site.server.stop();
    let refused =
        |items: &[serde_json::Value]| items.iter().filter(|item| item["code"] == "login_failed").count();
    let mut items = Vec::new();
    while refused(&items) < 2 {
        items = system.get("/api/v1/activity?path=/system").await.json()["items"].as_array().unwrap().clone();
    }
    let find = |action: &str, code: Option<&str>, login: serde_json::Value| {
        let found = items.iter().find(|item| {
            item["action"] == action
                && item["code"] == json!(code)
                && (action == "logout" || item["input"]["login"] == login)
        });
        found.unwrap_or_else(|| panic!("no {action} {code:?} {login} in {items:?}")).clone()
    };
    assert_eq!(find("login", None, json!("ada"))["actor"]["id"], json!(ada.id));
    assert_eq!(find("logout", None, json!(null))["actor"]["id"], json!(ada.id));
    assert_eq!(find("login", Some("login_failed"), json!("ada"))["repeated"], 2);
    assert_eq!(find("login", Some("login_failed"), json!(null))["repeated"], 1);
    assert!(
        !json!(items).to_string().contains("secret password"),
        "what no account is called may be a password"
    );
}

#[tokio::test]
async fn who_hangs_up_leaves_effect_and_record_together() {
    let site = Site::new().await;
    let system = site.system().await;
    site.platform.tree().ensure_namespace(&"/system".parse().unwrap(), "System", system.id).await.unwrap();
    let new = json!({ "login": "grace", "name": "Grace", "password": "long enough for now" });
    let request = tokio::spawn(system.ask("POST", "/api/v1/users").json(&new).send());
    // The account is there, its namespace and the record are not yet.
    while site.platform.identity().user_by_login("grace").await.unwrap().is_none() {}
    request.abort();
    let record = async {
        loop {
            let told = system.get("/api/v1/activity?path=/system").await.json();
            if told["items"].as_array().unwrap().iter().any(|item| item["action"] == "create_user") {
                break told;
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, record).await.expect("there is no record");
    assert_eq!(told["items"][0]["input"]["login"], "grace");
    assert_eq!(system.get("/api/v1/node/grace").await.json()["owner"]["login"], "grace");
}

#[tokio::test]
async fn what_a_person_prefers_is_something_that_there_may_be() {
    let site = Site::new().await;
    let ada = site.person("ada").await;
    let patch = async |patch: Value| ada.send("PATCH", "/api/v1/session", &patch).await;
    let good =
        json!({ "locale": "zh-Hans-CN", "theme": "dark", "time_zone": "America/Argentina/Buenos_Aires" });
    assert_eq!(patch(good).await.status, 200);
    let bad = patch(json!({ "locale": "not a tag", "theme": "zzz", "time_zone": "/etc/passwd" })).await;
    let problem = bad.refused("invalid_input");
    let places: Vec<_> =
        problem["fields"].as_array().unwrap().iter().map(|it| it["pointer"].clone()).collect();
    assert_eq!(places, ["/locale", "/theme", "/time_zone"]);
}
