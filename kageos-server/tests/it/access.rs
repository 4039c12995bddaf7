//! Who may do what, and why.

use kageos_core::Role;
use serde_json::{Value, json};

use crate::site::Site;

#[tokio::test]
async fn grants_are_listed_with_names() {
    let site = Site::new().await;
    let system = site.system().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Viewer).await;
    let grants = ada.get("/api/v1/access?path=/demo/notes/note.table").await.json();
    let told: Vec<_> = grants["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| (g["subject"]["name"].clone(), g["role"].clone(), g["path"].clone()))
        .collect();
    let hers = (json!("ada of the tests"), json!("viewer"), json!("/demo/notes"));
    assert_eq!(told, std::slice::from_ref(&hers), "of what is inherited she sees her own");
    assert!(grants["items"].as_array().unwrap().iter().all(|grant| grant["inherited"] == true));
    let all = system.get("/api/v1/access?path=/demo/notes/note.table").await.json();
    let told: Vec<_> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| (g["subject"]["name"].clone(), g["role"].clone(), g["path"].clone()))
        .collect();
    assert!(told.contains(&(json!("System"), json!("owner"), json!("/demo"))), "{told:?}");
    assert!(told.contains(&hers), "{told:?}");
    let first = system.get("/api/v1/access?path=/demo/notes&limit=1").await.json();
    let rest = system
        .get(&format!("/api/v1/access?path=/demo/notes&next={}", first["next"].as_str().unwrap()))
        .await
        .json();
    assert_eq!(1 + rest["items"].as_array().unwrap().len(), told.len());
}

#[tokio::test]
async fn a_grant_by_call_holds_at_the_next_request() {
    let site = Site::new().await;
    let (system, ada) = (site.system().await, site.person("ada").await);
    let input = json!({ "subject": { "kind": "user", "id": ada.id }, "role": "viewer" });
    let made = system.call("/demo/notes", "grant", input).await.json();
    assert_eq!(ada.get("/api/v1/node/demo/notes").await.status, 200);
    let grants = ada.get("/api/v1/access?path=/demo/notes").await.json();
    let grant: Vec<&Value> =
        grants["items"].as_array().unwrap().iter().filter(|g| g["id"] == made["output"]["grant"]).collect();
    assert_eq!((&grant[0]["created_by"], &grant[0]["inherited"]), (&json!("system"), &json!(false)));
    let revoked = system.call("/demo/notes", "revoke", json!({ "grant": made["output"]["grant"] })).await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    ada.get("/api/v1/node/demo/notes").await.refused("not_found");
}

#[tokio::test]
async fn the_deciding_grant_is_named() {
    let site = Site::new().await;
    let system = site.system().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Viewer).await;
    let explain =
        |action: &str| format!("/api/v1/access/explain?path=/demo/notes/note.table&action={action}");
    let may = ada.get(&explain("search")).await.json();
    assert_eq!(
        (&may["allowed"], &may["right"], &may["grant"]["role"]),
        (&json!(true), &json!("read"), &json!("viewer"))
    );
    let may_not = ada.get(&explain("create")).await.json();
    assert_eq!((&may_not["allowed"], &may_not["grant"]), (&json!(false), &Value::Null));
    ada.get(&explain("fly")).await.refused("unknown_action");
    let about = |user: &str| format!("{}&user={user}", explain("search"));
    assert_eq!(system.get(&about(&ada.id.to_string())).await.json()["allowed"], true);
    assert_eq!(ada.get(&about(&ada.id.to_string())).await.json()["allowed"], true);
    ada.get(&about(&system.id.to_string())).await.refused("forbidden");
    system.get(&about("nonsense")).await.refused("not_found");
}

