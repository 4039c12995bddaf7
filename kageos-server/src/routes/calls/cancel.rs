use axum::{extract::State, http::StatusCode};
use kageos_core::ActionName;

use crate::{caller::Caller, extract::Segments, problem::Answer, shared::Shared};

/// Tells a running call to end. It may still take effect: what became of it says the call.
#[utoipa::path(delete, path = "/api/v1/calls/{id}", tag = "call", operation_id = "cancel_call", params(("id" = String, Path)), responses((status = 204)))]
pub(in crate::routes) async fn cancel(
    State(shared): State<Shared>,
    caller: Caller,
    Segments(id): Segments,
) -> Answer<StatusCode> {
    super::about(&shared, &caller, &id, ActionName::CANCEL, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
