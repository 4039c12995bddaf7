//! What apps reach outside: real servers on this machine, on a network that an operator names, and none that nobody does.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use kageos_core::{
    Code, Egress as Declares, Error, FunctionEntry, HostCall, Http, HttpMethod, HttpRequest, HttpResponse,
    LogCall, LogEntry, LogLevel, LogSink, LogSource, Manifest, NodeId, SecretPlace, SecretUse,
    http::{MAX_REQUEST, MAX_RESPONSE},
    log::NoLog,
    platform::{SealKey, identity::Secret, secrets::Secrets},
};
use kageos_sdk::testkit::{Kit, conformance};
use kageos_server::egress::{Egress, EgressOptions};
use serde_json::{Value, json};

const KEY: &str = "sk-live-0123456789abcdef";
const PASSWORD: &str = "p&ss w/rd \"quoted\"";

/// What a server was asked: method, path with query, headers, body.
type Seen = Arc<Mutex<Vec<(String, String, HeaderMap, Vec<u8>)>>>;

/// A server of HTTP on a port of its own.
struct Site {
    address: SocketAddr,
    seen: Seen,
}

impl Site {
    async fn start() -> Self {
        let seen = Seen::default();
        let routes = Router::new()
            .route("/slow", get(|| async { tokio::time::sleep(Duration::from_secs(60)).await }))
            .route("/large", get(|| async { vec![0_u8; MAX_RESPONSE + 1] }))
            .route("/streamed", get(streamed))
            .route("/compressed", get(|| async { ([(header::CONTENT_ENCODING, "gzip")], "x") }))
            .route("/to/{status}", any(to))
            .fallback(echo)
            .with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, seen }
    }

    /// Its origin by a name, which has to be resolved.
    fn origin(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    fn taken(&self) -> Vec<(String, String, HeaderMap, Vec<u8>)> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

/// Never ends, and says no length.
async fn streamed() -> Response {
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    let pieces = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
    Body::from_stream(pieces).into_response()
}

async fn to(
    State(seen): State<Seen>,
    axum::extract::Path(status): axum::extract::Path<u16>,
    Query(query): Query<Vec<(String, String)>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    seen.lock().unwrap().push((method.to_string(), uri.to_string(), headers, Vec::new()));
    let location = query.into_iter().find(|(name, _)| name == "url").map(|(_, url)| url).unwrap_or_default();
    (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, location)]).into_response()
}

/// Answers with what it was asked, as careless servers do.
async fn echo(
    State(seen): State<Seen>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let shown: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let told = json!({ "uri": uri.to_string(), "headers": shown, "body": String::from_utf8_lossy(&body) });
    let authorization = headers.get(header::AUTHORIZATION).cloned();
    seen.lock().unwrap().push((method.to_string(), uri.to_string(), headers, body.to_vec()));
    let mut response = Json(told).into_response();
    if let Some(value) = authorization {
        response.headers_mut().insert("x-you-sent", value);
    }
    response
}

/// A workspace with its secrets.
struct World {
    kit: Kit,
    secrets: Secrets,
    workspace: NodeId,
}

impl World {
    async fn new() -> Self {
        let kit = Kit::open(&conformance::app()).await.unwrap();
        let platform = kit.platform();
        let secrets = Secrets::new(platform.db().clone(), platform.env().clone(), SealKey::new(&[7; 32]));
        let tree = platform.tree().snapshot();
        let workspace = tree.get(&kageos_sdk::testkit::WORKSPACE.parse().unwrap()).unwrap().id;
        drop(tree);
        Self { kit, secrets, workspace }
    }

    async fn set(&self, name: &str, origin: &str, value: &str) {
        let call = HostCall { path: kageos_sdk::testkit::WORKSPACE.parse().unwrap(), ..self.call("reads") };
        let origin = origin.parse().unwrap();
        self.secrets.set(&call, self.workspace, (name, &origin), &Secret::new(value)).await.unwrap();
    }

    /// A call of an action that only reads, or that acts outside.
    fn call(&self, effect: &str) -> HostCall {
        self.kit.host_call(&format!("{effect}.form"), "submit", &json!({})).unwrap()
    }

    fn http(&self, options: EgressOptions, origins: &[&str], secrets: Vec<SecretUse>) -> Arc<dyn Http> {
        self.logged(options, origins, secrets, Arc::new(NoLog))
    }

