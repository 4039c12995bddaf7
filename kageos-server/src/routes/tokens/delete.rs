use axum::{extract::State, http::StatusCode};

use serde_json::json;

use crate::{
    caller::Caller,
    extract::{Segments, id},
    problem::Answer,
    record::record,
    shared::Shared,
};

/// Ends an API token of the caller.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "delete_token", params(("id" = String, Path)), responses((status = 204)))]
pub(in crate::routes) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    Segments(token): Segments,
) -> Answer<StatusCode> {
    caller.in_person()?;
    shared.platform().identity().end_token(caller.user.id, id(&token)?).await?;
    record(&shared, &caller, "delete_token", json!({ "id": token })).await?;
    Ok(StatusCode::NO_CONTENT)
}
