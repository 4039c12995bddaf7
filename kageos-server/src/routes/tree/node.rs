use axum::{Json, extract::State};
use kageos_core::{Role, UserId, platform::access::Subject, platform::tree::Node};

use crate::{
    caller::Caller,
    extract::At,
    problem::Answer,
    shared::Shared,
    view::View,
    wire::{AttachedApp, Function, NodeDetail, OwnerRef},
};

/// Most grants along a path among which the owner is looked for.
const MAX_GRANTS: usize = 10_000;

/// A node with all that its screen needs: what it does, what the caller may do, who answers for it.
#[utoipa::path(get, path = "/api/v1/node/{path}", tag = "tree", params(("path" = String, Path, description = "The path without its first slash")), responses((status = 200, body = NodeDetail)))]
pub(in crate::routes) async fn node(
    State(shared): State<Shared>,
    caller: Caller,
    At(path): At,
) -> Answer<Json<NodeDetail>> {
    let view = View::of(&shared, &caller.actor);
    let node = view.node(&path)?;
    let function = shared.platform().mounts().function(node).zip(path.workspace());
    Ok(Json(NodeDetail {
        node: view.show(node),
        rights: view.rights(node),
        owner: owner(&shared, node).await?,
        attached: attached(&shared, node).await?,
        function: function.map(|(it, workspace)| Function::new(it.schema(), it.hash(), &workspace)),
    }))
}

/// The nearest person or service account to whom the path belongs.
async fn owner(shared: &Shared, node: &Node) -> kageos_core::Result<Option<OwnerRef>> {
    let grants = shared.platform().access().grants_on(&node.chain, None, MAX_GRANTS);
    let owners = grants.iter().rev().filter(|grant| grant.role == Role::Owner && !grant.deny);
    let Some(id) = owners
        .filter_map(|grant| match grant.subject {
            Subject::User(id) => Some(id),
            _ => None,
        })
        .next()
    else {
        return Ok(None);
    };
    named(shared, id).await
}

/// Who has attached the app of the workspace that a node lies in.
async fn attached(shared: &Shared, node: &Node) -> kageos_core::Result<Option<AttachedApp>> {
    let workspace = node.chain.get(1);
    let found = shared.0.runtime.as_ref().zip(workspace).and_then(|(runtime, id)| runtime.attached(*id));
    let Some((user, live)) = found else { return Ok(None) };
    Ok(named(shared, user).await?.map(|by| AttachedApp { by, live }))
}

async fn named(shared: &Shared, id: UserId) -> kageos_core::Result<Option<OwnerRef>> {
    let mut names = shared.platform().identity().names(&[id]).await?;
    Ok(names.remove(&id).map(|(login, name)| OwnerRef { id, login, name }))
}
