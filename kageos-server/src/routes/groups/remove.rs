use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use kageos_core::{GroupId, UserId};
use serde_json::{Value, json};

use crate::{caller::Admin, extract::id, problem::Answer, record::recorded, shared::Shared};

/// Ends a membership.
#[utoipa::path(delete, path = "/api/v1/groups/{id}/members/{user}", tag = "groups", operation_id = "remove_member", params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
pub(in crate::routes) async fn remove(
    State(shared): State<Shared>,
    Admin(caller): Admin,
    Path((group, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let (group, user) = (id::<GroupId>(&group)?, id::<UserId>(&user)?);
    let (access, input) = (shared.platform().access().clone(), json!({ "group": group, "user": user }));
    let work = async move { Ok((access.remove_member(group, user).await?, Value::Null)) };
    recorded(&shared, &caller, "remove_member", input, work).await?;
    Ok(StatusCode::NO_CONTENT)
}