#[tokio::test]
async fn a_group_carries_grants_to_its_members() {
    let site = Site::new().await;
    let (system, ada) = (site.system().await, site.person("ada").await);
    let group = system.send("POST", "/api/v1/groups", &json!({ "name": "Sales" })).await;
    assert_eq!(group.status, 201);
    let id = group.json()["id"].as_str().unwrap().to_owned();
    system.send("POST", "/api/v1/groups", &json!({ "name": "sales" })).await.refused("conflict");
    let member = format!("/api/v1/groups/{id}/members/{}", ada.id);
    assert_eq!(system.ask("PUT", &member).send().await.status, 204);
    let listed = system.get("/api/v1/groups").await.json();
    assert_eq!(listed["items"][0]["members"][0]["login"], "ada");
    let input = json!({ "subject": { "kind": "group", "id": id }, "role": "viewer" });
    system.call("/demo", "grant", input).await.json();
    assert_eq!(ada.get("/api/v1/node/demo").await.status, 200);
    let grants = ada.get("/api/v1/access?path=/demo").await.json();
    assert!(grants["items"].as_array().unwrap().iter().any(|grant| grant["subject"]["name"] == "Sales"));
    assert_eq!(system.ask("DELETE", &member).send().await.status, 204);
    ada.get("/api/v1/node/demo").await.refused("not_found");
}

#[tokio::test]
async fn a_namespace_belongs_to_its_owner() {
    let site = Site::new().await;
    let (system, ada) = (site.system().await, site.person("ada").await);
    let make = |code: &str| json!({ "code": code, "title": "Sales", "owner": ada.id });
    let made = system.send("POST", "/api/v1/namespaces", &make("sales")).await;
    assert_eq!((made.status.as_u16(), &made.json()["path"]), (201, &json!("/sales")));
    assert_eq!(ada.get("/api/v1/node/sales").await.json()["owner"]["login"], "ada");
    system.send("POST", "/api/v1/namespaces", &make("sales")).await.refused("conflict");
    for code in ["Sales", "api", "a/b", ""] {
        system.send("POST", "/api/v1/namespaces", &make(code)).await.refused("invalid_input");
    }
}

