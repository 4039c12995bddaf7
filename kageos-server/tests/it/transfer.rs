//! Handing over by HTTP.

use kageos_core::Role;
use serde_json::{Value, json};

use crate::site::{Person, Site};

fn fates(transfer: &Value) -> Vec<String> {
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or("-").to_owned();
    let line = |item| ["fate", "kind", "path", "name"].map(|key| text(item, key)).join(" ");
    let mut lines: Vec<_> = transfer["items"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

fn input(from: &Person, to: &Person) -> Value {
    json!({ "from": from.id, "to": to.id, "end_tokens": true })
}

fn preview(from: &Person, to: &Person) -> Value {
    json!({ "from": from.id, "to": to.id, "end_tokens": true, "preview": true })
}

#[tokio::test]
async fn an_administrator_hands_over_what_somebody_holds() {
    let site = Site::new().await;
    let system = site.system().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Owner).await;
    let eve = site.person("eve").await;
    let token = json!({ "name": "deploy", "scope": { "rights": ["read"] } });
    let secret =
        ada.send("POST", "/api/v1/tokens", &token).await.json()["token"].as_str().unwrap().to_owned();
    let bearer = || site.ask("GET", "/api/v1/tree").header("authorization", &format!("Bearer {secret}"));
    assert_eq!(bearer().send().await.status, 200);

    let shown = system.send("POST", "/api/v1/transfers", &preview(&ada, &eve)).await.json();
    let expected = ["ended token - deploy", "handed grant /demo/notes owner"];
    assert_eq!((&shown["preview"], fates(&shown)), (&json!(true), expected.map(str::to_owned).to_vec()));
    assert_eq!(ada.get("/api/v1/node/demo/notes").await.json()["owner"]["login"], "ada");

    let done = system.send("POST", "/api/v1/transfers", &input(&ada, &eve)).await.json();
    assert_eq!((&done["preview"], fates(&done)), (&json!(false), fates(&shown)));
    assert_eq!(eve.get("/api/v1/node/demo/notes").await.json()["owner"]["login"], "eve");
    ada.get("/api/v1/node/demo/notes").await.refused("not_found");
    bearer().send().await.refused("unauthenticated");

    let log = system.get("/api/v1/activity?path=/system").await.json();
    let entry = log["items"].as_array().unwrap().iter().find(|entry| entry["call"] == done["call"]).unwrap();
    assert_eq!((&entry["action"], &entry["status"]), (&json!("transfer"), &json!("ok")));
    assert_eq!(entry["changes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn others_hand_over_their_own_and_only_in_person() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Owner).await;
    let eve = site.person_with("eve", "/demo/notes", Role::Member).await;
    let take = eve.send("POST", "/api/v1/transfers", &input(&ada, &eve)).await;
    take.refused("not_found");
    let token = json!({ "name": "t", "scope": { "rights": ["read", "owner"] } });
    let secret =
        ada.send("POST", "/api/v1/tokens", &token).await.json()["token"].as_str().unwrap().to_owned();
    let ask = |path| site.ask("POST", path).header("authorization", &format!("Bearer {secret}"));
    ask("/api/v1/transfers").json(&input(&ada, &eve)).send().await.refused("forbidden");
    let call = json!({ "action": "transfer", "input": { "from": ada.id, "to": eve.id } });
    ask("/api/v1/call/system").json(&call).send().await.refused("not_found");

    let kept = eve.send("POST", "/api/v1/transfers", &input(&eve, &ada)).await.json();
    assert_eq!(fates(&kept), ["kept grant /demo/notes member"], "a member grants nothing");
    let done = ada.send("POST", "/api/v1/transfers", &input(&ada, &eve)).await.json();
    assert!(fates(&done).contains(&"handed grant /demo/notes owner".to_owned()), "{done}");
    ada.send("POST", "/api/v1/transfers", &input(&ada, &ada)).await.refused("invalid_input");
    ada.send("POST", "/api/v1/transfers", &json!({ "from": "x", "to": "y" })).await.refused("invalid_input");
}
