//! What holds for every request.

use crate::{ask::ask, site::Site};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn every_answer_is_protected_and_traced() {
    let site = Site::new().await;
    let router = site.router.clone();
    for (method, path) in
        [("GET", "/healthz"), ("GET", "/api/v1/nothing"), ("DELETE", "/healthz"), ("GET", "/")]
    {
        let answer = ask(&router, method, path).send().await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("permissions-policy").contains("camera=()"));
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        assert!(answer.header("traceparent").contains(answer.header("x-trace-id")));
    }
}

#[tokio::test]
async fn a_trace_is_taken_on() {
    let site = Site::new().await;
    let router = site.router.clone();
    let answer = ask(&router, "GET", "/healthz").header("traceparent", TRACEPARENT).send().await;
    assert_eq!(answer.header("x-trace-id"), &TRACEPARENT[3..35]);
    assert_ne!(answer.header("traceparent"), TRACEPARENT, "a step further has an id of its own");
    let answer = ask(&router, "GET", "/healthz").header("traceparent", "nonsense").send().await;
    assert_eq!(answer.header("x-trace-id").len(), 32);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let site = Site::new().await;
    let router = site.router.clone();
    for path in ["/api", "/api/", "/api/v1/nothing", "/api/v2/session", "/assets/none.js"] {
        ask(&router, "GET", path).send().await.refused("not_found");
        ask(&router, "GET", path).header("accept", "text/html").send().await.refused("not_found");
    }
    let answer = ask(&router, "POST", "/healthz").send().await;
    answer.refused("method_not_allowed");
    assert!(answer.header("allow").contains("GET"));
    ask(&router, "POST", "/sales/crm").send().await.refused("method_not_allowed");
}

#[tokio::test]
async fn a_write_from_another_site_is_refused() {
    let site = Site::new().await;
    let router = site.router.clone();
    let check = async |headers: &[(&'static str, &str)], refused: bool| {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let request = ask(&router, method, "/healthz").header("host", "kageos.test:8080");
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            let code = if refused { "cross_site" } else { "method_not_allowed" };
            request.send().await.refused(code);
        }
        let request = ask(&router, "GET", "/healthz").header("host", "kageos.test:8080");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        assert_eq!(request.send().await.status, 200, "reading is not writing: {headers:?}");
    };
    check(&[], false).await;
    check(&[("sec-fetch-site", "same-origin")], false).await;
    check(&[("sec-fetch-site", "none")], false).await;
    check(&[("sec-fetch-site", "same-site")], true).await;
    check(&[("sec-fetch-site", "cross-site")], true).await;
    check(&[("sec-fetch-site", "nonsense")], true).await;
    check(&[("origin", "http://kageos.test:8080")], false).await;
    check(&[("origin", "http://kageos.test")], true).await;
    check(&[("origin", "http://evil.test")], true).await;
    check(&[("origin", "null")], true).await;
    check(&[("origin", "http://evil.test"), ("sec-fetch-site", "same-origin")], false).await;
    check(&[("origin", "http://kageos.test:8080"), ("sec-fetch-site", "cross-site")], true).await;
    check(&[("origin", "http://evil.test"), ("cookie", "kageos_session=x")], true).await;
    check(&[("sec-fetch-site", "cross-site"), ("authorization", "Bearer x")], false).await;
}