#[tokio::test]
async fn what_concerns_accounts_is_in_the_log_without_secrets() {
    let site = Site::new().await;
    let system = site.system().await;
    site.platform.tree().ensure_namespace(&"/system".parse().unwrap(), "System", system.id).await.unwrap();
    let made = system
        .send(
            "POST",
            "/api/v1/users",
            &json!({ "login": "x1", "name": "X", "password": "a very good secret" }),
        )
        .await
        .json();
    let token = json!({ "name": "t", "scope": { "rights": ["read"] } });
    let token = system.send("POST", "/api/v1/tokens", &token).await.json();
    system
        .send(
            "PATCH",
            &format!("/api/v1/users/{}", made["id"].as_str().unwrap()),
            &json!({ "password": "another good secret" }),
        )
        .await;
    let told = system.get("/api/v1/activity?path=/system").await;
    let text = String::from_utf8(told.bytes.clone()).unwrap();
    for secret in ["a very good secret", "another good secret", token["token"].as_str().unwrap()] {
        assert!(!text.contains(secret));
    }
    let entries = told.json();
    let actions: Vec<_> =
        entries["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..3], ["change_user", "create_token", "create_user"]);
    assert_eq!(entries["items"][2]["input"]["login"], "x1");
    assert_eq!(entries["items"][2]["input"]["id"], made["id"]);
    site.person("eve").await.get("/api/v1/activity?path=/system").await.refused("not_found");
}

#[tokio::test]
async fn whom_one_can_name_depends_on_what_one_may_there() {
    let site = Site::new().await;
    let system = site.system().await;
    let viewer = site.person_with("viewer", "/demo/notes", Role::Viewer).await;
    let admin = site.person_with("notesadmin", "/demo/notes", Role::Admin).await;
    let stranger = site.person("stranger").await;
    system.send("POST", "/api/v1/groups", &json!({ "name": "Night shift" })).await;
    let named = |told: &Value, list: &str, key: &str| -> Vec<String> {
        told[list].as_array().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    let people = "/api/v1/people?path=/demo/notes/note.table";
    let told = viewer.get(people).await.json();
    assert_eq!(named(&told, "people", "login"), ["notesadmin", "system", "viewer"], "who may read there");
    assert!(named(&told, "groups", "name").is_empty());
    let told = admin.get(people).await.json();
    assert_eq!(named(&told, "people", "login"), ["notesadmin", "stranger", "system", "viewer"]);
    assert_eq!(named(&told, "groups", "name"), ["Night shift"]);
    let told = admin.get(&format!("{people}&q=STRANGER%20of")).await.json();
    assert_eq!(named(&told, "people", "login"), ["stranger"], "by name, in any case");
    assert!(named(&told, "groups", "name").is_empty());
    assert!(named(&admin.get(&format!("{people}&q=%25")).await.json(), "people", "login").is_empty());
    assert_eq!(admin.get(&format!("{people}&limit=1")).await.json()["people"].as_array().unwrap().len(), 1);
    for q in ["%00".to_owned(), "a".repeat(300)] {
        let problem = admin.get(&format!("{people}&q={q}")).await.refused("invalid_query");
        assert_eq!(problem["fields"][0]["pointer"], "/q");
    }
    stranger.get(people).await.refused("not_found");
}

#[tokio::test]
async fn a_group_is_renamed_and_goes_with_what_it_gave() {
    let site = Site::new().await;
    let (system, ada) = (site.system().await, site.person("ada").await);
    site.platform.tree().ensure_namespace(&"/system".parse().unwrap(), "System", system.id).await.unwrap();
    let group = system.send("POST", "/api/v1/groups", &json!({ "name": "Sales" })).await.json();
    system.send("POST", "/api/v1/groups", &json!({ "name": "Stock" })).await;
    let at = format!("/api/v1/groups/{}", group["id"].as_str().unwrap());
    system.ask("PUT", &format!("{at}/members/{}", ada.id)).send().await;
    let input = json!({ "subject": { "kind": "group", "id": group["id"] }, "role": "viewer" });
    system.call("/demo", "grant", input).await.json();
    assert_eq!(ada.get("/api/v1/node/demo/notes").await.status, 200);
    let renamed = system.send("PATCH", &at, &json!({ "name": " Sales EU " })).await.json();
    assert_eq!(renamed, json!({ "id": group["id"], "name": "Sales EU" }));
    system.send("PATCH", &at, &json!({ "name": "STOCK" })).await.refused("conflict");
    system.send("PATCH", &at, &json!({ "name": "" })).await.refused("invalid_input");
    system.send("PATCH", "/api/v1/groups/nonsense", &json!({ "name": "x" })).await.refused("not_found");
    assert_eq!(system.ask("DELETE", &at).send().await.status, 204);
    ada.get("/api/v1/node/demo/notes").await.refused("not_found");
    system.ask("DELETE", &at).send().await.refused("not_found");
    let told = system.get("/api/v1/activity?path=/system").await.json();
    let actions: Vec<_> = told["items"].as_array().unwrap().iter().map(|it| it["action"].clone()).collect();
    assert!(
        actions.contains(&json!("rename_group")) && actions.contains(&json!("delete_group")),
        "{actions:?}"
    );
}

#[tokio::test]
async fn who_is_no_administrator_and_tries_is_recorded_once() {
    let site = Site::new().await;
    let (system, ada) = (site.system().await, site.person("ada").await);
    site.platform.tree().ensure_namespace(&"/system".parse().unwrap(), "System", system.id).await.unwrap();
    for _ in 0..3 {
        ada.send("POST", "/api/v1/groups", &json!({ "name": "mine" })).await.refused("forbidden");
    }
    let told = system.get("/api/v1/activity?path=/system").await.json();
    let tried: Vec<_> =
        told["items"].as_array().unwrap().iter().filter(|it| it["action"] == "create_group").collect();
    assert_eq!(tried.len(), 1, "{tried:?}");
    assert_eq!(
        (&tried[0]["status"], &tried[0]["code"], &tried[0]["actor"]["name"]),
        (&json!("refused"), &json!("forbidden"), &json!("ada"))
    );
}

#[tokio::test]
async fn who_lacks_the_right_and_tries_is_recorded() {
    let site = Site::new().await;
    let system = site.system().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Viewer).await;
    let table = "/demo/notes/note.table";
    ada.call(table, "create", json!({})).await.refused("forbidden");
    site.person("eve").await.call(table, "search", json!({})).await.refused("not_found");
    let told = system.get(&format!("/api/v1/activity?path={table}")).await.json();
    let tried: Vec<_> =
        told["items"].as_array().unwrap().iter().filter(|it| it["status"] == "refused").collect();
    let of = |login: &str| tried.iter().find(|it| it["actor"]["name"] == login).unwrap();
    assert_eq!((&of("ada")["action"], &of("ada")["code"]), (&json!("create"), &json!("forbidden")));
    assert_eq!((&of("eve")["action"], &of("eve")["code"]), (&json!("search"), &json!("not_found")));
    assert!(tried.iter().all(|it| it["trace"].is_string() && it["source"].is_object()));
}
