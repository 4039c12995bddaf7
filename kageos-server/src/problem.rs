//! Every refusal as RFC 9457 problem details.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kageos_core::{Code, Error, Trace};

use crate::wire::{FieldProblem, Problem};

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// What a caller is told to wait before it tries again, in seconds.
const RETRY_AFTER: &str = "1";

/// What a handler gives back.
pub(crate) type Answer<T> = std::result::Result<T, Refused>;

/// A refusal on its way out; the frame gives it its body, because it knows the trace.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Error);

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(self.0.code);
        response.extensions_mut().insert(self.0);
        response
    }
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Gives a refusal its body, logs what only we can mend, and makes bare statuses of libraries problems too.
pub(crate) fn render(mut response: Response, trace: Trace) -> Response {
    let Some(error) = response.extensions_mut().remove::<Error>().or_else(|| bare(&response)) else {
        return response;
    };
    let problem = told(error, trace);
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if problem.status == StatusCode::SERVICE_UNAVAILABLE.as_u16() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    if problem.status == StatusCode::UNAUTHORIZED.as_u16() {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.body_mut() = Body::from(body);
    response
}

/// The error that a status without a problem stands for.
fn bare(response: &Response) -> Option<Error> {
    let status = response.status();
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        StatusCode::RANGE_NOT_SATISFIABLE => Code::RangeNotSatisfiable,
        _ if status.is_client_error() => Code::InvalidQuery,
        StatusCode::SERVICE_UNAVAILABLE => return None,
        _ if status.is_server_error() => Code::Internal,
        _ => return None,
    };
    Some(Error::of(code))
}

/// The error as problem details, and in the log what only we can mend.
pub(crate) fn told(error: Error, trace: Trace) -> Problem {
    log(&error, trace);
    problem(error, trace.id())
}

/// The error as problem details.
pub(crate) fn problem(error: Error, trace: String) -> Problem {
    Problem {
        kind: format!("/-/errors/{}", error.code),
        title: error.code.title().to_owned(),
        status: error.code.status(),
        code: error.code.to_string(),
        detail: error.message,
        trace,
        fields: error.fields.into_iter().map(FieldProblem::from).collect(),
    }
}

fn log(error: &Error, trace: Trace) {
    let trace = trace.id();
    if error.code.status() < 500 {
        tracing::debug!(code = %error.code, detail = %error.message, trace, "refused a request");
        return;
    }
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        causes.push(next.to_string());
        cause = next.source();
    }
    tracing::error!(code = %error.code, detail = %error.message, causes = causes.join(": "), trace, "a request failed");
}
