use axum::{Json, extract::State};

use super::{Ask, dispatch};
use crate::{
    caller::Caller,
    extract::{At, Input},
    problem::Answer,
    shared::Shared,
    wire::{CallReply, CallRequest},
};

/// Calls an action of the function or directory at a path.
#[utoipa::path(post, path = "/api/v1/call/{path}", tag = "call", operation_id = "call", params(("path" = String, Path, description = "The path without its first slash")), request_body = CallRequest, responses((status = 200, body = CallReply)))]
pub(in crate::routes) async fn make(
    State(shared): State<Shared>,
    caller: Caller,
    At(path): At,
    Input(request): Input<CallRequest>,
) -> Answer<Json<CallReply>> {
    let ask = Ask {
        dry_run: request.dry_run,
        idempotency_key: request.idempotency_key,
        ..Ask::new(path, request.action, request.input)
    };
    let reply = dispatch(&shared, &caller, ask).await?;
    Ok(Json(CallReply::new(reply, caller.trace)))
}
