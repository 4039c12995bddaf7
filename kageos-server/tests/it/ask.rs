//! A router asked without a port.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::ConnectInfo};
use http_body_util::BodyExt;
use hyper::{HeaderMap, Request, Response, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

/// A request in the making.
pub(crate) struct Ask {
    router: Router,
    request: Request<Body>,
}

/// An answer that was read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn ask(router: &Router, method: &str, path: &str) -> Ask {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    Ask { router: router.clone(), request }
}

impl Ask {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    /// From there, as the listener of the service says.
    pub(crate) fn from(mut self, address: [u8; 4]) -> Self {
        self.request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 50_000))));
        self
    }

    /// With a body that never comes.
    pub(crate) fn stalled(self, media_type: &str) -> Self {
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        self.body(media_type, Body::from_stream(never))
    }

    pub(crate) fn body(mut self, media_type: &str, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self.header(header::CONTENT_TYPE.as_str(), media_type)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// The answer, its body not read yet.
    pub(crate) async fn open(self) -> Response<Body> {
        self.router.oneshot(self.request).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.open().await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"));
        value.to_str().unwrap()
    }

    /// The answer is a whole problem with this code.
    #[track_caller]
    pub(crate) fn refused(&self, code: &str) -> Value {
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["type"], format!("/-/errors/{code}"));
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["trace"], self.header("x-trace-id"));
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        assert!(problem["fields"].is_array());
        problem
    }
}
