//! Grants with names instead of ids.

use std::collections::{BTreeSet, HashMap};

use kageos_core::{
    Actor, GroupId, NodeId, Result, Right, UserId,
    platform::{
        access::{AccessSnapshot, Grant, Principal, Subject},
        tree::Node,
    },
};

use crate::{
    page::MAX_LIMIT,
    shared::Shared,
    view::View,
    wire::{self, GrantSubject},
};

/// What the ids in grants are called.
struct Names {
    users: HashMap<UserId, (String, String)>,
    groups: HashMap<GroupId, String>,
}

/// Whether the actor may know a grant that holds at `node`: one made there, one for themselves, or one further up where
/// they are administrators.
pub(super) fn may_see(
    view: &View<'_>,
    access: &AccessSnapshot,
    actor: &Actor,
    node: &Node,
    grant: &Grant,
) -> bool {
    let theirs = match (grant.subject, access.principal(actor)) {
        (Subject::User(id), _) => actor.id == Some(id),
        (Subject::Group(id), Principal::Member { groups, .. }) => groups.contains(&id),
        (Subject::Group(_), _) => false,
        (Subject::Everyone, _) => true,
    };
    let above = || view.tree().by_id(grant.node);
    grant.node == node.id
        || theirs
        || above().is_some_and(|node| view.sees(node) && view.rights(node).contains(Right::Admin))
}

/// Grants that hold at `node`, as the API shows them.
pub(super) async fn grants(
    shared: &Shared,
    view: &View<'_>,
    node: NodeId,
    grants: &[Grant],
) -> Result<Vec<wire::Grant>> {
    let names = names(shared, grants).await?;
    Ok(grants.iter().map(|grant| show(view, &names, node, grant)).collect())
}

fn show(view: &View<'_>, names: &Names, node: NodeId, grant: &Grant) -> wire::Grant {
    let user = |id: &UserId| names.users.get(id);
    let subject = match grant.subject {
        Subject::User(id) => (id.to_string(), user(&id).map(|(_, name)| name.clone())),
        Subject::Group(id) => (id.to_string(), names.groups.get(&id).cloned()),
        Subject::Everyone => (String::new(), None),
    };
    let kind = match grant.subject {
        Subject::User(_) => "user",
        Subject::Group(_) => "group",
        Subject::Everyone => "everyone",
    };
    let created_by = grant.created_by.as_ref().and_then(user).map(|(login, _)| login.clone());
    wire::Grant {
        id: grant.id,
        path: view.tree().by_id(grant.node).map(|node| node.path.to_string()).unwrap_or_default(),
        subject: GrantSubject { kind: kind.to_owned(), id: subject.0, name: subject.1.unwrap_or_default() },
        role: grant.role,
        deny: grant.deny,
        expires_at: grant.expires_at,
        inherited: grant.node != node,
        created_at: grant.created_at,
        created_by: created_by.unwrap_or_else(|| "system".to_owned()),
    }
}

async fn names(shared: &Shared, grants: &[Grant]) -> Result<Names> {
    let mut users: Vec<UserId> = grants.iter().filter_map(|grant| grant.created_by).collect();
    users.extend(grants.iter().filter_map(|grant| match grant.subject {
        Subject::User(id) => Some(id),
        _ => None,
    }));
    users.sort_unstable();
    users.dedup();
    let mut known = HashMap::with_capacity(users.len());
    for part in users.chunks(MAX_LIMIT as usize) {
        known.extend(shared.platform().identity().names(part).await?);
    }
    let named = grants.iter().filter_map(|grant| match grant.subject {
        Subject::Group(id) => Some(id),
        _ => None,
    });
    Ok(Names { users: known, groups: groups(shared, named.collect()).await? })
}

/// The names of groups, looked for until all are found.
async fn groups(shared: &Shared, mut wanted: BTreeSet<GroupId>) -> Result<HashMap<GroupId, String>> {
    let mut found = HashMap::with_capacity(wanted.len());
    let mut after: Option<String> = None;
    while !wanted.is_empty() {
        let page = shared.platform().access().groups(after.as_deref(), MAX_LIMIT).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        found.extend(page.into_iter().filter(|group| wanted.remove(&group.id)).map(|it| (it.id, it.name)));
    }
    Ok(found)
}