#[tokio::test]
async fn a_server_that_is_full_says_so() {
    let mut config = kageos_server::Config::default();
    config.server.max_concurrent_requests = 0;
    let site = Site::with(config).await;
    let router = site.router.clone();
    let answer = ask(&router, "GET", "/healthz").send().await;
    answer.refused("unavailable");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn the_list_of_codes_is_whole() {
    let site = Site::new().await;
    let router = site.router.clone();
    let codes = ask(&router, "GET", "/api/v1/codes").send().await.json();
    assert_eq!(codes["items"].as_array().unwrap().len(), kageos_core::Code::ALL.len());
    assert!(codes["next"].is_null());
}

#[tokio::test]
async fn long_answers_are_compressed_when_asked() {
    let site = Site::new().await;
    let router = site.router.clone();
    let answer = ask(&router, "GET", "/api/openapi.json").header("accept-encoding", "gzip").send().await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    let plain = ask(&router, "GET", "/api/openapi.json").send().await;
    assert_eq!(plain.json()["openapi"], "3.1.0");
    assert!(answer.bytes.len() < plain.bytes.len());
}

#[tokio::test]
async fn a_body_that_never_comes_ends_at_the_deadline() {
    let mut config = kageos_server::Config::default();
    config.server.request_timeout = std::time::Duration::from_millis(1);
    let site = Site::with(config).await;
    let never =
        axum::body::Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let answer = ask(&site.router, "POST", "/api/v1/session").body("application/json", never).send().await;
    answer.refused("deadline_exceeded");
}

#[tokio::test]
async fn a_body_that_makes_no_progress_is_not_waited_for() {
    let mut config = kageos_server::Config::default();
    config.server.body_timeout = std::time::Duration::from_millis(1);
    let site = Site::with(config).await;
    let system = site.system().await;
    site.ask("POST", "/api/v1/session").stalled("application/json").send().await.refused("request_timeout");
    let import = system.ask("POST", "/api/v1/import/demo/notes/note.table").stalled("text/csv");
    import.send().await.refused("request_timeout");
}

#[tokio::test]
async fn rights_are_asked_before_a_body_is_read() {
    let site = Site::new().await;
    let eve = site.person_with("eve", "/demo/notes", kageos_core::Role::Viewer).await;
    let import = |path: &str| eve.ask("POST", &format!("/api/v1/import{path}")).stalled("text/csv").send();
    import("/demo/notes/note.table").await.refused("forbidden");
    import("/demo/notes/none.table").await.refused("not_found");
    for path in ["/api/v1/users", "/api/v1/groups", "/api/v1/namespaces"] {
        eve.ask("POST", path).stalled("application/json").send().await.refused("forbidden");
    }
    let told = site.system().await.get("/api/v1/activity?path=/demo/notes/note.table").await.json();
    assert_eq!(
        (&told["items"][0]["action"], &told["items"][0]["status"]),
        (&"import".into(), &"refused".into())
    );
}

/// Requests whose bodies do not come, up to where they wait for them.
async fn slow(
    asks: impl Iterator<Item = crate::ask::Ask>,
) -> Vec<tokio::task::JoinHandle<crate::ask::Answer>> {
    let held: Vec<_> = asks.map(|ask| tokio::spawn(ask.send())).collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    held
}

#[tokio::test]
async fn slow_logins_from_one_address_leave_room_for_others() {
    let site = Site::new().await;
    let stalled = |address| site.ask("POST", "/api/v1/session").from(address).stalled("application/json");
    let held = slow((0..2_000).map(|_| stalled([10, 0, 0, 1]))).await;
    let login = serde_json::json!({ "login": "system", "password": crate::site::PASSWORD });
    let from = |address| site.ask("POST", "/api/v1/session").from(address).json(&login).send();
    from([10, 0, 0, 1]).await.refused("unavailable");
    assert_eq!(from([10, 0, 0, 2]).await.status, 200);
    held.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn imports_at_the_same_time_are_bounded() {
    let site = Site::new().await;
    let (ada, bob) = (
        site.person_with("ada", "/demo/notes", kageos_core::Role::Member).await,
        site.person_with("bob", "/demo/notes", kageos_core::Role::Member).await,
    );
    let path = "/api/v1/import/demo/notes/note.table";
    // A place is taken once the caller is known. An import that is answered in between may take one from a stalled
    // import, so there is one more of those each time.
    let mut one = Vec::new();
    let mut refused = false;
    while !refused && one.len() < 100 {
        one.extend(slow(std::iter::once(ada.ask("POST", path).stalled("text/csv"))).await);
        let ask = ada.ask("POST", path).body("text/csv", "text\n").send().await;
        refused = ask.status == 429;
    }
    assert!(refused);
    assert_eq!(bob.ask("POST", path).body("text/csv", "text\n").send().await.status, 200);
    one.iter().for_each(tokio::task::JoinHandle::abort);
}
