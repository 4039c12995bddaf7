//! Files over HTTP: what goes up comes down, in whole or in part, to those who may have it.

use axum::body::Body;
use kageos_core::Role;
use serde_json::{Value, json};

use crate::{
    ask::Answer,
    site::{Person, Site},
};

const TABLE: &str = "/api/v1/files/demo/notes/note.table";

async fn bring(person: &Person, query: &str, media_type: &str, bytes: impl Into<Body>) -> Answer {
    person.ask("POST", &format!("{TABLE}?{query}")).body(media_type, bytes).send().await
}

async fn brought(person: &Person, query: &str, media_type: &str, bytes: &'static str) -> Value {
    let answer = bring(person, query, media_type, bytes).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

fn address(file: &Value) -> String {
    format!("/api/v1/file/{}", file["id"].as_str().unwrap())
}

#[tokio::test]
async fn what_goes_up_comes_down() {
    let site = Site::new().await;
    let mia = site.person_with("mia", "/demo/notes", Role::Member).await;
    let file = brought(&mia, "name=C%3A%5Cb%C3%BCcher.txt", "text/plain; charset=utf-8", "0123456789").await;
    assert_eq!(
        (&file["name"], &file["type"], &file["size"]),
        (&json!("bücher.txt"), &json!("text/plain"), &json!(10))
    );
    assert_eq!((&file["path"], &file["kept"]), (&json!("/demo/notes/note.table"), &json!(false)));
    let sha256 = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
    assert_eq!(file["sha256"], sha256);

    let whole = mia.get(&address(&file)).await;
    assert_eq!((whole.status.as_u16(), whole.bytes.as_slice()), (200, &b"0123456789"[..]));
    assert_eq!(whole.header("content-length"), "10");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("etag"), format!("\"{sha256}\""));
    assert_eq!(whole.header("content-type"), "text/plain");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(whole.header("cache-control"), "private, no-cache");
    assert!(whole.header("content-security-policy").contains("sandbox"));
    let saved = "attachment; filename=\"b_cher.txt\"; filename*=UTF-8''b%C3%BCcher.txt";
    assert_eq!(whole.header("content-disposition"), saved);

    let head = mia.ask("HEAD", &address(&file)).send().await;
    assert_eq!((head.status.as_u16(), head.bytes.len(), head.header("content-length")), (200, 0, "10"));
    let known =
        mia.ask("GET", &address(&file)).header("if-none-match", &format!("\"{sha256}\"")).send().await;
    assert_eq!((known.status.as_u16(), known.bytes.len()), (304, 0));
    let info = mia.get(&format!("{}/info", address(&file))).await.json();
    assert_eq!(info, file);
    let listed = mia.get(&format!("{TABLE}?limit=1")).await.json();
    assert_eq!(listed, json!({ "items": [file], "next": null }));

    mia.ask("DELETE", &address(&file)).send().await;
    mia.get(&address(&file)).await.refused("not_found");
    mia.ask("DELETE", &address(&file)).send().await.refused("not_found");
    assert_eq!(mia.get(TABLE).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_range_is_a_part_with_its_place() {
    let site = Site::new().await;
    let mia = site.person_with("mia", "/demo/notes", Role::Member).await;
    let file = brought(&mia, "name=a.txt", "text/plain", "0123456789").await;
    let part = |range: &'static str| {
        let ask = mia.ask("GET", &address(&file)).header("range", range).header("accept-encoding", "gzip");
        ask.send()
    };
    let middle = part("bytes=2-4").await;
    assert_eq!((middle.status.as_u16(), middle.bytes.as_slice()), (206, &b"234"[..]));
    assert_eq!((middle.header("content-range"), middle.header("content-length")), ("bytes 2-4/10", "3"));
    assert_eq!(part("bytes=-3").await.bytes, b"789");
    let outside = part("bytes=10-").await;
    assert_eq!(outside.header("content-range"), "bytes */10");
    outside.refused("range_not_satisfiable");
    assert_eq!(part("bytes=0-1,3-4").await.status, 200);

    let large: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let answer = bring(&mia, "name=large.bin", "", large.clone()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let file = answer.json();
    let whole = mia.ask("GET", &address(&file)).header("accept-encoding", "gzip").send().await;
    assert!(whole.bytes == large && whole.header("content-length") == "3000000");
    let empty = brought(&mia, "name=empty", "", "").await;
    let whole = mia.get(&address(&empty)).await;
    assert_eq!((whole.status.as_u16(), whole.bytes.len(), whole.header("content-length")), (200, 0, "0"));
}

#[tokio::test]
async fn only_what_runs_nothing_is_shown_in_a_page() {
    let site = Site::new().await;
    let mia = site.person_with("mia", "/demo/notes", Role::Member).await;
    let shown = async |name: &str, media_type: &str, bytes: &'static str| {
        let file = brought(&mia, &format!("name={name}"), media_type, bytes).await;
        let answer = mia.get(&format!("{}?inline=true", address(&file))).await;
        (
            answer.header("content-disposition").starts_with("inline"),
            answer.header("content-security-policy").to_owned(),
        )
    };
    let (picture, policy) = shown("a.gif", "image/gif", "GIF89a....").await;
    assert!(picture && policy.contains("sandbox"));
    let (page, policy) = shown("a.html", "text/html", "<script>alert(1)</script>").await;
    assert!(!page && policy.contains("sandbox") && policy.contains("default-src 'none'"));
    let (drawing, _) = shown("a.svg", "image/svg+xml", "<svg onload='alert(1)'/>").await;
    assert!(!drawing);
    let (document, policy) = shown("a.pdf", "application/pdf", "%PDF-1.7").await;
    assert!(document && policy.contains("default-src 'none'"));
}

#[tokio::test]
async fn nobody_brings_or_reads_what_is_not_theirs() {
    let site = Site::new().await;
    let mia = site.person_with("mia", "/demo/notes", Role::Member).await;
    let vic = site.person_with("vic", "/demo/notes", Role::Viewer).await;
    let eve = site.person("eve").await;
    let file = brought(&mia, "name=a.txt", "text/plain", "words").await;
    assert_eq!(vic.get(&address(&file)).await.bytes, b"words");
    bring(&vic, "name=b.txt", "text/plain", "x").await.refused("forbidden");
    vic.ask("DELETE", &address(&file)).send().await.refused("forbidden");
    bring(&eve, "name=b.txt", "text/plain", "x").await.refused("not_found");
    let absent = "/api/v1/file/01j0000000000000000000000a";
    for (method, end) in [("GET", ""), ("HEAD", ""), ("GET", "/info"), ("DELETE", "")] {
        let hidden = eve.ask(method, &format!("{}{end}", address(&file))).send().await;
        let nothing = eve.ask(method, &format!("{absent}{end}")).send().await;
        assert_eq!((hidden.status.as_u16(), nothing.status.as_u16()), (404, 404), "{method} {end}");
        if method != "HEAD" {
            assert_eq!(hidden.refused("not_found")["detail"], nothing.refused("not_found")["detail"]);
        }
    }
    // A refusal stands in the record, with the path and nothing of the file.
    let seen = site.system().await.get("/api/v1/activity?path=/demo/notes/note.table").await.json();
    let refused = |who: &str| {
        let items = seen["items"].as_array().unwrap();
        items.iter().any(|it| {
            it["action"] == "upload_file" && it["status"] == "refused" && it["actor"]["name"] == who
        })
    };
    assert!(refused("vic"), "{seen}");
}

#[tokio::test]
async fn bad_uploads_and_downloads_are_told_what_is_wrong() {
    let mut config = kageos_server::Config::default();
    config.server.body_timeout = std::time::Duration::from_millis(50);
    let site = Site::with(config).await;
    let mia = site.person_with("mia", "/demo/notes", Role::Member).await;
    bring(&mia, "", "text/plain", "x").await.refused("invalid_query");
    bring(&mia, "name=a&path=/etc", "text/plain", "x").await.refused("invalid_query");
    bring(&mia, "name=a", "no type", "x").await.refused("unsupported_media_type");
    bring(&mia, "name=a.png", "image/png", "no picture").await.refused("unsupported_media_type");
    bring(&mia, "name=a.txt", "text/plain", "%PDF-1.7").await.refused("unsupported_media_type");
    mia.ask("POST", &format!("{TABLE}?name=a")).stalled("text/plain").send().await.refused("request_timeout");
    let cut = futures_util::stream::iter([Ok("some"), Err(std::io::Error::other("cut"))]);
    bring(&mia, "name=a", "text/plain", Body::from_stream(cut)).await.refused("invalid_input");
    let most = site.platform.files().max_bytes();
    let declared = mia.ask("POST", &format!("{TABLE}?name=a")).body("text/plain", "x");
    let declared = declared.header("content-length", &(most + 1).to_string());
    declared.send().await.refused("payload_too_large");
    mia.ask("POST", "/api/v1/files/No/Path?name=a")
        .body("text/plain", "x")
        .send()
        .await
        .refused("invalid_path");
    for id in ["nonsense", "../../etc/passwd", "%2e%2e", "01J0000000000000000000000A", "' OR 1=1", "\u{0}"] {
        let id: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for end in ["", "/info"] {
            let answer = mia.get(&format!("/api/v1/file/{id}{end}")).await;
            assert!((400..500).contains(&answer.status.as_u16()), "{id}: {answer:?}");
        }
    }
    mia.get(&format!("{TABLE}?next=nonsense")).await.refused("invalid_cursor");
    mia.get(&format!("{TABLE}?limit=0")).await.refused("invalid_query");
    assert_eq!(mia.get(TABLE).await.json()["items"], json!([]), "nothing of all that is there");
}

#[tokio::test]
async fn nothing_asked_of_files_through_the_call_breaks_anything() {
    let site = Site::new().await;
    let mia = site.person_with("mia", "/demo/notes", Role::Member).await;
    let inputs = [
        json!({}),
        json!({ "file": "../x" }),
        json!({ "file": "zzzzzzzzzzzzzzzzzzzzzzzzzz" }),
        json!({ "file": null }),
        json!({ "file": "01j0000000000000000000000a" }),
        json!({ "file": "01j0000000000000000000000a", "name": "x", "type": "text/plain", "size": -1, "sha256": "" }),
        json!({ "file": "01j0000000000000000000000a", "name": "x", "type": "a/b", "size": 1, "sha256": "0".repeat(64) }),
        json!({ "limit": 501 }),
        json!({ "limit": 1, "next": "zzzzzzzzzzzzzzzzzzzzzzzzzz" }),
    ];
    for action in ["upload_file", "read_file", "list_files", "discard_file"] {
        for input in &inputs {
            let answer = mia.call("/demo/notes/note.table", action, input.clone()).await;
            assert!(answer.status.as_u16() < 500, "{action} {input}: {answer:?}");
        }
    }
}