    fn logged(
        &self,
        options: EgressOptions,
        origins: &[&str],
        secrets: Vec<SecretUse>,
        logs: Arc<dyn LogSink>,
    ) -> Arc<dyn Http> {
        let origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        let declares = Declares { origins, secrets };
        assert_eq!(declares.mistakes(), Vec::<String>::new());
        let action = |effect: &str| {
            let effects = json!([if effect == "acts" { "external" } else { "reads" }]);
            let effect = json!({ "effects": effects, "idempotent": false, "undoable": false, "dry_run": false,
                "approval": "none", "timeout_ms": 1000, "audience": [] });
            json!({ "name": "submit", "title": "Submit", "right": "run", "effect": effect, "input": {}, "output": {} })
        };
        let function = |effect: &str| -> FunctionEntry {
            let schema = json!({ "kind": "form", "title": effect, "description": "", "tags": [],
                "actions": [action(effect)], "table": null });
            serde_json::from_value(json!({ "path": format!("{effect}.form"), "schema": schema })).unwrap()
        };
        let manifest = Manifest {
            functions: vec![function("reads"), function("acts")],
            egress: declares,
            ..conformance::app().manifest().unwrap()
        };
        Egress::new(options, self.secrets.clone()).of(self.workspace, &manifest, logs)
    }
}

/// The network of this machine is named.
fn named() -> EgressOptions {
    let networks = ["127.0.0.0/8", "::1"].map(|network| network.parse().unwrap()).to_vec();
    EgressOptions { networks, per_minute: 1000, ..EgressOptions::default() }
}

fn request(method: HttpMethod, url: impl Into<String>) -> HttpRequest {
    HttpRequest {
        method,
        url: url.into(),
        query: Vec::new(),
        headers: Vec::new(),
        timeout_ms: None,
        body: Vec::new(),
    }
}

fn get_(url: impl Into<String>) -> HttpRequest {
    request(HttpMethod::Get, url)
}

fn secret(name: &str, origin: &str, place: SecretPlace) -> SecretUse {
    SecretUse { name: name.to_owned(), title: "The key".to_owned(), origin: origin.parse().unwrap(), place }
}

fn bearer() -> SecretPlace {
    SecretPlace::Header { name: "authorization".to_owned(), prefix: "Bearer ".to_owned() }
}

fn json_of(response: &HttpResponse) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

#[track_caller]
fn refused(answer: Result<HttpResponse, Error>, code: Code) -> Error {
    let error = answer.expect_err("it is refused");
    assert_eq!(error.code, code, "{error}");
    error
}

#[tokio::test]
async fn a_request_goes_where_it_is_declared_and_nowhere_else() {
    let (site, other, world) = (Site::start().await, Site::start().await, World::new().await);
    let http = world.http(named(), &[&site.origin()], Vec::new());
    let call = world.call("reads");
    let asked = HttpRequest {
        query: vec![("q".to_owned(), "a b&c".to_owned())],
        headers: vec![("x-kind".to_owned(), "one".to_owned()), ("x-kind".to_owned(), "two".to_owned())],
        ..get_(site.url("/stock?of=tea#top"))
    };
    let answer = http.send(&call, asked).await.unwrap();
    assert_eq!((answer.status, answer.url.as_str()), (200, site.url("/stock?of=tea&q=a+b%26c").as_str()));
    assert_eq!(json_of(&answer)["uri"], "/stock?of=tea&q=a+b%26c");
    let (method, _, headers, _) = site.taken().pop().unwrap();
    assert_eq!((method.as_str(), headers.get_all("x-kind").iter().count()), ("GET", 2));
    assert!(headers["user-agent"].to_str().unwrap().starts_with("kageos/"));
    assert!(!headers.contains_key("accept-encoding") && !headers.contains_key("cookie"));

    let port = site.address.port();
    for url in [
        other.url("/"),
        format!("https://localhost:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost.:{port}/"),
        format!("http://x.localhost:{port}/"),
        format!("http://LOCALHOST:{}/", other.address.port()),
        "https://example.com/".to_owned(),
    ] {
        refused(http.send(&call, get_(url)).await, Code::EgressDenied);
    }
    // One spelling of a host: what is written in another one is the same host.
    http.send(&call, get_(format!("HTTP://LocalHost:{port}/a/../b"))).await.unwrap();
    assert_eq!(site.taken().pop().unwrap().1, "/b");
    assert!(other.taken().is_empty());
}

