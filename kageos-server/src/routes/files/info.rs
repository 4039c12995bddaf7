use axum::{Json, extract::State};

use crate::{caller::Caller, extract::Segments, problem::Answer, shared::Shared, wire::StoredFile};

/// What is known of a file.
#[utoipa::path(get, path = "/api/v1/file/{id}/info", tag = "files", operation_id = "file_info", params(("id" = String, Path)), responses((status = 200, body = StoredFile)))]
pub(in crate::routes) async fn info(
    State(shared): State<Shared>,
    caller: Caller,
    Segments(id): Segments,
) -> Answer<Json<StoredFile>> {
    Ok(Json(super::found(&shared, &caller, &id).await?.into()))
}
