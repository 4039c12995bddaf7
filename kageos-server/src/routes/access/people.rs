use axum::{Json, extract::State};
use kageos_core::{
    Right,
    platform::{
        access::Group,
        identity::{MAX_EMAIL, User},
    },
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    caller::Caller,
    extract::{self, Params},
    page,
    problem::Answer,
    query,
    shared::Shared,
    view::View,
    wire::{GroupRef, OwnerRef, People},
};

/// Most accounts that are looked at for those who may read.
const MAX_LOOKED_AT: u32 = 500;

/// Whom, and where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// The function or directory at which they are to be named.
    path: String,
    /// What the login or name holds, in any case; everyone without it.
    #[serde(default)]
    q: String,
    /// At most so many of each, up to 500.
    limit: Option<u32>,
}

/// Whom the caller can name at a path: those who may read there, and for who administers it every account and group.
#[utoipa::path(get, path = "/api/v1/people", tag = "access", operation_id = "list_people", params(Which), responses((status = 200, body = People)))]
pub(in crate::routes) async fn people(
    State(shared): State<Shared>,
    caller: Caller,
    Params(which): Params<Which>,
) -> Answer<Json<People>> {
    let view = View::of(&shared, &caller.actor);
    let node = view.node(&extract::path(&which.path)?)?;
    let limit = page::limit(which.limit)?;
    if which.q.chars().count() > MAX_EMAIL || which.q.chars().any(char::is_control) {
        return Err(query::refused("q", format!("q is a line of at most {MAX_EMAIL} characters")).into());
    }
    let (identity, access) = (shared.platform().identity(), shared.platform().access());
    if view.rights(node).contains(Right::Admin) {
        let people = identity.users_named(&which.q, limit).await?;
        let groups = access.groups_named(&which.q, limit).await?;
        let groups = groups.into_iter().map(|Group { id, name, .. }| GroupRef { id, name }).collect();
        return Ok(Json(People { people: people.into_iter().map(account).collect(), groups }));
    }
    let people = identity.users_named(&which.q, MAX_LOOKED_AT).await?;
    let readers = people
        .into_iter()
        .filter(|user| access.rights(&user.actor(), &node.chain, &node.path).contains(Right::Read));
    Ok(Json(People { people: readers.take(limit as usize).map(account).collect(), groups: Vec::new() }))
}

fn account(user: User) -> OwnerRef {
    OwnerRef { id: user.id, login: user.login, name: user.name }
}
