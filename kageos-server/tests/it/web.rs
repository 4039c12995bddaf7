//! The built web application.

use axum::Router;
use kageos_server::Config;

use crate::{ask::ask, site::Site};

async fn site() -> (tempfile::TempDir, Site, Router) {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    std::fs::create_dir(dir.path().join("assets")).unwrap();
    std::fs::create_dir(dir.path().join("demo")).unwrap();
    write("index.html", "<!doctype html>");
    write("assets/app-1234.js", "export {}");
    write("favicon.svg", "<svg/>");
    write(
        "csp.json",
        r#"{"style": ["sha256-abc=", "sha256-d/e+f=", "'unsafe-inline'", 7], "script": ["sha256-x="]}"#,
    );
    let mut config = Config::default();
    config.web.dir = dir.path().to_path_buf();
    let site = Site::with(config).await;
    let router = site.router.clone();
    (dir, site, router)
}

#[tokio::test]
async fn files_have_their_caching() {
    let (_dir, _site, router) = site().await;
    let asset = ask(&router, "GET", "/assets/app-1234.js").send().await;
    assert_eq!(asset.bytes, b"export {}");
    assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
    let icon = ask(&router, "GET", "/favicon.svg").send().await;
    assert_eq!((icon.header("cache-control"), icon.header("content-type")), ("no-cache", "image/svg+xml"));
}

#[tokio::test]
async fn every_other_address_is_the_page() {
    let (_dir, _site, router) = site().await;
    for path in ["/", "/demo", "/demo/crm/customer.table?q=a", "/-/settings", "/never%2Fseen"] {
        let page = ask(&router, "GET", path).header("accept", "text/html,*/*").send().await;
        assert_eq!(
            (page.status.as_u16(), page.bytes.as_slice()),
            (200, b"<!doctype html>".as_slice()),
            "{path}"
        );
        assert_eq!((page.header("cache-control"), page.header("content-type")), ("no-cache", "text/html"));
        let head = ask(&router, "HEAD", path).header("accept", "text/html").send().await;
        assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
        let other = ask(&router, "GET", path).header("accept", "application/json").send().await;
        if path == "/" {
            assert_eq!(other.status.as_u16(), 200, "whoever asks for the server itself finds something");
        } else {
            other.refused("not_found");
        }
    }
}

#[tokio::test]
async fn the_policy_has_the_hashes_of_the_build_and_nothing_else() {
    let (_dir, _site, router) = site().await;
    let page = ask(&router, "GET", "/").header("accept", "text/html").send().await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("style-src 'self' 'sha256-abc=' 'sha256-d/e+f=';"), "{policy}");
    assert!(!policy.contains("unsafe"));
}

#[tokio::test]
async fn nothing_outside_the_folder_is_served() {
    let (dir, _site, router) = site().await;
    std::fs::write(dir.path().parent().unwrap().join("kageos-outside"), "secret").unwrap();
    for path in ["/../kageos-outside", "/%2e%2e/kageos-outside", "/assets/..%2f..%2fkageos-outside"] {
        ask(&router, "GET", path).send().await.refused("not_found");
    }
}

#[tokio::test]
async fn without_a_build_the_page_says_what_to_do() {
    let mut config = Config::default();
    config.web.dir = "/nowhere".into();
    let site = Site::with(config).await;
    let router = site.router.clone();
    let problem = ask(&router, "GET", "/").header("accept", "text/html").send().await.refused("not_found");
    assert!(problem["detail"].as_str().unwrap().contains("kagectl bootstrap --dev"));
}
