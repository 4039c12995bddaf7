use axum::{Json, extract::State};
use kageos_core::ResourcePath;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    caller::Caller,
    extract::{self, Params},
    page,
    problem::Answer,
    shared::Shared,
    view::View,
    wire::NodeList,
};

/// Which nodes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// The directory; absent or `/` for where the caller's part of the tree begins.
    path: Option<String>,
    /// At most so many, up to 500.
    limit: Option<u32>,
    /// Where the page before ended.
    next: Option<String>,
}

/// The nodes below a directory that the caller may see, in the order of their paths.
#[utoipa::path(get, path = "/api/v1/tree", tag = "tree", operation_id = "list_nodes", params(Which), responses((status = 200, body = NodeList)))]
pub(in crate::routes) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Params(which): Params<Which>,
) -> Answer<Json<NodeList>> {
    let view = View::of(&shared, &caller.actor);
    let after: Option<ResourcePath> = page::cursor(which.next.as_deref())?;
    let nodes = match which.path.as_deref() {
        None | Some("/") => view.roots(),
        Some(path) => view.children(view.node(&extract::path(path)?)?).collect(),
    };
    let rest = nodes.into_iter().filter(|node| after.as_ref().is_none_or(|after| node.path > *after));
    let (nodes, next) = page::cut(rest, page::limit(which.limit)?, |node| node.path.to_string());
    Ok(Json(NodeList { items: nodes.into_iter().map(|node| view.show(node)).collect(), next }))
}
