//! The trace of a request: taken from the caller when it has one, given back in any case.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};
use kageos_core::{Env, Trace};

/// W3C trace context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The trace's id alone, to quote.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// A step of the caller's trace, or a new one.
pub(super) fn of(headers: &HeaderMap, env: &Env) -> Trace {
    let given = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()?.parse::<Trace>().ok());
    given.map_or_else(|| env.trace(), |trace| trace.child(&*env.entropy))
}

/// Puts the trace on the answer.
pub(super) fn mark(response: &mut Response, trace: Trace) {
    for (name, text) in [(TRACEPARENT, trace.to_string()), (TRACE_ID, trace.id())] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
}