#[tokio::test]
async fn what_changes_something_outside_is_declared_and_never_tried() {
    let (site, world) = (Site::start().await, World::new().await);
    let http = world.http(named(), &[&site.origin()], Vec::new());
    let order = || HttpRequest { body: b"tea".to_vec(), ..request(HttpMethod::Post, site.url("/orders")) };
    refused(http.send(&world.call("reads"), order()).await, Code::EgressDenied);
    let shown = HostCall { dry_run: true, ..world.call("acts") };
    refused(http.send(&shown, order()).await, Code::DryRunUnsupported);
    assert!(site.taken().is_empty());
    http.send(&shown, get_(site.url("/"))).await.unwrap();
    for method in [HttpMethod::Post, HttpMethod::Put, HttpMethod::Patch, HttpMethod::Delete] {
        http.send(&world.call("acts"), HttpRequest { method, ..order() }).await.unwrap();
    }
    let seen = site.taken();
    let methods: Vec<_> = seen.iter().map(|it| (it.0.as_str(), it.3.len())).collect();
    assert_eq!(methods, [("GET", 0), ("POST", 3), ("PUT", 3), ("PATCH", 3), ("DELETE", 3)]);
}

#[tokio::test]
async fn an_address_that_is_not_reached_is_refused_after_it_was_resolved() {
    let (site, world) = (Site::start().await, World::new().await);
    let nobody = EgressOptions { per_minute: 1000, ..EgressOptions::default() };
    let port = site.address.port();
    let origins = [
        site.origin(),
        format!("http://127.0.0.1:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
        format!("https://localhost:{port}"),
        format!("https://127.0.0.1:{port}"),
        "https://169.254.169.254".to_owned(),
        "https://[::1]".to_owned(),
        "https://[fd00:ec2::254]".to_owned(),
    ];
    let declared: Vec<&str> = origins.iter().map(String::as_str).collect();
    let http = world.http(nobody, &declared, Vec::new());
    for origin in &origins {
        let error =
            refused(http.send(&world.call("reads"), get_(format!("{origin}/"))).await, Code::EgressDenied);
        assert!(error.message.contains("egress.networks"), "{error}");
    }
    let ten = EgressOptions { networks: vec!["10.0.0.0/8".parse().unwrap()], ..named() };
    let http = world.http(ten, &[&site.origin()], Vec::new());
    refused(http.send(&world.call("reads"), get_(site.url("/"))).await, Code::EgressDenied);
    assert!(site.taken().is_empty());
    // What an operator lets apps reach at all stands above what they declare.
    let only = EgressOptions { origins: vec!["https://*.example.com".parse().unwrap()], ..named() };
    let http = world.http(only, &[&site.origin()], Vec::new());
    let error = refused(http.send(&world.call("reads"), get_(site.url("/"))).await, Code::EgressDenied);
    assert!(error.message.contains("operator"), "{error}");
}

#[tokio::test]
async fn secrets_go_into_requests_and_never_come_back() {
    let (site, world) = (Site::start().await, World::new().await);
    let origin = site.origin();
    let used = vec![
        secret("token", &origin, bearer()),
        secret("key", &origin, SecretPlace::Query { name: "api_key".to_owned() }),
    ];
    let http = world.http(named(), &[&origin], used);
    let call = world.call("reads");
    let error = refused(http.send(&call, get_(site.url("/"))).await, Code::SecretMissing);
    assert!(error.message.contains("token"), "{error}");
    world.set("token", &origin, KEY).await;
    world.set("key", &origin, PASSWORD).await;
    let answer = http.send(&call, get_(site.url("/me?a=1"))).await.unwrap();
    let (_, uri, headers, _) = site.taken().pop().unwrap();
    assert_eq!(headers["authorization"].to_str().unwrap(), format!("Bearer {KEY}"));
    assert_eq!(uri, "/me?a=1&api_key=p%26ss+w%2Frd+%22quoted%22");
    let whole = format!("{answer:?} {}", String::from_utf8_lossy(&answer.body));
    for form in [KEY, PASSWORD, "p%26ss+w%2Frd+%22quoted%22", r#"p&ss w/rd \"quoted\""#] {
        assert!(!whole.contains(form), "{form} is in {whole}");
    }
    let echoed = answer.headers.iter().find(|(name, _)| name == "x-you-sent").unwrap();
    assert_eq!(echoed.1, "Bearer [secret]");
    assert_eq!(answer.url, site.url("/me?a=1"));
    // What the platform sets, the app does not.
    let own =
        HttpRequest { headers: vec![("authorization".to_owned(), "mine".to_owned())], ..get_(site.url("/")) };
    refused(http.send(&call, own).await, Code::InvalidInput);
    refused(http.send(&call, get_(site.url("/?api_key=mine"))).await, Code::InvalidInput);
    refused(http.send(&call, get_(site.url("/compressed"))).await, Code::Unavailable);
    // Basic authentication, echoed as it is sent.
    let basic = SecretPlace::Basic { user: "me".to_owned() };
    let http = world.http(named(), &[&origin], vec![secret("token", &origin, basic)]);
    let answer = http.send(&call, get_(site.url("/"))).await.unwrap();
    let sent = site.taken().pop().unwrap().2["authorization"].to_str().unwrap().to_owned();
    assert!(sent.starts_with("Basic ") && !String::from_utf8_lossy(&answer.body).contains(&sent[6..]));
    // A release that declares the same secret for somebody else does not get it there.
    let other = Site::start().await;
    let http = world.http(named(), &[&other.origin()], vec![secret("token", &other.origin(), bearer())]);
    let error = refused(http.send(&call, get_(other.url("/"))).await, Code::SecretMissing);
    assert!(error.message.contains(&origin) && other.taken().is_empty(), "{error}");
}

#[tokio::test]
async fn each_step_of_a_redirect_is_looked_at_like_the_first() {
    let (site, second, other, world) =
        (Site::start().await, Site::start().await, Site::start().await, World::new().await);
    let used = vec![secret("token", &site.origin(), bearer())];
    world.set("token", &site.origin(), KEY).await;
    let http = world.http(named(), &[&site.origin(), &second.origin()], used);
    let leads = |status: u16, url: &str| {
        let query = vec![("url".to_owned(), url.to_owned())];
        HttpRequest { query, ..get_(site.url(&format!("/to/{status}"))) }
    };
    let own = HttpRequest {
        headers: vec![
            ("cookie".to_owned(), "a=1".to_owned()),
            ("accept".to_owned(), "text/plain".to_owned()),
        ],
        ..leads(302, &second.url("/end"))
    };
    let answer = http.send(&world.call("reads"), own).await.unwrap();
    assert_eq!(answer.url, second.url("/end"));
    let (_, _, first, _) = site.taken().pop().unwrap();
    assert!(first.contains_key("authorization") && first.contains_key("cookie"));
    let (_, _, headers, _) = second.taken().pop().unwrap();
    assert!(
        !headers.contains_key("authorization")
            && !headers.contains_key("cookie")
            && !headers.contains_key("referer")
    );
    assert_eq!(headers["accept"], "text/plain");

    refused(http.send(&world.call("reads"), leads(302, &other.url("/"))).await, Code::EgressDenied);
    refused(http.send(&world.call("reads"), leads(302, "file:///etc/passwd")).await, Code::EgressDenied);
    refused(http.send(&world.call("reads"), leads(302, "http://169.254.169.254/")).await, Code::EgressDenied);
    // What a server copies into the address that it leads on to is no way for a secret.
    let query = SecretPlace::Query { name: "api_key".to_owned() };
    let both = [&*site.origin(), &*second.origin()];
    let with_query = world.http(named(), &both, vec![secret("token", &site.origin(), query)]);
    let copied = leads(302, &site.url(&format!("/end?api_key={KEY}&b=1&other={KEY}")));
    let answer = with_query.send(&world.call("reads"), copied).await.unwrap();
    assert_eq!(answer.url, site.url("/end?b=1"));
    assert_eq!(site.taken().pop().unwrap().1, format!("/end?b=1&api_key={KEY}"));
    let copied = leads(302, &second.url(&format!("/{KEY}/end?k={KEY}&in=a{KEY}b")));
    with_query.send(&world.call("reads"), copied).await.unwrap();
    let seen = second.taken().pop().unwrap().1;
    assert!(!seen.contains(KEY) && !seen.contains("k="), "{seen}");
    site.taken();
    let user = format!("http://a:b@localhost:{}/", second.address.port());
    refused(http.send(&world.call("reads"), leads(307, &user)).await, Code::EgressDenied);
    let around = HttpRequest { query: vec![("url".to_owned(), String::new())], ..get_(site.url("/to/302")) };
    refused(http.send(&world.call("reads"), around).await, Code::EgressDenied);
    assert!(other.taken().is_empty());
    site.taken();

    // What was sent goes on where that was asked for, and becomes a question where it was not.
    for (status, method, bytes) in [(307, "POST", 3), (308, "POST", 3), (303, "GET", 0), (302, "GET", 0)] {
        let post = HttpRequest {
            method: HttpMethod::Post,
            body: b"tea".to_vec(),
            ..leads(status, &second.url("/end"))
        };
        http.send(&world.call("acts"), post).await.unwrap();
        let seen = second.taken().pop().unwrap();
        assert_eq!((seen.0.as_str(), seen.3.len()), (method, bytes), "{status}");
    }
    // One that leads nowhere is an answer.
    let answer = http.send(&world.call("reads"), get_(site.url("/to/304"))).await.unwrap();
    assert_eq!(answer.status, 304);
}

#[tokio::test]
async fn size_time_and_number_are_bounded() {
    let (site, world) = (Site::start().await, World::new().await);
    let http = world.http(named(), &[&site.origin()], Vec::new());
    let call = world.call("acts");
    for path in ["/large", "/streamed"] {
        refused(http.send(&call, get_(site.url(path))).await, Code::PayloadTooLarge);
    }
    let large = HttpRequest { body: vec![0; MAX_REQUEST + 1], ..request(HttpMethod::Post, site.url("/")) };
    refused(http.send(&call, large).await, Code::PayloadTooLarge);
    let slow = || HttpRequest { timeout_ms: Some(100), ..get_(site.url("/slow")) };
    refused(http.send(&call, slow()).await, Code::DeadlineExceeded);
    let soon = world.kit.platform().env().now().plus(Duration::from_millis(100));
    let late = HostCall { deadline: soon, ..call.clone() };
    refused(http.send(&late, HttpRequest { timeout_ms: None, ..slow() }).await, Code::DeadlineExceeded);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = world.http(named(), &[&format!("http://{nobody}")], Vec::new());
    refused(gone.send(&call, get_(format!("http://{nobody}/"))).await, Code::Unavailable);

    let slow = || HttpRequest { timeout_ms: Some(2_000), ..get_(site.url("/slow")) };
    let many = futures_util::future::join_all((0..20).map(|_| http.send(&call, slow()))).await;
    let count =
        |code| many.iter().filter(|answer| answer.as_ref().is_err_and(|error| error.code == code)).count();
    assert_eq!((count(Code::TooManyRequests), count(Code::DeadlineExceeded)), (4, 16));
    let few = world.http(EgressOptions { per_minute: 2, ..named() }, &[&site.origin()], Vec::new());
    for _ in 0..2 {
        few.send(&call, get_(site.url("/"))).await.unwrap();
    }
    refused(few.send(&call, get_(site.url("/"))).await, Code::TooManyRequests);
    world.kit.advance(Duration::from_secs(61));
    few.send(&world.call("acts"), get_(site.url("/"))).await.unwrap();
}

#[tokio::test]
async fn a_malformed_request_is_told_all_that_is_wrong() {
    let (site, world) = (Site::start().await, World::new().await);
    let http = world.http(named(), &[&site.origin()], Vec::new());
    let call = world.call("reads");
    let port = site.address.port();
    for url in [
        String::new(),
        "localhost".to_owned(),
        "/path".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://localhost/".to_owned(),
        "http:".to_owned(),
        format!("http://user@localhost:{port}/"),
        format!("http://:password@localhost:{port}/"),
        format!("http://localhost:{port}/{}", "x".repeat(9000)),
        "http://[::1/".to_owned(),
        "http://a b/".to_owned(),
        "http://localhost:99999/".to_owned(),
    ] {
        refused(http.send(&call, get_(url)).await, Code::InvalidInput);
    }
    let headers =
        ["host", "Accept", "connection", "transfer-encoding", "content-length", "x y", "", "expect"];
    let wrong = HttpRequest {
        headers: headers
            .iter()
            .map(|name| ((*name).to_owned(), "x".to_owned()))
            .chain([("x-a".to_owned(), "a\r\nb: c".to_owned())])
            .collect(),
        ..get_("nowhere")
    };
    let error = refused(http.send(&call, wrong).await, Code::InvalidInput);
    assert_eq!(error.fields.len(), headers.len() + 2, "{error:?}");
    let many = HttpRequest { headers: vec![(String::new(), String::new()); 40_000], ..get_(site.url("/")) };
    assert_eq!(refused(http.send(&call, many).await, Code::InvalidInput).fields.len(), 1);
    assert!(site.taken().is_empty());
}

/// A server of HTTPS with a certificate of its own, and the file with the authority that vouches for it.
async fn encrypted(folder: &std::path::Path) -> (SocketAddr, std::path::PathBuf) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, key.cert.pem()).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![key.cert.der().clone()], private).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 4096]).await;
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nsafe";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (address, file)
}

