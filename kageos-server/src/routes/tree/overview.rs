use std::sync::Arc;

use axum::{Json, extract::State};
use kageos_core::{
    NodeId,
    platform::tree::{Node, NodeKind},
};

use crate::{caller::Caller, extract::At, problem::Answer, shared::Shared, view::View, wire::Overview};

/// What a node and everything below it hold and how they are used, as far as the caller may see them.
#[utoipa::path(get, path = "/api/v1/overview/{path}", tag = "tree", operation_id = "overview", params(("path" = String, Path, description = "The path without its first slash")), responses((status = 200, body = Overview)))]
pub(in crate::routes) async fn overview(
    State(shared): State<Shared>,
    caller: Caller,
    At(path): At,
) -> Answer<Json<Overview>> {
    let nodes = {
        let view = View::of(&shared, &caller.actor);
        let mut nodes = view.tree().subtree(view.node(&path)?);
        nodes.retain(|node| view.sees(node));
        nodes
    };
    let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
    let figures = shared.platform().usage().figures(&ids).await?;
    let rows = shared.platform().dispatcher().row_count(&nodes).await;
    let docs = count(&nodes, |kind| kind == NodeKind::Docs);
    let functions = count(&nodes, |kind| {
        matches!(kind, NodeKind::Form | NodeKind::Table | NodeKind::Chart | NodeKind::Fn)
    });
    Ok(Json(Overview::new(functions, docs, rows, &figures)))
}

fn count(nodes: &[Arc<Node>], is: impl Fn(NodeKind) -> bool) -> u64 {
    nodes.iter().filter(|node| is(node.kind)).count() as u64
}
