//! The output of a call as the body of an answer.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kageos_core::Reply;
use serde::Deserialize;

#[derive(Deserialize)]
struct Versioned {
    version: i64,
}

/// Names the call that an answer comes from; with it the call can be undone.
const CALL: HeaderName = HeaderName::from_static("kageos-call");

/// Says `false` where it cannot: the call changed more than is kept, or its caller may not set it back.
const UNDOABLE: HeaderName = HeaderName::from_static("kageos-undoable");

/// The output as it is, with the call in a header; with the version of a row as its `ETag`.
pub(super) fn output(status: StatusCode, reply: &Reply) -> Response {
    let body = reply.output.get().to_owned();
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    let version = serde_json::from_str::<Versioned>(reply.output.get()).ok();
    let tag = version.and_then(|row| HeaderValue::from_str(&format!("\"{}\"", row.version)).ok());
    if let Ok(call) = HeaderValue::from_str(&reply.call.to_string()) {
        response.headers_mut().insert(CALL, call);
    }
    if !reply.undoable && !reply.changes.is_empty() {
        response.headers_mut().insert(UNDOABLE, HeaderValue::from_static("false"));
    }
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
