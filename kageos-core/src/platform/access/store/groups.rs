use super::{parse, parse_opt, touch};
use crate::{
    Code, Error, GroupId, Timestamp, UserId,
    platform::{
        access::Group,
        identity::{containing, fold},
    },
    sql::{Db, Row, SqlError, Tx, params},
};

/// Makes a group.
///
/// # Errors
/// [`Code::Conflict`] when a group has this name.
pub async fn create_group(tx: &mut Tx, group: &Group) -> Result<(), Error> {
    touch(tx).await?;
    let sql =
        "INSERT INTO access_group (id, name, name_folded, created_at, created_by) VALUES (?, ?, ?, ?, ?)";
    let by = group.created_by.map(|id| id.to_string());
    let values =
        params![group.id.to_string(), &group.name, fold(&group.name), group.created_at.as_micros(), by];
    tx.execute(sql, values).await.map_err(name_taken)?;
    Ok(())
}

/// Gives a group another name.
///
/// # Errors
/// [`Code::Conflict`] when a group has this name, [`Code::NotFound`] when there is no such group.
pub async fn rename_group(tx: &mut Tx, id: GroupId, name: &str) -> Result<(), Error> {
    let sql = "UPDATE access_group SET name = ?, name_folded = ? WHERE id = ?";
    let touched = tx.execute(sql, params![name, fold(name), id.to_string()]).await.map_err(name_taken)?;
    if touched == 1 { Ok(()) } else { Err(no_group()) }
}

/// Removes a group, its memberships and all grants to it.
///
/// # Errors
/// [`Code::NotFound`] when there is no such group.
pub async fn delete_group(tx: &mut Tx, id: GroupId) -> Result<(), Error> {
    touch(tx).await?;
    let id = id.to_string();
    let key = params![id.as_str()];
    tx.execute("DELETE FROM access_grant WHERE subject_kind = 'group' AND subject_id = ?", key).await?;
    tx.execute("DELETE FROM access_member WHERE group_id = ?", key).await?;
    let touched = tx.execute("DELETE FROM access_group WHERE id = ?", key).await?;
    if touched == 1 { Ok(()) } else { Err(no_group()) }
}

/// Makes someone a member; nothing changes when they are one.
///
/// # Errors
/// [`Code::NotFound`] when there is no such group or user.
pub async fn add_member(tx: &mut Tx, group: GroupId, user: UserId, now: Timestamp) -> Result<(), Error> {
    touch(tx).await?;
    let (group, user) = (group.to_string(), user.to_string());
    tx.fetch_optional("SELECT id FROM access_group WHERE id = ?", params![group.as_str()])
        .await?
        .ok_or_else(no_group)?;
    tx.fetch_optional("SELECT id FROM identity_user WHERE id = ?", params![user.as_str()])
        .await?
        .ok_or_else(|| Error::new(Code::NotFound, "There is no such user."))?;
    let key = params![group.as_str(), user.as_str(), now.as_micros()];
    let sql = "SELECT user_id FROM access_member WHERE group_id = ? AND user_id = ?";
    if tx.fetch_optional(sql, &key[..2]).await?.is_none() {
        let sql = "INSERT INTO access_member (group_id, user_id, added_at) VALUES (?, ?, ?)";
        tx.execute_expect(sql, key, 1).await?;
    }
    Ok(())
}

/// Ends a membership; answers whether there was one.
///
/// # Errors
/// What the database answers.
pub async fn remove_member(tx: &mut Tx, group: GroupId, user: UserId) -> Result<bool, SqlError> {
    touch(tx).await?;
    let sql = "DELETE FROM access_member WHERE group_id = ? AND user_id = ?";
    Ok(tx.execute(sql, params![group.to_string(), user.to_string()]).await? == 1)
}

/// Groups by name, at most `limit`, from the one after `after` (a name) on.
///
/// # Errors
/// What the database answers.
pub async fn groups(db: &Db, after: Option<&str>, limit: u32) -> Result<Vec<Group>, SqlError> {
    let sql = "SELECT * FROM access_group WHERE name_folded > ? ORDER BY name_folded LIMIT ?";
    let rows = db.fetch_all(sql, params![after.map(fold).unwrap_or_default(), limit]).await?;
    rows.iter().map(read).collect()
}

/// Groups by name whose name holds `part` in any case, at most `limit`.
///
/// # Errors
/// What the database answers.
pub async fn groups_named(db: &Db, part: &str, limit: u32) -> Result<Vec<Group>, SqlError> {
    let sql = "SELECT * FROM access_group WHERE name_folded LIKE ? ESCAPE '!' ORDER BY name_folded LIMIT ?";
    let rows = db.fetch_all(sql, params![containing(part), limit]).await?;
    rows.iter().map(read).collect()
}

/// The members of a group in the order of their ids, at most `limit`, from the one after `after` on.
///
/// # Errors
/// What the database answers.
pub async fn members(
    db: &Db,
    group: GroupId,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserId>, SqlError> {
    let sql = "SELECT user_id FROM access_member WHERE group_id = ? AND user_id > ? ORDER BY user_id LIMIT ?";
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows = db.fetch_all(sql, params![group.to_string(), after, limit]).await?;
    rows.iter().map(|row| parse(row, "user_id")).collect()
}

fn read(row: &Row) -> Result<Group, SqlError> {
    Ok(Group {
        id: parse(row, "id")?,
        name: row.text("name")?.to_owned(),
        created_at: Timestamp::from_micros(row.int("created_at")?),
        created_by: parse_opt(row, "created_by")?,
    })
}

fn name_taken(error: SqlError) -> Error {
    if error.is_unique_violation() {
        Error::new(Code::Conflict, "A group has this name already.").caused_by(error)
    } else {
        error.into()
    }
}

fn no_group() -> Error {
    Error::new(Code::NotFound, "There is no such group.")
}
