//! Every route as nobody, and as somebody without rights.

use std::collections::BTreeSet;

use kageos_core::UserId;
use serde_json::{Value, json};

use crate::site::Site;

/// Method and path as the document has them, an address, a body, and what somebody without rights is told.
type Row = (&'static str, &'static str, &'static str, Option<Value>, &'static str);

/// Answers anybody.
const OPEN: [(&str, &str); 5] = [
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/api/openapi.json"),
    ("get", "/api/v1/codes"),
    ("post", "/api/v1/session"),
];

fn closed() -> Vec<Row> {
    let mut rows = of_paths();
    rows.extend(of_accounts());
    // The last one ends the session that the others need.
    rows.push(("delete", "/api/v1/session", "/api/v1/session", None, "ok"));
    rows
}

fn of_paths() -> Vec<Row> {
    let call = json!({ "action": "submit", "input": {} });
    vec![
        ("get", "/api/v1/session", "/api/v1/session", None, "ok"),
        ("patch", "/api/v1/session", "/api/v1/session", Some(json!({})), "ok"),
        ("get", "/api/v1/tree", "/api/v1/tree?path=/demo", None, "not_found"),
        ("get", "/api/v1/node/{path}", "/api/v1/node/demo/notes/note.table", None, "not_found"),
        ("get", "/api/v1/overview/{path}", "/api/v1/overview/demo/notes", None, "not_found"),
        ("get", "/api/v1/search", "/api/v1/search?q=notes", None, "empty"),
        ("get", "/api/v1/link/{path}", "/api/v1/link/demo/notes", None, "not_found"),
        ("post", "/api/v1/call/{path}", "/api/v1/call/demo/notes/say.form", Some(call), "not_found"),
        ("get", "/api/v1/calls/{id}", "/api/v1/calls/01j0000000000000000000000a", None, "not_found"),
        ("delete", "/api/v1/calls/{id}", "/api/v1/calls/01j0000000000000000000000a", None, "not_found"),
        (
            "post",
            "/api/v1/calls/{id}/undo",
            "/api/v1/calls/01j0000000000000000000000a/undo",
            None,
            "not_found",
        ),
        ("get", "/api/v1/rows/{path}", "/api/v1/rows/demo/notes/note.table", None, "not_found"),
        ("get", "/api/v1/rows/{path}/{id}", "/api/v1/rows/demo/notes/note.table/1", None, "not_found"),
        (
            "post",
            "/api/v1/rows/{path}",
            "/api/v1/rows/demo/notes/note.table",
            Some(json!({ "values": {} })),
            "not_found",
        ),
        (
            "patch",
            "/api/v1/rows/{path}/{id}",
            "/api/v1/rows/demo/notes/note.table/1",
            Some(json!({ "patch": {} })),
            "not_found",
        ),
        ("delete", "/api/v1/rows/{path}/{id}", "/api/v1/rows/demo/notes/note.table/1", None, "not_found"),
        ("get", "/api/v1/export/{path}", "/api/v1/export/demo/notes/note.table", None, "not_found"),
        ("post", "/api/v1/import/{path}", "/api/v1/import/demo/notes/note.table", None, "not_found"),
        ("post", "/api/v1/files/{path}", "/api/v1/files/demo/notes/note.table?name=a", None, "not_found"),
        ("get", "/api/v1/files/{path}", "/api/v1/files/demo/notes/note.table", None, "not_found"),
        ("get", "/api/v1/file/{id}", "/api/v1/file/01j0000000000000000000000a", None, "not_found"),
        ("get", "/api/v1/file/{id}/info", "/api/v1/file/01j0000000000000000000000a/info", None, "not_found"),
        ("delete", "/api/v1/file/{id}", "/api/v1/file/01j0000000000000000000000a", None, "not_found"),
        ("get", "/api/v1/activity", "/api/v1/activity?path=/demo/notes", None, "not_found"),
        ("get", "/api/v1/access", "/api/v1/access?path=/demo/notes", None, "not_found"),
        ("get", "/api/v1/people", "/api/v1/people?path=/demo/notes", None, "not_found"),
        (
            "get",
            "/api/v1/access/explain",
            "/api/v1/access/explain?path=/demo/notes&action=grant",
            None,
            "not_found",
        ),
    ]
}

