use axum::{Json, extract::State};
use kageos_core::GroupId;
use serde_json::{Value, json};

use crate::{
    caller::Admin,
    extract::{Input, Segments, id},
    problem::Answer,
    record::recorded,
    shared::Shared,
    wire::{GroupInput, GroupRef},
};

/// Gives a group another name.
#[utoipa::path(patch, path = "/api/v1/groups/{id}", tag = "groups", operation_id = "rename_group", params(("id" = String, Path)), request_body = GroupInput, responses((status = 200, body = GroupRef)))]
pub(in crate::routes) async fn rename(
    State(shared): State<Shared>,
    Admin(caller): Admin,
    Segments(group): Segments,
    Input(GroupInput { name }): Input<GroupInput>,
) -> Answer<Json<GroupRef>> {
    let id = id::<GroupId>(&group)?;
    let (access, input) = (shared.platform().access().clone(), json!({ "group": id, "name": name }));
    let work = async move {
        let name = access.rename_group(id, &name).await?;
        Ok((GroupRef { id, name }, Value::Null))
    };
    Ok(Json(recorded(&shared, &caller, "rename_group", input, work).await?))
}
