//! The built web application: its files, and its page for every address that is not a file.

use std::path::PathBuf;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
    routing::get,
};
use kageos_core::{Code, Error};
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use crate::problem::{Answer, Refused};

/// For files whose name changes with their content.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For all others: kept, but asked about each time.
const CHECKED: HeaderValue = HeaderValue::from_static("no-cache");

/// Serves the folder `dir` for what no other route takes.
pub(crate) fn routes(dir: PathBuf) -> Router {
    Router::new().fallback(get(move |request| serve(dir.clone(), request)))
}

async fn serve(dir: PathBuf, request: Request) -> Answer<Response> {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return Err(missing("There is no such address in the API."));
    }
    let asset = path.starts_with("/assets/");
    let page = !asset && (path == "/" || wants_page(request.headers()));
    let method = request.method().clone();
    let files = ServeDir::new(&dir).append_index_html_on_directories(false);
    let found = files.oneshot(request).await.map(|answer| answer.map(Body::new));
    match found {
        Ok(answer) if answer.status() != StatusCode::NOT_FOUND => {
            Ok(cached(answer, if asset { FOREVER } else { CHECKED }))
        }
        Ok(_) if page => index(dir, method).await,
        _ => Err(missing("There is no such file.")),
    }
}

async fn index(dir: PathBuf, method: Method) -> Answer<Response> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    let answer = ServeFile::new(dir.join("index.html")).oneshot(request).await;
    match answer.map(|answer| answer.map(Body::new)) {
        Ok(answer) if answer.status() == StatusCode::OK => Ok(cached(answer, CHECKED)),
        _ => Err(missing("The web application is not built here; `kagectl bootstrap --dev` builds it.")),
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn cached(mut response: Response, value: HeaderValue) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}

fn missing(message: &str) -> Refused {
    Refused(Error::new(Code::NotFound, message))
}
