use axum::{Json, extract::State};
use kageos_core::{Result, platform::access};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    caller::Caller,
    extract::Params,
    page,
    problem::Answer,
    shared::Shared,
    wire::{Group, GroupList, OwnerRef},
};

/// Which groups.
#[derive(Debug, Deserialize, IntoParams)]
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
    caller: Caller,
    Params(which): Params<Which>,
) -> Answer<Json<GroupList>> {
    caller.admin()?;
    let limit = page::limit(which.limit)?;
    let groups = shared.platform().access().groups(which.next.as_deref(), limit + 1).await?;
    let (groups, next) = page::cut(groups.into_iter(), limit, |group| group.name.clone());
    let mut items = Vec::with_capacity(groups.len());
    for group in groups {
        items.push(show(&shared, group).await?);
    }
    Ok(Json(GroupList { items, next }))
}

/// A group with its members by name.
async fn show(shared: &Shared, group: access::Group) -> Result<Group> {
    let members = shared.platform().access().members(group.id, None, page::MAX_LIMIT).await?;
    let names = shared.platform().identity().names(&members).await?;
    let known = names.into_iter().map(|(id, (login, name))| OwnerRef { id, login, name });
    let mut members: Vec<OwnerRef> = known.collect();
    members.sort_by(|one, other| one.login.cmp(&other.login));
    Ok(Group { id: group.id, name: group.name, members })
}
