//! What holds for every request, whoever asks for whatever: trace, limits, protection, problems, headers.

mod csrf;
mod guard;
mod headers;
mod trace;

use std::{path::Path, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use kageos_core::{Code, Env, Error, Result};
use tokio::sync::Semaphore;
use tower_http::compression::{CompressionLayer, DefaultPredicate, Predicate};

use crate::{
    caller::{Peer, peer},
    config::ServerConfig,
    network::{Network, client},
    problem,
    problem::Refused,
};

/// Longest time to the head of an answer, but for what is long by its nature.
const USUAL_TIMEOUT: Duration = Duration::from_secs(60);
/// What is long by its nature: whole tables, streams, and calls, whose actions have their own deadlines.
const LONG: [&str; 5] =
    ["/api/v1/import/", "/api/v1/export/", "/api/v1/events", "/api/v1/call/", "/api/v1/files/"];

/// Marks an answer whose bytes are sent as they are: it has a length, a tag and ranges of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AsItIs;

/// What the frame needs to know.
#[derive(Debug)]
pub(crate) struct Frame {
    env: Env,
    policy: HeaderValue,
    public_origin: Option<String>,
    timeout: Duration,
    trusted: Vec<Network>,
    permits: Semaphore,
}

impl Frame {
    /// The frame of a server whose web application lies in `web`.
    pub(crate) fn new(env: Env, config: &ServerConfig, web: &Path) -> Self {
        Self {
            env,
            policy: headers::policy(web),
            public_origin: config.public_url.as_deref().map(csrf::origin),
            timeout: config.request_timeout,
            trusted: config.trusted_proxies.clone(),
            permits: Semaphore::new(config.max_concurrent_requests.min(Semaphore::MAX_PERMITS)),
        }
    }

    /// Puts the frame around all routes.
    pub(crate) fn around(self, router: Router) -> Router {
        let usual = DefaultPredicate::new().and(
            |_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions| {
                extensions.get::<AsItIs>().is_none()
            },
        );
        router
            .layer(middleware::from_fn_with_state(Arc::new(self), handle))
            .layer(CompressionLayer::new().gzip(true).compress_when(usual))
    }

    fn timeout(&self, path: &str) -> Duration {
        let long = LONG.iter().any(|start| path.starts_with(start));
        if long { self.timeout } else { self.timeout.min(USUAL_TIMEOUT) }
    }
}

async fn handle(State(frame): State<Arc<Frame>>, mut request: Request, next: Next) -> Response {
    let begun = frame.env.clock.monotonic();
    let trace = trace::of(request.headers(), &frame.env);
    request.extensions_mut().insert(trace);
    if let Some(peer) = peer(request.extensions()) {
        let client = client(peer, request.headers(), &frame.trusted);
        request.extensions_mut().insert(Peer(client));
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let checked = csrf::check(&request, frame.public_origin.as_deref());
    let answer = match checked.and_then(|()| plain(request.headers())) {
        Ok(()) => guard::run(&frame.permits, frame.timeout(&path), next.run(request)).await,
        Err(error) => Err(error),
    };
    let answer = answer.unwrap_or_else(|error| Refused(error).into_response());
    let mut response = problem::render(answer, trace);
    headers::protect(&mut response, &frame.policy);
    trace::mark(&mut response, trace);
    log(&method, &path, &response, frame.env.clock.monotonic().saturating_sub(begun), &trace.id());
    response
}

/// Refuses a body that is compressed: it would be taken for something that it is not.
fn plain(headers: &HeaderMap) -> Result<()> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    Err(Error::new(Code::UnsupportedMediaType, "A body is sent without a Content-Encoding."))
}

fn log(method: &Method, path: &str, response: &Response, took: Duration, trace: &str) {
    let (status, ms) = (response.status().as_u16(), took.as_secs_f64() * 1000.0);
    tracing::debug!(http.method = %method, http.path = path, http.status = status, ms, trace, "answered a request");
}
