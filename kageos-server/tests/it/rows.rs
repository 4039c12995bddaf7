//! Rows in readable form are the same calls.

use kageos_core::Role;
use serde_json::json;

use crate::site::Site;

const TABLE: &str = "/api/v1/rows/demo/notes/note.table";

#[tokio::test]
async fn each_request_is_a_call() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    let query =
        "q=x&filter={\"eq\":[\"text\",\"a\"]}&sort=text,-stars&limit=5&count=true".replace('"', "%22");
    let found = ada.get(&format!("{TABLE}?{}", query.replace(['{', '}'], ""))).await;
    found.refused("invalid_query");
    let query = query.replace('{', "%7B").replace('}', "%7D").replace('[', "%5B").replace(']', "%5D");
    let found = ada.get(&format!("{TABLE}?{query}")).await.json();
    let sort = json!([{ "field": "text", "desc": false }, { "field": "stars", "desc": true }]);
    let input =
        json!({ "filter": { "eq": ["text", "a"] }, "sort": sort, "q": "x", "limit": 5, "count": true });
    assert_eq!(found["input"], input);
    let one = ada.get(&format!("{TABLE}/42")).await;
    assert_eq!((one.header("etag"), &one.json()["input"]), ("\"7\"", &json!({ "id": "42" })));
    let made = ada.send("POST", TABLE, &json!({ "values": { "text": "a" } })).await;
    assert_eq!((made.status.as_u16(), &made.json()["input"]), (201, &json!({ "values": { "text": "a" } })));
    let body = json!({ "patch": { "text": "b" } });
    let changed =
        ada.ask("PATCH", &format!("{TABLE}/42")).json(&body).header("if-match", "\"3\"").send().await.json();
    assert_eq!(changed["input"], json!({ "id": "42", "version": 3, "patch": { "text": "b" } }));
    let gone = ada.ask("DELETE", &format!("{TABLE}/42")).header("if-match", "4").send().await.json();
    assert_eq!(gone["input"], json!({ "id": "42", "version": 4 }));
}

#[tokio::test]
async fn a_change_names_the_version_that_was_seen() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    ada.send("PATCH", &format!("{TABLE}/42"), &json!({ "patch": {} })).await.refused("invalid_query");
    ada.ask("DELETE", &format!("{TABLE}/42")).send().await.refused("invalid_query");
    ada.ask("DELETE", &format!("{TABLE}/42")).header("if-match", "*").send().await.refused("invalid_query");
}

#[tokio::test]
async fn an_address_is_a_table_or_a_row() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    ada.send("POST", &format!("{TABLE}/42"), &json!({ "values": {} })).await.refused("method_not_allowed");
    ada.ask("DELETE", TABLE).header("if-match", "1").send().await.refused("method_not_allowed");
    for row in ["0", "-1", "x", "01", "9223372036854775808"] {
        ada.get(&format!("{TABLE}/{row}")).await.refused("not_found");
    }
}

#[tokio::test]
async fn an_export_has_every_page() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Viewer).await;
    let csv = ada.get("/api/v1/export/demo/notes/note.table").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"note.csv\"");
    // A spreadsheet would run the second one, so it starts with what makes it a text there.
    let text = String::from_utf8(csv.bytes).unwrap();
    assert_eq!(text, "id,text,stars\n1,\"a, \"\"b\"\"\",2\n1,'=cmd|' /C calc'!A0,2\n");
    ada.get("/api/v1/export/demo/notes/note.table?format=xlsx").await.refused("invalid_query");
}

#[tokio::test]
async fn an_import_is_a_call_too() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    let send = async |query: &str, body: &[u8]| {
        let path = format!("/api/v1/import/demo/notes/note.table{query}");
        ada.ask("POST", &path).body("text/csv", body.to_vec()).send().await
    };
    assert_eq!(send("", b"text\na\n").await.json()["input"], json!({ "csv": "text\na\n" }));
    assert_eq!(send("?dry_run=true", b"text\n").await.json()["dry_run"], true);
    let problem = send("", b"text\n\xff").await.refused("invalid_input");
    assert_eq!(problem["fields"][0]["pointer"], "/csv");
    let viewer = site.person_with("eve", "/demo/notes", Role::Viewer).await;
    let ask = viewer.ask("POST", "/api/v1/import/demo/notes/note.table").body("text/csv", "text\n");
    ask.send().await.refused("forbidden");
}
