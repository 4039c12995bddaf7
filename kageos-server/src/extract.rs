//! What handlers take: read by one rule, refused with one kind of error.

use std::{error::Error as _, str::FromStr, time::Duration};

use axum::{
    body::Bytes,
    extract::{
        FromRef, FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, header, request::Parts},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kageos_core::{Code, Error, FieldError, ResourcePath, Result, json};
use serde::de::{DeserializeOwned, value::Error as ValueError};
use serde_json::Value;

use crate::problem::Refused;

/// Longest time for a whole body of JSON.
const JSON_TIMEOUT: Duration = Duration::from_secs(60);

/// How much of a body is read, and how long it is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// Longest wait for the next part.
    pub(crate) idle: Duration,
    /// Bytes of JSON.
    pub(crate) json: usize,
    /// Bytes of CSV.
    pub(crate) import: usize,
}

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Input<T>(pub(crate) T);

impl<T, S> FromRequest<S> for Input<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
    BodyLimits: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> std::result::Result<Self, Refused> {
        media_type(request.headers(), &["application/json"])?;
        let limits = BodyLimits::from_ref(state);
        let read = tokio::time::timeout(JSON_TIMEOUT, read(request, limits.json, limits.idle)).await;
        let bytes = read.unwrap_or_else(|_| Err(too_slow()))?;
        Ok(Self(typed(json::parse(&bytes)?)?))
    }
}

/// A CSV body, read when somebody has asked whether it may be sent.
pub(crate) async fn csv(request: Request, limits: BodyLimits) -> Result<String> {
    media_type(request.headers(), &["text/csv"])?;
    let bytes = read(request, limits.import, limits.idle).await?;
    String::from_utf8(bytes.into()).map_err(|error| {
        let message = format!("The text is not UTF-8 at byte {}.", error.utf8_error().valid_up_to());
        Error::field("/csv", "utf8", message)
    })
}

/// The query of the address; a name that is not known is a mistake.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Refused> {
        let read = Query::try_from_uri(&parts.uri).map(|Query(params)| Self(params));
        read.map_err(|rejection| {
            let error = Error::new(Code::InvalidQuery, rejection.body_text());
            Refused(match place(&rejection).filter(|pointer| !pointer.is_empty()) {
                Some(pointer) => error.at(pointer),
                None => error,
            })
        })
    }
}

/// Which name of a query has a value of the wrong type.
fn place(rejection: &QueryRejection) -> Option<String> {
    let causes = std::iter::successors(rejection.source(), |cause| (*cause).source());
    let mut wrong = causes.filter_map(|cause| cause.downcast_ref::<serde_path_to_error::Error<ValueError>>());
    wrong.next().map(|error| error.path().iter().map(segment).collect())
}

/// The text that the address has in place of `{*path}` or `{name}`.
#[derive(Debug)]
pub(crate) struct Segments(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Refused> {
        let read: std::result::Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        read.map(|Path(text)| Self(text))
            .map_err(|rejection| Refused(Error::new(Code::InvalidPath, rejection.body_text())))
    }
}

/// The resource that the address names after its route.
#[derive(Debug)]
pub(crate) struct At(pub(crate) ResourcePath);

impl<S: Send + Sync> FromRequestParts<S> for At {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Refused> {
        let Segments(text) = Segments::from_request_parts(parts, state).await?;
        Ok(Self(path(&format!("/{text}"))?))
    }
}

/// A path, or [`Code::InvalidPath`].
pub(crate) fn path(text: &str) -> Result<ResourcePath> {
    text.parse().map_err(|error: kageos_core::PathError| {
        Error::new(Code::InvalidPath, format!("The path is refused: {error}."))
    })
}

/// An id, or [`Code::NotFound`]: what is no id names nothing.
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::of(Code::NotFound))
}

/// The value as `T`; a mistake has its pointer.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer: String = error.path().iter().map(segment).collect();
        let message = error.into_inner().to_string();
        Error::invalid(vec![FieldError { pointer, code: "type".into(), message }])
    })
}

fn segment(segment: &serde_path_to_error::Segment) -> String {
    use serde_path_to_error::Segment::{Enum, Map, Seq, Unknown};
    match segment {
        Seq { index } => format!("/{index}"),
        Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Enum { variant } => format!("/{variant}"),
        Unknown => String::new(),
    }
}

fn media_type(headers: &HeaderMap, accepted: &[&str]) -> Result<()> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if accepted.iter().any(|one| one.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    Err(Error::new(
        Code::UnsupportedMediaType,
        format!("The content type must be {}.", accepted.join(" or ")),
    ))
}

async fn read(request: Request, limit: usize, idle: Duration) -> Result<Bytes> {
    let too_large = || Error::new(Code::PayloadTooLarge, format!("The body may have at most {limit} bytes."));
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > limit) {
        return Err(too_large());
    }
    let mut body = Limited::new(request.into_body(), limit);
    let mut bytes = Vec::new();
    loop {
        match tokio::time::timeout(idle, body.frame()).await {
            Ok(None) => return Ok(bytes.into()),
            Ok(Some(Ok(frame))) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Ok(Some(Err(error))) if error.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Some(Err(_))) => return Err(Error::new(Code::InvalidJson, "The body ended too early.")),
            Err(_) => return Err(too_slow()),
        }
    }
}

fn too_slow() -> Error {
    Error::of(Code::RequestTimeout)
}
