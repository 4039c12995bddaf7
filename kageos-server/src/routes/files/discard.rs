use axum::{extract::State, http::StatusCode};
use serde_json::json;

use crate::{caller::Caller, extract::Segments, problem::Answer, routes::call::dispatch, shared::Shared};

/// Removes a file that nothing names.
#[utoipa::path(delete, path = "/api/v1/file/{id}", tag = "files", operation_id = "discard_file", params(("id" = String, Path)), responses((status = 204)))]
pub(in crate::routes) async fn discard(
    State(shared): State<Shared>,
    caller: Caller,
    Segments(id): Segments,
) -> Answer<StatusCode> {
    let (id, path) = super::place(&shared, &id).await?;
    dispatch(&shared, &caller, super::ask(path, "discard_file", json!({ "file": id }))?).await?;
    Ok(StatusCode::NO_CONTENT)
}
