use std::collections::HashMap;

use super::{grants, touch};
use crate::{
    GrantId, NodeId, Role, Timestamp, UserId,
    platform::access::Grant,
    sql::{Row, SqlError, Tx, params},
};

/// The grants and denials to one person that have not run out, oldest first.
///
/// # Errors
/// What the database answers.
pub async fn held(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Vec<Grant>, SqlError> {
    let sql = "SELECT * FROM access_grant WHERE subject_id = ? AND subject_kind = 'user' \
         AND (expires_at IS NULL OR expires_at > ?) ORDER BY id";
    let rows: Vec<Row> = tx.fetch_all(sql, params![user.to_string(), now.as_micros()]).await?;
    rows.iter().map(grants::read).collect()
}

/// Hands the grants to `from` that `may` names over to `to`, and answers all that `from` held with whether it went.
/// A denial stays: it says what somebody may not.
///
/// Where both hold the same role, the grant that lasts longer stays. So every node keeps its owner.
///
/// # Errors
/// What the database answers.
pub async fn transfer(
    tx: &mut Tx,
    from: UserId,
    to: UserId,
    now: Timestamp,
    may: &(dyn Fn(&Grant) -> bool + Send + Sync),
) -> Result<Vec<(Grant, bool)>, SqlError> {
    touch(tx).await?;
    let theirs: HashMap<(NodeId, Role), Grant> = held(tx, to, now)
        .await?
        .into_iter()
        .filter(|grant| !grant.deny)
        .map(|grant| ((grant.node, grant.role), grant))
        .collect();
    let mut all = Vec::new();
    for grant in held(tx, from, now).await? {
        let goes = from != to && !grant.deny && may(&grant);
        if goes {
            hand(tx, &grant, theirs.get(&(grant.node, grant.role)), to).await?;
        }
        all.push((grant, goes));
    }
    Ok(all)
}

async fn hand(tx: &mut Tx, grant: &Grant, theirs: Option<&Grant>, to: UserId) -> Result<(), SqlError> {
    match theirs {
        Some(other) if lasts_longer(other, grant) => return remove(tx, grant.id).await,
        Some(other) => remove(tx, other.id).await?,
        None => {}
    }
    let sql = "UPDATE access_grant SET subject_id = ? WHERE id = ?";
    tx.execute_expect(sql, params![to.to_string(), grant.id.to_string()], 1).await
}

/// Whether `a` lasts at least as long as `b`.
fn lasts_longer(a: &Grant, b: &Grant) -> bool {
    match (a.expires_at, b.expires_at) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(a), Some(b)) => a >= b,
    }
}

async fn remove(tx: &mut Tx, id: GrantId) -> Result<(), SqlError> {
    tx.execute_expect("DELETE FROM access_grant WHERE id = ?", params![id.to_string()], 1).await
}
