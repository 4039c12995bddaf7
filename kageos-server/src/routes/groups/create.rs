use axum::{Json, extract::State, http::StatusCode};

use serde_json::json;

use crate::{
    caller::Admin,
    extract::Input,
    problem::Answer,
    record::recorded,
    shared::Shared,
    wire::{Group, GroupInput},
};

/// Makes a group.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", operation_id = "create_group", request_body = GroupInput, responses((status = 201, body = Group)))]
pub(in crate::routes) async fn create(
    State(shared): State<Shared>,
    Admin(caller): Admin,
    Input(input): Input<GroupInput>,
) -> Answer<(StatusCode, Json<Group>)> {
    let (access, by, said) =
        (shared.platform().access().clone(), caller.user.id, json!({ "name": input.name }));
    let work = async move {
        let group = access.create_group(&input.name, Some(by)).await?;
        let made = json!({ "id": group.id });
        Ok((group, made))
    };
    let group = recorded(&shared, &caller, "create_group", said, work).await?;
    Ok((StatusCode::CREATED, Json(Group { id: group.id, name: group.name, members: Vec::new() })))
}
