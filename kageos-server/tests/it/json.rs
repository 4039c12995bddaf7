//! What is no JSON, or too much of it.

use kageos_server::Config;
use serde_json::json;

use crate::site::Site;

#[tokio::test]
async fn a_body_that_is_not_strict_json_is_refused() {
    let site = Site::new().await;
    let check = async |body: &[u8]| {
        let ask = site.ask("POST", "/api/v1/session").body("application/json", body.to_vec());
        ask.send().await.refused("invalid_json");
    };
    check(b"").await;
    check(b"{").await;
    check(b"{\"login\":\"a\",\"login\":\"b\",\"password\":\"c\"}").await;
    check(b"{\"login\":{\"x\":1,\"x\":2}}").await;
    check(b"{\"login\":\"\xff\xfe\"}").await;
    check(b"{\"login\":NaN}").await;
    check(b"{\"login\":Infinity}").await;
    check(b"{\"login\":1e999}").await;
    check(b"{\"login\":\"\\ud800\"}").await;
    check(b"{\"login\":\"a\",}").await;
    check(b"{} {}").await;
    check(b"\xef\xbb\xbf{}").await;
    check(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).as_bytes()).await;
    check(format!("{}1{}", "[".repeat(33), "]".repeat(33)).as_bytes()).await;
}

#[tokio::test]
async fn a_mistake_in_a_body_has_its_pointer() {
    let site = Site::new().await;
    let system = site.system().await;
    let check = async |method: &str, path: &str, body: &str, pointer: &str| {
        let ask = system.ask(method, path).body("application/json", body.to_owned());
        let problem = ask.send().await.refused("invalid_input");
        assert_eq!(problem["fields"][0]["pointer"], pointer, "{body}: {problem}");
    };
    check("POST", "/api/v1/session", r#"{"login":1,"password":""}"#, "/login").await;
    check("POST", "/api/v1/session", r#"{"login":"a","password":"b","more":1}"#, "/more").await;
    check("POST", "/api/v1/session", "[]", "").await;
    check("POST", "/api/v1/tokens", r#"{"name":"a","scope":{"rights":["fly"]}}"#, "/scope/rights/0").await;
    check("POST", "/api/v1/tokens", r#"{"name":"a","scope":{"path":"nope","rights":[]}}"#, "/scope/path")
        .await;
    check("POST", "/api/v1/call/demo/notes/say.form", r#"{"action":"Not!","input":{}}"#, "/action").await;
    check(
        "POST",
        "/api/v1/call/demo/notes/say.form",
        r#"{"action":"submit","input":{"text":"too long"}}"#,
        "/text",
    )
    .await;
}

#[tokio::test]
async fn the_content_type_must_say_json() {
    let site = Site::new().await;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let ask = site.ask("POST", "/api/v1/session").body(media_type, "{}");
        ask.send().await.refused("unsupported_media_type");
    }
    for media_type in ["application/json; charset=utf-8", "Application/JSON"] {
        site.ask("POST", "/api/v1/session").body(media_type, "{}").send().await.refused("invalid_input");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let mut config = Config::default();
    config.server.max_body_bytes = 64;
    config.server.max_import_bytes = 128;
    let site = Site::with(config).await;
    let system = site.person_with("ada", "/demo/notes", kageos_core::Role::Member).await;
    let send = async |path: &str, media_type: &str, size: usize| {
        system.ask("POST", path).body(media_type, "x".repeat(size)).send().await
    };
    send("/api/v1/tokens", "application/json", 64).await.refused("invalid_json");
    send("/api/v1/tokens", "application/json", 65).await.refused("payload_too_large");
    send("/api/v1/import/demo/notes/note.table", "text/csv", 128).await.json();
    send("/api/v1/import/demo/notes/note.table", "text/csv", 129).await.refused("payload_too_large");
    let said =
        system.ask("POST", "/api/v1/tokens").body("application/json", "{}").header("content-length", "65");
    said.send().await.refused("payload_too_large");
}

#[tokio::test]
async fn a_query_that_is_not_known_is_refused() {
    let site = Site::new().await;
    let system = site.system().await;
    for query in ["colour=red", "limit=0", "limit=501", "limit=-1", "limit=x", "limit=1&limit=2"] {
        system.get(&format!("/api/v1/tree?{query}")).await.refused("invalid_query");
    }
    system.get("/api/v1/search").await.refused("invalid_query");
    let typed = system.get("/api/v1/search?q=a&limit=many").await.refused("invalid_query");
    assert_eq!(typed["fields"][0]["pointer"], "/limit");
    let compressed = system.ask("POST", "/api/v1/markdown").header("content-encoding", "gzip");
    compressed.json(&json!({ "text": "a" })).send().await.refused("unsupported_media_type");
    system.get("/api/v1/tree?next=nonsense").await.refused("invalid_cursor");
    system.get("/api/v1/search?q=a&next=x").await.refused("invalid_cursor");
    system.get("/api/v1/activity?path=/demo&next=x").await.refused("invalid_cursor");
    system.get("/api/v1/access?path=/demo&next=x").await.refused("invalid_cursor");
}

#[tokio::test]
async fn a_path_that_is_none_is_refused() {
    let site = Site::new().await;
    let system = site.system().await;
    for path in ["Demo", "demo//notes", "demo/notes/x.nope", "demo/", "demo/..", "demo%00", "%ff", "metrics"]
    {
        system.get(&format!("/api/v1/node/{path}")).await.refused("invalid_path");
    }
    system.get("/api/v1/tree?path=demo").await.refused("invalid_path");
    system.get("/api/v1/tree?path=%ff").await.refused("invalid_query");
    system.get("/api/v1/rows/demo/notes/guide.docs").await.refused("invalid_path");
    system.get("/api/v1/rows/demo/notes").await.refused("invalid_path");
    let long = format!("/api/v1/node/{}", "a/".repeat(300));
    system.get(&long).await.refused("invalid_path");
}
