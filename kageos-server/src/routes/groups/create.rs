use axum::{Json, extract::State, http::StatusCode};

use serde_json::json;

use crate::{
    caller::Caller,
    extract::Input,
    problem::Answer,
    record::record,
    shared::Shared,
    wire::{Group, GroupInput},
};

/// Makes a group.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", operation_id = "create_group", request_body = GroupInput, responses((status = 201, body = Group)))]
pub(in crate::routes) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    Input(input): Input<GroupInput>,
) -> Answer<(StatusCode, Json<Group>)> {
    caller.admin()?;
    let group = shared.platform().access().create_group(&input.name, Some(caller.user.id)).await?;
    record(&shared, &caller, "create_group", json!({ "id": group.id, "name": group.name })).await?;
    Ok((StatusCode::CREATED, Json(Group { id: group.id, name: group.name, members: Vec::new() })))
}
