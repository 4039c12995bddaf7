//! Grants with names instead of ids.

use std::collections::HashMap;

use kageos_core::{
    GroupId, NodeId, Result, UserId,
    platform::access::{Grant, Subject},
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
    let named = grants.iter().any(|grant| matches!(grant.subject, Subject::Group(_)));
    let groups = if named { shared.platform().access().groups(None, MAX_LIMIT).await? } else { Vec::new() };
    Ok(Names { users: known, groups: groups.into_iter().map(|group| (group.id, group.name)).collect() })
}
