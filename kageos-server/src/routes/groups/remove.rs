use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use serde_json::json;

use crate::{caller::Caller, extract::id, problem::Answer, record::record, shared::Shared};

/// Ends a membership.
#[utoipa::path(delete, path = "/api/v1/groups/{id}/members/{user}", tag = "groups", operation_id = "remove_member", params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
pub(in crate::routes) async fn remove(
    State(shared): State<Shared>,
    caller: Caller,
    Path((group, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    caller.admin()?;
    shared.platform().access().remove_member(id(&group)?, id(&user)?).await?;
    record(&shared, &caller, "remove_member", json!({ "group": group, "user": user })).await?;
    Ok(StatusCode::NO_CONTENT)
}
