use axum::{Json, extract::State};
use kageos_core::GrantId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::show;
use crate::{
    caller::Caller,
    extract::{self, Params},
    page,
    problem::Answer,
    shared::Shared,
    view::View,
    wire::GrantList,
};

/// Where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// The function or directory.
    path: String,
    /// At most so many, up to 500.
    limit: Option<u32>,
    /// Where the page before ended.
    next: Option<String>,
}

/// The grants that hold at a path: its own, and of those it inherits the caller's and what they administer.
#[utoipa::path(get, path = "/api/v1/access", tag = "access", operation_id = "list_grants", params(Which), responses((status = 200, body = GrantList)))]
pub(in crate::routes) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Params(which): Params<Which>,
) -> Answer<Json<GrantList>> {
    let view = View::of(&shared, &caller.actor);
    let node = view.node(&extract::path(&which.path)?)?;
    let limit = page::limit(which.limit)?;
    let after: Option<GrantId> = page::cursor(which.next.as_deref())?;
    let access = shared.platform().access().snapshot();
    let mut rest = access.grants(&node.chain);
    if let Some(after) = after {
        rest.find(|grant| grant.id == after);
    }
    let shown = rest.filter(|grant| show::may_see(&view, &access, &caller.actor, node, grant)).cloned();
    let (grants, next) = page::cut(shown, limit, |grant| grant.id.to_string());
    Ok(Json(GrantList { items: show::grants(&shared, &view, node.id, &grants).await?, next }))
}
