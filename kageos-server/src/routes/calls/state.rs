use axum::{Json, extract::State};

use crate::{caller::Caller, extract::Segments, problem::Answer, shared::Shared, wire::CallState};

/// What became of a call, for who called and for the admins of its path. Its reply is kept for a day when it was asked for
/// with `Prefer: respond-async`.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "call", operation_id = "call_state", params(("id" = String, Path)), responses((status = 200, body = CallState)))]
pub(in crate::routes) async fn state(
    State(shared): State<Shared>,
    caller: Caller,
    Segments(id): Segments,
) -> Answer<Json<CallState>> {
    let state = shared.platform().dispatcher().state(&caller.actor, super::id(&id)?).await?;
    Ok(Json(CallState::new(state)))
}
