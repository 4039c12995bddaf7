use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use kageos_core::platform::dispatcher::Started;

use super::{Ask, dispatch, prefer::respond_async, start};
use crate::{
    caller::Caller,
    extract::{At, Input},
    problem::Answer,
    shared::Shared,
    wire::{CallReply, CallRequest, CallState},
};

/// Calls an action of the function or directory at a path. With `Prefer: respond-async` (and `wait=` so many seconds)
/// it answers before a long call has ended.
#[utoipa::path(post, path = "/api/v1/call/{path}", tag = "call", operation_id = "call", params(("path" = String, Path, description = "The path without its first slash"), ("prefer" = Option<String>, Header, description = "`respond-async`, `wait=` seconds")), request_body = CallRequest, responses((status = 200, body = CallReply), (status = 202, description = "It runs on; `Location` tells of it.", body = CallState)))]
pub(in crate::routes) async fn make(
    State(shared): State<Shared>,
    caller: Caller,
    At(path): At,
    headers: HeaderMap,
    Input(request): Input<CallRequest>,
) -> Answer<Response> {
    let ask = Ask {
        dry_run: request.dry_run,
        idempotency_key: request.idempotency_key,
        ..Ask::new(path, request.action, request.input)
    };
    let reply = match respond_async(&headers) {
        None => dispatch(&shared, &caller, ask).await?,
        Some(wait) => match start(&shared, &caller, ask, wait).await? {
            Started::Ended(reply) => reply,
            Started::Running(state) => return Ok(runs_on(CallState::new(*state))),
        },
    };
    Ok(Json(CallReply::new(reply, caller.trace.id())).into_response())
}

fn runs_on(state: CallState) -> Response {
    let applied = (HeaderName::from_static("preference-applied"), "respond-async".to_owned());
    let location = (header::LOCATION, format!("/api/v1/calls/{}", state.call));
    (StatusCode::ACCEPTED, [applied, location], Json(state)).into_response()
}
