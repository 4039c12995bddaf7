use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kageos_core::{Code, Error, FileInfo, Result};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    content,
    range::{Asked, asked, is_known},
};
use crate::{
    caller::Caller,
    extract::{Params, Segments},
    frame::AsItIs,
    problem::{Answer, Refused},
    shared::Shared,
};

/// How.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct How {
    /// To be shown rather than saved; pictures and PDF documents only.
    inline: Option<bool>,
}

/// The bytes of a file, or a range of them; its digest is the `ETag`.
#[utoipa::path(get, path = "/api/v1/file/{id}", tag = "files", operation_id = "download_file", params(("id" = String, Path), How), responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 206, body = Vec<u8>, content_type = "application/octet-stream", description = "The range that was asked for"), (status = 304, description = "The caller has it")))]
pub(in crate::routes) async fn download(
    State(shared): State<Shared>,
    caller: Caller,
    Segments(id): Segments,
    Params(how): Params<How>,
    headers: HeaderMap,
) -> Answer<Response> {
    let file = super::found(&shared, &caller, &id).await?;
    let mut response = answer(&shared, &file, &headers).await?;
    if response.status() != StatusCode::RANGE_NOT_SATISFIABLE {
        response.headers_mut().extend(content::headers(&file, how.inline.unwrap_or(false)));
        response.extensions_mut().insert(AsItIs);
    }
    Ok(response)
}

async fn answer(shared: &Shared, file: &FileInfo, headers: &HeaderMap) -> Result<Response> {
    let tag = content::tag(file);
    if is_known(headers, &tag) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let all = file.size;
    let (status, range) = match asked(headers, all, &tag) {
        Asked::Whole => (StatusCode::OK, 0..all),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Outside => return Ok(outside(all)),
    };
    let content = shared.platform().files().content(file.id).await?;
    let length = range.end - range.start;
    let place = format!("bytes {}-{}/{all}", range.start, range.end.saturating_sub(1));
    let mut response = Response::new(content::body(content, range).await?);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if status == StatusCode::PARTIAL_CONTENT {
        response
            .headers_mut()
            .extend(HeaderValue::from_str(&place).ok().map(|it| (header::CONTENT_RANGE, it)));
    }
    Ok(response)
}

/// Nothing of what was asked for is there; the answer tells how much is.
fn outside(all: u64) -> Response<Body> {
    let mut response = Refused(Error::of(Code::RangeNotSatisfiable)).into_response();
    let all = HeaderValue::from_str(&format!("bytes */{all}"));
    response.headers_mut().extend(all.ok().map(|all| (header::CONTENT_RANGE, all)));
    response
}
