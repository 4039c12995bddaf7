use axum::{Json, extract::State};
use kageos_core::{
    ActionName, Actor, Code, Error, Result, Right, Rights, UserId,
    platform::files::{is_about_files, right_of},
    platform::tree::{Node, directory_actions},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::show;
use crate::{
    caller::Caller,
    extract::{self, Params, id},
    problem::Answer,
    shared::Shared,
    view::View,
    wire::Explanation,
};

/// Who, what and where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// The function or directory.
    path: String,
    /// The action.
    action: String,
    /// The account; absent for the caller.
    user: Option<String>,
}

/// Whether an account may do something, and which grant decides. About others only administrators of the path ask.
#[utoipa::path(get, path = "/api/v1/access/explain", tag = "access", params(Which), responses((status = 200, body = Explanation)))]
pub(in crate::routes) async fn explain(
    State(shared): State<Shared>,
    caller: Caller,
    Params(which): Params<Which>,
) -> Answer<Json<Explanation>> {
    let view = View::of(&shared, &caller.actor);
    let node = view.node(&extract::path(&which.path)?)?;
    let right = right(&shared, node, &which.action)?;
    let actor = actor(&shared, &view, node, &caller, which.user.as_deref()).await?;
    let access = shared.platform().access();
    let found = access.explain(&actor, right, &node.chain, &node.path);
    let known = access.snapshot();
    let deciding = found.deciding.and_then(|id| known.grant(&node.chain, id).cloned());
    let deciding = deciding.filter(|grant| show::may_see(&view, &known, &caller.actor, node, grant));
    let grant = show::grants(&shared, &view, node.id, deciding.as_slice()).await?.pop();
    let reason = found.reason.to_string();
    Ok(Json(Explanation { allowed: found.allowed, right: found.right, reason, grant }))
}

fn right(shared: &Shared, node: &Node, action: &str) -> Result<Right> {
    let unknown = || Error::of(Code::UnknownAction);
    let action = ActionName::new(action).ok_or_else(unknown)?;
    if is_about_files(&action) {
        return Ok(right_of(&action, node.path.kind(), Rights::EVERY));
    }
    let known = match shared.platform().mounts().function(node) {
        Some(function) => function.action(&action).map(|action| action.schema().right),
        None => {
            let added = shared.platform().dispatcher().workspace_actions();
            directory_actions().iter().chain(&added).find(|one| one.name == action).map(|one| one.right)
        }
    };
    known.ok_or_else(unknown)
}

async fn actor(
    shared: &Shared,
    view: &View<'_>,
    node: &Node,
    caller: &Caller,
    user: Option<&str>,
) -> Result<Actor> {
    let Some(user) = user else { return Ok(caller.actor.clone()) };
    let user: UserId = id(user)?;
    if user == caller.user.id {
        return Ok(caller.actor.clone());
    }
    if !view.rights(node).contains(Right::Admin) {
        return Err(Error::of(Code::Forbidden));
    }
    let user = shared.platform().identity().user(user).await?;
    user.map(|user| user.actor()).ok_or_else(|| Error::new(Code::NotFound, "There is no such user."))
}