#[tokio::test]
async fn a_certificate_is_trusted_by_an_authority_only() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::new().await);
    let (address, ca) = encrypted(folder.path()).await;
    let origin = format!("https://localhost:{}", address.port());
    let trusted = EgressOptions { ca_file: Some(ca), ..named() };
    let http = world.http(trusted.clone(), &[&origin], Vec::new());
    let answer = http.send(&world.call("reads"), get_(format!("{origin}/"))).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"safe".as_slice()));
    let by_number = format!("https://{address}");
    let http = world.http(trusted, &[&by_number], Vec::new());
    let error =
        refused(http.send(&world.call("reads"), get_(format!("{by_number}/"))).await, Code::Unavailable);
    assert!(error.message.contains("certificate"), "{error}");
    let missing = EgressOptions { ca_file: Some(folder.path().join("none.pem")), ..named() };
    let http = world.http(missing, &[&origin], Vec::new());
    let error = refused(http.send(&world.call("reads"), get_(format!("{origin}/"))).await, Code::Unavailable);
    assert!(error.message.contains("egress.ca_file"), "{error}");
}

/// Lines of a log: how much they matter, what they say, and their fields.
#[derive(Debug, Default)]
struct Lines(Mutex<Vec<(LogLevel, String, Value)>>);

impl LogSink for Lines {
    fn take(&self, source: LogSource, call: Option<LogCall>, entry: LogEntry) {
        assert!(source == LogSource::Platform && call.is_some());
        self.0.lock().unwrap().push((entry.level, entry.message, Value::Object(entry.fields)));
    }

