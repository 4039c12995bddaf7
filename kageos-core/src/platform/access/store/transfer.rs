use std::collections::HashMap;

use super::{grants, touch};
use crate::{
    GrantId, NodeId, UserId,
    platform::access::Grant,
    sql::{Row, SqlError, Tx, params},
};

const OWNED: &str = "SELECT * FROM access_grant \
     WHERE subject_id = ? AND subject_kind = 'user' AND role = 'owner' AND deny = 0 ORDER BY id";

/// The grants that make someone an owner: what [`transfer`] would hand over.
///
/// # Errors
/// What the database answers.
pub async fn owned(tx: &mut Tx, user: UserId) -> Result<Vec<Grant>, SqlError> {
    let rows: Vec<Row> = tx.fetch_all(OWNED, params![user.to_string()]).await?;
    rows.iter().map(grants::read).collect()
}

/// Hands all that `from` owns over to `to` and answers the grants as they were.
///
/// Where both own, the grant that lasts longer stays.
///
/// # Errors
/// What the database answers.
pub async fn transfer(tx: &mut Tx, from: UserId, to: UserId) -> Result<Vec<Grant>, SqlError> {
    if from == to {
        return Ok(Vec::new());
    }
    touch(tx).await?;
    let handed = owned(tx, from).await?;
    let theirs: HashMap<NodeId, Grant> =
        owned(tx, to).await?.into_iter().map(|grant| (grant.node, grant)).collect();
    let receiver = to.to_string();
    for grant in &handed {
        let outlived = theirs.get(&grant.node).map(|other| (other.id, lasts_longer(other, grant)));
        if let Some((other, longer)) = outlived {
            remove(tx, if longer { grant.id } else { other }).await?;
            if longer {
                continue;
            }
        }
        let sql = "UPDATE access_grant SET subject_id = ? WHERE id = ?";
        tx.execute_expect(sql, params![receiver.as_str(), grant.id.to_string()], 1).await?;
    }
    Ok(handed)
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
