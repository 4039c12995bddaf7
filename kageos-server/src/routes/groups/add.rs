use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use serde_json::json;

use crate::{caller::Caller, extract::id, problem::Answer, record::record, shared::Shared};

/// Makes someone a member of a group.
#[utoipa::path(put, path = "/api/v1/groups/{id}/members/{user}", tag = "groups", operation_id = "add_member", params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
pub(in crate::routes) async fn add(
    State(shared): State<Shared>,
    caller: Caller,
    Path((group, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    caller.admin()?;
    shared.platform().access().add_member(id(&group)?, id(&user)?).await?;
    record(&shared, &caller, "add_member", json!({ "group": group, "user": user })).await?;
    Ok(StatusCode::NO_CONTENT)
}
