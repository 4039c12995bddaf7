//! The tree as different people see it, and calls in it.

use kageos_core::Role;
use serde_json::{Value, json};

use crate::site::{Person, Site};

async fn paths(person: &Person, query: &str) -> Vec<String> {
    let answer = person.get(&format!("/api/v1/tree{query}")).await.json();
    answer["items"].as_array().unwrap().iter().map(|node| node["path"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn everybody_sees_what_they_may_read() {
    let site = Site::new().await;
    let (system, eve) = (site.system().await, site.person("eve").await);
    let ada = site.person_with("ada", "/demo/notes/note.table", Role::Viewer).await;
    assert_eq!(paths(&system, "").await, ["/demo"]);
    assert_eq!(paths(&system, "?path=/").await, ["/demo"]);
    assert_eq!(
        paths(&system, "?path=/demo/notes").await,
        ["/demo/notes/guide.docs", "/demo/notes/note.table", "/demo/notes/say.form"]
    );
    assert_eq!(paths(&eve, "").await, Vec::<String>::new());
    assert_eq!(
        paths(&ada, "").await,
        ["/demo/notes/note.table"],
        "a grant deep in the tree is found at its top"
    );
    ada.get("/api/v1/tree?path=/demo/notes").await.refused("not_found");
    assert_eq!(ada.get("/api/v1/search?q=note").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let site = Site::new().await;
    let system = site.system().await;
    let first = system.get("/api/v1/tree?path=/demo/notes&limit=2").await.json();
    let next = first["next"].as_str().unwrap().to_owned();
    let second = system.get(&format!("/api/v1/tree?path=/demo/notes&limit=2&next={next}")).await.json();
    assert_eq!((first["items"].as_array().unwrap().len(), second["items"].as_array().unwrap().len()), (2, 1));
    assert!(second["next"].is_null());
    let hits = system.get("/api/v1/search?q=notes&limit=1").await.json();
    let more =
        system.get(&format!("/api/v1/search?q=notes&limit=1&next={}", hits["next"].as_str().unwrap())).await;
    assert_ne!(hits["items"][0]["node"]["path"], more.json()["items"][0]["node"]["path"]);
}

#[tokio::test]
async fn a_node_says_what_its_screen_needs() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    let detail = ada.get("/api/v1/node/demo/notes/note.table").await.json();
    assert_eq!(detail["node"]["kind"], "table");
    assert_eq!(detail["node"]["origin"], "manifest");
    assert_eq!(detail["rights"], json!(["read", "write", "update", "delete", "run"]));
    assert_eq!(detail["owner"]["login"], "system");
    assert_eq!(detail["function"]["kind"], "table");
    assert_eq!(detail["function"]["table"]["row"]["properties"]["text"]["type"], "string");
    let action = &detail["function"]["actions"][0];
    assert_eq!((&action["name"], &action["right"]), (&json!("search"), &json!("read")));
    assert_eq!(action["effect"]["effects"], json!(["reads"]));
    let escaped = ada.get("/api/v1/node/demo%2Fnotes%2Fnote.table").await.json();
    assert_eq!(escaped["node"]["id"], detail["node"]["id"]);
    let directory = ada.get("/api/v1/node/demo/notes").await.json();
    assert_eq!((&directory["node"]["children"], &directory["function"]), (&json!(3), &Value::Null));
}

#[tokio::test]
async fn a_call_goes_through_the_door() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    let answer = ada.call("/demo/notes/say.form", "submit", json!({ "text": "hi" })).await;
    let reply = answer.json();
    assert_eq!(reply["output"]["input"], json!({ "text": "hi" }));
    assert_eq!(reply["trace"], answer.header("x-trace-id"));
    assert_eq!((&reply["dry_run"], &reply["diff_hash"]), (&json!(false), &Value::Null));
    let tried = json!({ "action": "submit", "input": {}, "dry_run": true });
    let tried = ada.send("POST", "/api/v1/call/demo/notes/say.form", &tried).await.json();
    assert_eq!((&tried["dry_run"], &tried["output"]["dry_run"]), (&json!(true), &json!(true)));
    ada.call("/demo/notes/say.form", "fly", json!({})).await.refused("unknown_action");
    let odd =
        ada.call("/demo/notes/say.form", "submit", json!({ "text": "odd" })).await.refused("invalid_input");
    assert_eq!(odd["fields"][0]["code"], "odd");
    ada.call("/demo/notes/say.form", "submit", json!({ "text": "gone" })).await.refused("conflict");
    ada.call("/demo/notes", "create_directory", json!({ "code": "x", "title": "X" }))
        .await
        .refused("forbidden");
    let key = json!({ "action": "submit", "input": {}, "idempotency_key": "" });
    let problem = ada.send("POST", "/api/v1/call/demo/notes/say.form", &key).await.refused("invalid_input");
    assert_eq!(problem["fields"][0]["pointer"], "/idempotency_key");
}

#[tokio::test]
async fn a_panic_in_an_app_is_an_error_and_no_more() {
    let site = Site::new().await;
    let system = site.system().await;
    let answer = system.call("/demo/notes/note.table", "get", json!({ "text": "panic" })).await;
    let problem = answer.refused("internal");
    assert!(!problem["detail"].as_str().unwrap().contains("purpose"), "what happened stays inside");
    assert_eq!(system.get("/api/v1/session").await.status, 200);
}

#[tokio::test]
async fn every_call_is_in_the_log() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    let call = ada.call("/demo/notes/say.form", "submit", json!({ "text": "hi" })).await.json();
    let entries = ada.get("/api/v1/activity?path=/demo/notes").await.json();
    let entry = &entries["items"][0];
    assert_eq!((&entry["call"], &entry["trace"]), (&call["call"], &call["trace"]));
    assert_eq!((&entry["actor"]["name"], &entry["source"]["kind"]), (&json!("ada"), &json!("web")));
    assert_eq!(entry["input"], json!({ "text": "hi" }));
    ada.call("/demo/notes/note.table", "create", json!({})).await.json();
    for (row, found) in [("42", 1), ("43", 0)] {
        let of_row = ada.get(&format!("/api/v1/activity?path=/demo/notes/note.table&row={row}")).await.json();
        assert_eq!(of_row["items"].as_array().unwrap().len(), found);
    }
    let eve = site.person_with("eve", "/demo", Role::Viewer).await;
    site.grant(eve.id, "/demo/notes/note.table", Role::Viewer, true).await;
    site.grant(eve.id, "/demo/notes/say.form", Role::Viewer, true).await;
    let seen = eve.get("/api/v1/activity?path=/demo/notes").await.json();
    assert_eq!(seen["items"], json!([]), "what is denied is not in the list of what is above it");
}

#[tokio::test]
async fn a_document_comes_rendered() {
    let site = Site::new().await;
    let system = site.system().await;
    let reply = system.call("/demo/notes/guide.docs", "read", json!({})).await.json();
    let output = &reply["output"];
    assert_eq!(output["markdown"], crate::host::GUIDE);
    assert!(output["html"].as_str().unwrap().contains("<div data-kageos-embed=\"/demo/notes/note.table\">"));
    assert_eq!(output["toc"], json!([{ "id": "doc-guide", "level": 1, "title": "Guide" }]));
}

#[tokio::test]
async fn activity_leaves_out_changes_of_what_may_not_be_read() {
    let site = Site::new().await;
    let system = site.system().await;
    let ada = site.person_with("ada", "/demo/notes/say.form", Role::Member).await;
    ada.call("/demo/notes/say.form", "submit", json!({ "text": "other" })).await.json();
    let told = async |person: &Person, query: &str| {
        person.get(&format!("/api/v1/activity?path=/demo/notes/say.form{query}")).await.json()["items"]
            .clone()
    };
    let entry = &told(&ada, "").await[0];
    assert_eq!((&entry["changes"], &entry["hidden_changes"]), (&json!([]), &json!(1)));
    assert_eq!(told(&ada, "&row=42").await, json!([]), "not even that there is such a row");
    let entry = &told(&system, "").await[0];
    assert_eq!((&entry["changes"][0]["row"], &entry["hidden_changes"]), (&json!("42"), &json!(0)));
}

#[tokio::test]
async fn records_of_what_was_hidden_stay_hidden_when_it_moves_or_goes() {
    let site = Site::new().await;
    let system = site.system().await;
    system.call("/demo/notes", "create_directory", json!({ "code": "secret", "title": "Plan" })).await.json();
    let eve = site.person_with("eve", "/demo", Role::Viewer).await;
    let ada = site.person_with("ada", "/demo", Role::Admin).await;
    site.grant(eve.id, "/demo/notes/secret", Role::Viewer, true).await;
    let seen = async |person: &Person| {
        let told = person.get("/api/v1/activity?path=/demo/notes").await.json();
        let of = |item: &&Value| item["path"].as_str().unwrap().contains("secret");
        told["items"].as_array().unwrap().iter().filter(of).count()
    };
    system.call("/demo/notes/secret", "describe", json!({ "title": "Plan B" })).await.json();
    assert_eq!((seen(&eve).await, seen(&ada).await), (0, 1));
    system.call("/demo/notes/secret", "rename", json!({ "code": "public" })).await.json();
    assert_eq!((seen(&eve).await, seen(&ada).await), (0, 2));
    system.call("/demo/notes/public", "delete", json!({})).await.json();
    assert_eq!((seen(&eve).await, seen(&ada).await), (0, 2));
}

#[tokio::test]
async fn texts_that_fit_nowhere_are_refused() {
    let site = Site::new().await;
    let system = site.system().await;
    for path in ["/api/v1/users?next=%00", "/api/v1/groups?next=%00", "/api/v1/groups?next=a%0Ab"] {
        system.get(path).await.refused("invalid_cursor");
    }
    system.get(&format!("/api/v1/users?next={}", "x".repeat(5_000))).await.refused("invalid_cursor");
    for title in ["", "   ", "a\0b", &"x".repeat(201)] {
        let body = json!({ "code": "sales", "title": title });
        let problem = system.send("POST", "/api/v1/namespaces", &body).await.refused("invalid_input");
        assert_eq!(problem["fields"][0]["pointer"], "/title");
    }
    let nobody = json!({ "code": "sales", "title": "Sales", "owner": "01j0000000000000000000000a" });
    system.send("POST", "/api/v1/namespaces", &nobody).await.refused("invalid_input");
    let nul = "a\0b";
    for (method, path, body) in [
        ("POST", "/api/v1/users", json!({ "login": nul, "name": "X" })),
        ("POST", "/api/v1/users", json!({ "login": "x", "name": nul })),
        ("POST", "/api/v1/users", json!({ "login": "x", "name": "X", "email": nul })),
        ("POST", "/api/v1/users", json!({ "login": "x", "name": "X", "namespace": nul })),
        ("POST", "/api/v1/groups", json!({ "name": nul })),
        ("POST", "/api/v1/tokens", json!({ "name": nul, "scope": { "rights": ["read"] } })),
        ("PATCH", "/api/v1/session", json!({ "name": nul })),
        ("PATCH", "/api/v1/session", json!({ "theme": nul })),
        ("PATCH", "/api/v1/session", json!({ "locale": nul })),
        ("PATCH", "/api/v1/session", json!({ "time_zone": nul })),
    ] {
        system.send(method, path, &body).await.refused("invalid_input");
    }
    site.login(nul, nul).await.refused("login_failed");
}