    fn lost(&self, _: u64) {}
}

#[tokio::test]
async fn each_request_is_a_line_of_the_log_whatever_becomes_of_it() {
    let (site, world, lines) = (Site::start().await, World::new().await, Arc::new(Lines::default()));
    world.set("key", &site.origin(), KEY).await;
    let query = secret("key", &site.origin(), SecretPlace::Query { name: "api_key".to_owned() });
    let http = world.logged(named(), &[&site.origin()], vec![query], Arc::<Lines>::clone(&lines));
    let call = world.call("reads");
    let line = || lines.0.lock().unwrap().pop().unwrap();
    http.send(&call, get_(site.url("/stock?of=tea"))).await.unwrap();
    let (level, _, fields) = line();
    assert_eq!(
        (level, &fields["url"], &fields["status"]),
        (LogLevel::Info, &json!(site.url("/stock")), &json!(200))
    );
    refused(http.send(&call, get_("https://example.com/?token=x")).await, Code::EgressDenied);
    let (level, _, fields) = line();
    assert_eq!((level, &fields["code"]), (LogLevel::Warn, &json!("egress_denied")));
    assert_eq!(fields["url"], "https://example.com/");
    refused(http.send(&call, request(HttpMethod::Post, site.url("/"))).await, Code::EgressDenied);
    assert_eq!(line().2["method"], "POST");
    refused(http.send(&call, get_(format!("http://me:{KEY}@localhost/"))).await, Code::InvalidInput);
    assert_eq!(line().2["url"], "");
    // Nobody waits any more: the app is gone.
    let cut =
        tokio::time::timeout(Duration::from_millis(200), http.send(&call, get_(site.url("/slow")))).await;
    assert!(cut.is_err());
    let (level, message, fields) = line();
    assert_eq!((level, message.as_str()), (LogLevel::Warn, "A request was cut off."));
    assert_eq!(fields["url"], site.url("/slow"));
    assert!(lines.0.lock().unwrap().is_empty());
}