fn of_accounts() -> Vec<Row> {
    let token = json!({ "name": "t", "scope": { "rights": ["read"] } });
    let other = json!({ "name": "t", "scope": { "rights": ["read"] }, "user": "01j0000000000000000000000a" });
    let user = json!({ "login": "x", "name": "X", "password": "long enough, is it?" });
    vec![
        ("get", "/api/v1/doctor", "/api/v1/doctor", None, "forbidden"),
        ("post", "/api/v1/backup", "/api/v1/backup", Some(json!({ "to": "/x" })), "forbidden"),
        ("get", "/api/v1/tokens", "/api/v1/tokens", None, "empty"),
        ("post", "/api/v1/tokens", "/api/v1/tokens", Some(token), "ok"),
        ("post", "/api/v1/tokens", "/api/v1/tokens", Some(other), "forbidden"),
        ("delete", "/api/v1/tokens/{id}", "/api/v1/tokens/01j0000000000000000000000a", None, "not_found"),
        ("get", "/api/v1/users", "/api/v1/users", None, "forbidden"),
        ("post", "/api/v1/users", "/api/v1/users", Some(user), "forbidden"),
        (
            "patch",
            "/api/v1/users/{id}",
            "/api/v1/users/01j0000000000000000000000a",
            Some(json!({})),
            "forbidden",
        ),
        (
            "post",
            "/api/v1/namespaces",
            "/api/v1/namespaces",
            Some(json!({ "code": "x", "title": "X" })),
            "forbidden",
        ),
        (
            "post",
            "/api/v1/transfers",
            "/api/v1/transfers",
            Some(json!({ "from": "01j0000000000000000000000a", "to": "01j0000000000000000000000b" })),
            "not_found",
        ),
        ("get", "/api/v1/groups", "/api/v1/groups", None, "forbidden"),
        ("post", "/api/v1/groups", "/api/v1/groups", Some(json!({ "name": "g" })), "forbidden"),
        ("patch", "/api/v1/groups/{id}", "/api/v1/groups/a", Some(json!({ "name": "g" })), "forbidden"),
        ("delete", "/api/v1/groups/{id}", "/api/v1/groups/a", None, "forbidden"),
        ("put", "/api/v1/groups/{id}/members/{user}", "/api/v1/groups/a/members/b", None, "forbidden"),
        ("delete", "/api/v1/groups/{id}/members/{user}", "/api/v1/groups/a/members/b", None, "forbidden"),
        ("post", "/api/v1/markdown", "/api/v1/markdown", Some(json!({ "text": "*a*" })), "ok"),
        ("get", "/api/v1/events", "/api/v1/events", None, "stream"),
    ]
}

#[tokio::test]
async fn every_route_refuses_nobody_and_hides_from_those_without_rights() {
    let site = Site::new().await;
    let eve = site.person("eve").await;
    for (method, _, address, body, told) in closed() {
        let upper = method.to_uppercase();
        let dress = |ask: crate::ask::Ask| {
            let ask = ask.header("if-match", "1");
            match &body {
                Some(body) => ask.json(body),
                None if address.contains("/import/") => ask.body("text/csv", "text\na\n"),
                None => ask,
            }
        };
        let nobody = dress(site.ask(&upper, address)).send().await;
        assert_eq!(nobody.status, 401, "{method} {address}");
        nobody.refused("unauthenticated");
        if told == "stream" {
            continue;
        }
        let answer = dress(eve.ask(&upper, address)).send().await;
        match told {
            "ok" => assert!(answer.status.is_success(), "{method} {address}: {answer:?}"),
            "empty" => assert_eq!(answer.json()["items"], json!([]), "{method} {address}"),
            code => {
                answer.refused(code);
            }
        }
    }
}

#[tokio::test]
async fn what_is_hidden_looks_as_what_is_absent() {
    let site = Site::new().await;
    let eve = site.person("eve").await;
    for address in ["/api/v1/node", "/api/v1/rows", "/api/v1/export"] {
        let hidden = eve.get(&format!("{address}/demo/notes/note.table")).await.refused("not_found");
        let absent = eve.get(&format!("{address}/demo/notes/none.table")).await.refused("not_found");
        assert_eq!(hidden["detail"], absent["detail"], "{address}");
    }
}

#[test]
fn every_route_of_the_document_has_a_row() {
    let document: Value = serde_json::from_str(kageos_server::openapi::text()).unwrap();
    let mut known: BTreeSet<(String, String)> =
        OPEN.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    known.extend(closed().into_iter().map(|(method, path, ..)| (method.to_owned(), path.to_owned())));
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let default = &operation["responses"]["default"]["content"]["application/problem+json"];
            assert_eq!(default["schema"]["$ref"], "#/components/schemas/Problem", "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path} says what it does");
            found.insert((method.clone(), path.clone()));
        }
    }
    assert_eq!(known, found);
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document: Value = serde_json::from_str(kageos_server::openapi::text()).unwrap();
    let items =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let names: Vec<_> =
        items.map(|operation| operation["operationId"].as_str().unwrap().to_owned()).collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), distinct.len(), "{names:?}");
}

#[test]
fn every_parameter_stands_where_the_document_says() {
    let document: Value = serde_json::from_str(kageos_server::openapi::text()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters {
                let name = parameter["name"].as_str().unwrap();
                let stands = path.contains(&format!("{{{name}}}"));
                assert_eq!(stands, parameter["in"] == "path", "{method} {path}: {name}");
            }
        }
    }
}

#[test]
fn every_schema_that_is_referred_to_is_there() {
    let text = kageos_server::openapi::text();
    let document: Value = serde_json::from_str(text).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn ids_that_are_none_name_nothing() {
    let site = Site::new().await;
    let system = site.system().await;
    let absent = UserId::new(site.platform.env());
    system.send("PATCH", "/api/v1/users/nonsense", &json!({})).await.refused("not_found");
    system.send("PATCH", &format!("/api/v1/users/{absent}"), &json!({})).await.refused("not_found");
    system.ask("DELETE", "/api/v1/tokens/nonsense").send().await.refused("not_found");
    system.ask("PUT", "/api/v1/groups/nonsense/members/nonsense").send().await.refused("not_found");
}
