use std::collections::HashMap;

use super::{grants, parse};
use crate::{
    UserId,
    platform::access::{AccessSnapshot, Standing},
    sql::{Db, SqlError, Tx, params},
};

const GENERATION: &str = "SELECT generation FROM access_state WHERE id = 1";

/// Which state of access the database holds.
pub(in super::super) async fn generation(db: &Db) -> Result<i64, SqlError> {
    db.fetch_one(GENERATION, params![]).await?.int("generation")
}

/// Everything that decisions need, from one unchanging state of the database.
pub(in super::super) async fn load(db: &Db) -> Result<AccessSnapshot, SqlError> {
    db.read(|tx| Box::pin(load_in(tx))).await
}

async fn load_in(tx: &mut Tx) -> Result<AccessSnapshot, SqlError> {
    let generation = tx.fetch_one(GENERATION, params![]).await?.int("generation")?;
    let rows = tx.fetch_all("SELECT * FROM access_grant", params![]).await?;
    let grants = rows.iter().map(grants::read).collect::<Result<Vec<_>, _>>()?;
    Ok(AccessSnapshot::new(generation, grants, people(tx).await?))
}

/// The accounts that are more, less or together with others. The flags are columns of identity, read here so
/// that one state holds all.
async fn people(tx: &mut Tx) -> Result<HashMap<UserId, Standing>, SqlError> {
    let mut people: HashMap<UserId, Standing> = HashMap::new();
    for row in tx.fetch_all("SELECT group_id, user_id FROM access_member", params![]).await? {
        people.entry(parse(&row, "user_id")?).or_default().groups.push(parse(&row, "group_id")?);
    }
    let sql = "SELECT id, admin, disabled FROM identity_user WHERE admin = 1 OR disabled = 1";
    for row in tx.fetch_all(sql, params![]).await? {
        let standing = people.entry(parse(&row, "id")?).or_default();
        standing.admin = row.bool("admin")?;
        standing.disabled = row.bool("disabled")?;
    }
    Ok(people)
}
