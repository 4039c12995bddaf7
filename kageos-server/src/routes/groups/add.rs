use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use kageos_core::{GroupId, UserId};
use serde_json::{Value, json};

use crate::{caller::Admin, extract::id, problem::Answer, record::recorded, shared::Shared};

/// Makes someone a member of a group.
#[utoipa::path(put, path = "/api/v1/groups/{id}/members/{user}", tag = "groups", operation_id = "add_member", params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
pub(in crate::routes) async fn add(
    State(shared): State<Shared>,
    Admin(caller): Admin,
    Path((group, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let (group, user) = (id::<GroupId>(&group)?, id::<UserId>(&user)?);
    let (access, input) = (shared.platform().access().clone(), json!({ "group": group, "user": user }));
    let work = async move { Ok((access.add_member(group, user).await?, Value::Null)) };
    recorded(&shared, &caller, "add_member", input, work).await?;
    Ok(StatusCode::NO_CONTENT)
}
