use axum::{extract::State, http::StatusCode};
use kageos_core::GroupId;
use serde_json::{Value, json};

use crate::{
    caller::Admin,
    extract::{Segments, id},
    problem::Answer,
    record::recorded,
    shared::Shared,
};

/// Removes a group, with its memberships and the grants to it.
#[utoipa::path(delete, path = "/api/v1/groups/{id}", tag = "groups", operation_id = "delete_group", params(("id" = String, Path)), responses((status = 204)))]
pub(in crate::routes) async fn delete(
    State(shared): State<Shared>,
    Admin(caller): Admin,
    Segments(group): Segments,
) -> Answer<StatusCode> {
    let id = id::<GroupId>(&group)?;
    let (access, input) = (shared.platform().access().clone(), json!({ "group": id }));
    let work = async move {
        access.delete_group(id).await?;
        Ok(((), Value::Null))
    };
    recorded(&shared, &caller, "delete_group", input, work).await?;
    Ok(StatusCode::NO_CONTENT)
}
