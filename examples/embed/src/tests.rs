use axum::{
    body::Body,
    http::{HeaderMap, Request, header},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

/// Who asks the service.
struct Asking {
    service: Router,
    cookie: String,
}

impl Asking {
    async fn ask(&self, method: &str, address: &str, body: Value) -> (HeaderMap, String) {
        let request = Request::builder().method(method).uri(address).header(header::COOKIE, &self.cookie);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let answer = self.service.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await;
        let (head, body) = answer.unwrap().into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(head.status.is_success(), "{method} {address}: {text}");
        (head.headers, text)
    }

    async fn json(&self, method: &str, address: &str, body: Value) -> Value {
        serde_json::from_str(&self.ask(method, address, body).await.1).unwrap()
    }
}

#[tokio::test]
async fn their_route_and_a_governed_table_share_one_service() {
    let folder = tempfile::tempdir().unwrap();
    let (platform, db, _lock) = open(folder.path()).await.unwrap();
    let kageos = Server::builder(platform.clone()).build();
    let mut me = Asking { service: service(&kageos), cookie: String::new() };
    assert_eq!(me.ask("GET", "/hello", Value::Null).await.1, "hello");

    let known = std::fs::read_to_string(StateDir::at(folder.path()).env_file()).unwrap();
    let password = known.trim().strip_prefix("SYSTEM_USER_PASSWORD=").unwrap();
    let (headers, _) =
        me.ask("POST", "/api/v1/session", json!({ "login": "system", "password": password })).await;
    let cookie = headers[header::SET_COOKIE].to_str().unwrap();
    me.cookie = cookie.split(';').next().unwrap().to_owned();

    let table = "/api/v1/rows/team/notes/note.table";
    let made = me.json("POST", table, json!({ "values": { "text": "milk" } })).await;
    let page = me.json("GET", &format!("{table}?q=milk"), Value::Null).await;
    assert_eq!(page["rows"], json!([made]));

    let record = me.json("GET", "/api/v1/activity?path=/team/notes/note.table", Value::Null).await;
    let create = record["items"].as_array().unwrap().iter().find(|call| call["action"] == "create").unwrap();
    assert_eq!(create["actor"]["name"], "system");
    assert_eq!(create["changes"][0]["row"], made["id"]);
    platform.close().await;
    db.close().await;
}
