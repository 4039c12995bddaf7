use axum::{Json, extract::State, http::StatusCode};
use kageos_core::{Code, Error, ResourcePath, bus::EventBody};

use serde_json::json;

use crate::{
    caller::Caller,
    extract::Input,
    problem::Answer,
    record::record,
    shared::Shared,
    view::View,
    wire::{NamespaceInput, Node},
};

/// Makes a namespace, for a team.
#[utoipa::path(post, path = "/api/v1/namespaces", tag = "tree", operation_id = "create_namespace", request_body = NamespaceInput, responses((status = 201, body = Node)))]
pub(in crate::routes) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    Input(input): Input<NamespaceInput>,
) -> Answer<(StatusCode, Json<Node>)> {
    caller.admin()?;
    let path = format!("/{}", input.code).parse().ok().filter(|path: &ResourcePath| path.depth() == 1);
    let path = path.ok_or_else(|| Error::field("/code", "format", "not a code, or reserved"))?;
    let tree = shared.platform().tree();
    if tree.snapshot().get(&path).is_some() {
        return Err(Error::new(Code::Conflict, "The namespace is taken.").into());
    }
    tree.ensure_namespace(&path, &input.title, input.owner.unwrap_or(caller.user.id)).await?;
    record(&shared, &caller, "create_namespace", json!({ "path": path, "owner": input.owner })).await?;
    shared.platform().events().publish(EventBody::Tree { path: path.clone() });
    let view = View::of(&shared, &caller.actor);
    Ok((StatusCode::CREATED, Json(view.show(view.node(&path)?))))
}
