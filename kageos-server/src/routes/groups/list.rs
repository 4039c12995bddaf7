use std::collections::{BTreeSet, HashMap};

use axum::{Json, extract::State};
use kageos_core::{Result, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    caller::Admin,
    extract::Params,
    page,
    problem::Answer,
    shared::Shared,
    wire::{Group, GroupList, OwnerRef},
};

/// Which groups.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// At most so many, up to 500.
    limit: Option<u32>,
    /// Where the page before ended.
    next: Option<String>,
}

/// Groups by name, each with its first 500 members.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", operation_id = "list_groups", params(Which), responses((status = 200, body = GroupList)))]
pub(in crate::routes) async fn list(
    State(shared): State<Shared>,
    _: Admin,
    Params(which): Params<Which>,
) -> Answer<Json<GroupList>> {
    let (limit, after) = (page::limit(which.limit)?, page::text(which.next.as_deref())?);
    let groups = shared.platform().access().groups(after, limit + 1).await?;
    let (groups, next) = page::cut(groups.into_iter(), limit, |group| group.name.clone());
    let mut members = shared.platform().access().snapshot().members();
    let members: Vec<Vec<UserId>> = groups.iter().map(|group| first(members.remove(&group.id))).collect();
    let names = names(&shared, &members).await?;
    let items = groups.into_iter().zip(members).map(|(group, members)| {
        let known = members.iter().filter_map(|id| Some((*id, names.get(id)?.clone())));
        let mut members: Vec<_> = known.map(|(id, (login, name))| OwnerRef { id, login, name }).collect();
        members.sort_by(|one, other| one.login.cmp(&other.login));
        Group { id: group.id, name: group.name, members }
    });
    Ok(Json(GroupList { items: items.collect(), next }))
}

fn first(members: Option<Vec<UserId>>) -> Vec<UserId> {
    let mut members = members.unwrap_or_default();
    members.sort_unstable();
    members.truncate(page::MAX_LIMIT as usize);
    members
}

/// Login and name of everyone in the groups, each asked for once.
async fn names(shared: &Shared, groups: &[Vec<UserId>]) -> Result<HashMap<UserId, (String, String)>> {
    let ids: BTreeSet<UserId> = groups.iter().flatten().copied().collect();
    let ids: Vec<UserId> = ids.into_iter().collect();
    shared.platform().identity().names(&ids).await
}
