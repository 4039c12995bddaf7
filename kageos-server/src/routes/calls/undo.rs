use axum::{Json, extract::State};
use kageos_core::ActionName;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    caller::Caller,
    extract::{Params, Segments},
    problem::Answer,
    shared::Shared,
    wire::CallReply,
};

/// How.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct How {
    /// Shows what would be set back and sets nothing back.
    dry_run: Option<bool>,
}

/// Sets back what a call changed, unless it has changed since. This is a call too, and can itself be undone.
#[utoipa::path(post, path = "/api/v1/calls/{id}/undo", tag = "call", operation_id = "undo_call", params(("id" = String, Path), How), responses((status = 200, body = CallReply)))]
pub(in crate::routes) async fn undo(
    State(shared): State<Shared>,
    caller: Caller,
    Segments(id): Segments,
    Params(how): Params<How>,
) -> Answer<Json<CallReply>> {
    let dry_run = how.dry_run.unwrap_or(false);
    let reply = super::about(&shared, &caller, &id, ActionName::UNDO, dry_run).await?;
    Ok(Json(CallReply::new(reply, caller.trace.id())))
}
