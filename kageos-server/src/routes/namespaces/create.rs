use axum::{Json, extract::State, http::StatusCode};
use kageos_core::{Code, Error, ResourcePath, Result, bus::EventBody};

use serde_json::{Value, json};

use crate::{
    caller::Admin,
    extract::Input,
    problem::Answer,
    record::recorded,
    shared::Shared,
    view::View,
    wire::{NamespaceInput, Node},
};

/// Longest title, in characters: that of every node.
const MAX_TITLE: usize = 200;

/// Makes a namespace, for a team.
#[utoipa::path(post, path = "/api/v1/namespaces", tag = "tree", operation_id = "create_namespace", request_body = NamespaceInput, responses((status = 201, body = Node)))]
pub(in crate::routes) async fn create(
    State(shared): State<Shared>,
    Admin(caller): Admin,
    Input(input): Input<NamespaceInput>,
) -> Answer<(StatusCode, Json<Node>)> {
    let path = format!("/{}", input.code).parse().ok().filter(|path: &ResourcePath| path.depth() == 1);
    let path = path.ok_or_else(|| Error::field("/code", "format", "not a code, or reserved"))?;
    let title = title(&input.title)?;
    if shared.platform().tree().snapshot().get(&path).is_some() {
        return Err(Error::new(Code::Conflict, "The namespace is taken.").into());
    }
    let owner = input.owner.unwrap_or(caller.user.id);
    let (platform, at, said) =
        (shared.platform().clone(), path.clone(), json!({ "path": path, "owner": owner }));
    let work = async move {
        if platform.identity().user(owner).await?.is_none() {
            return Err(Error::field("/owner", "unknown", "there is no such user"));
        }
        platform.tree().ensure_namespace(&at, &title, owner).await?;
        platform.events().publish(EventBody::Tree { path: at });
        Ok(((), Value::Null))
    };
    recorded(&shared, &caller, "create_namespace", said, work).await?;
    let view = View::of(&shared, &caller.actor);
    Ok((StatusCode::CREATED, Json(view.show(view.node(&path)?))))
}

/// The title without blanks around it, when it is one.
fn title(text: &str) -> Result<String> {
    let title = text.trim();
    if (1..=MAX_TITLE).contains(&title.chars().count()) && !title.chars().any(char::is_control) {
        return Ok(title.to_owned());
    }
    let message = format!("a title has 1 to {MAX_TITLE} characters and no control characters");
    Err(Error::field("/title", "length", message))
}
