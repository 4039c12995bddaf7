use super::{parse, parse_opt, touch};
use crate::{
    Code, Error, GrantId, NodeId, Role, Timestamp,
    platform::access::{Grant, NewGrant, Subject},
    sql::{Row, SqlError, Tx, params},
};

/// Most grants on one node: more people than that are a group.
pub const MAX_GRANTS_PER_NODE: i64 = 1_000;

/// Makes a grant. One that says the same and has run out makes room for it.
///
/// # Errors
/// [`Code::Conflict`] when the same grant stands already or the node has too many,
/// [`Code::InvalidInput`] for a subject that does not exist or an end that has passed.
pub async fn grant(tx: &mut Tx, id: GrantId, new: &NewGrant, now: Timestamp) -> Result<Grant, Error> {
    touch(tx).await?;
    check(tx, new, now).await?;
    make_room(tx, new, now).await?;
    let grant = Grant {
        id,
        node: new.node,
        subject: new.subject,
        role: new.role,
        deny: new.deny,
        expires_at: new.expires_at,
        created_at: now,
        created_by: new.created_by,
    };
    insert(tx, &grant).await?;
    Ok(grant)
}

async fn check(tx: &mut Tx, new: &NewGrant, now: Timestamp) -> Result<(), Error> {
    if new.expires_at.is_some_and(|end| end <= now) {
        return Err(Error::field("/expires_at", "past", "a grant ends in the future"));
    }
    let found = match new.subject {
        Subject::User(id) => {
            tx.fetch_optional("SELECT id FROM identity_user WHERE id = ?", params![id.to_string()]).await?
        }
        Subject::Group(id) => {
            tx.fetch_optional("SELECT id FROM access_group WHERE id = ?", params![id.to_string()]).await?
        }
        Subject::Everyone => return Ok(()),
    };
    found.map(drop).ok_or_else(|| Error::field("/subject", "unknown", "there is no such user or group"))
}

/// Clears what ran out, and refuses a repetition or one too many. The state row, already touched, is locked,
/// so nobody else grants meanwhile.
async fn make_room(tx: &mut Tx, new: &NewGrant, now: Timestamp) -> Result<(), Error> {
    let node = new.node.to_string();
    let (kind, subject) = subject_columns(new.subject);
    let same = "node_id = ? AND subject_kind = ? AND subject_id = ? AND role = ? AND deny = ?";
    let key = params![node.as_str(), kind, subject.as_str(), new.role.as_str(), new.deny, now.as_micros()];
    tx.execute(format!("DELETE FROM access_grant WHERE {same} AND expires_at <= ?"), key).await?;
    let found = tx.fetch_optional(format!("SELECT id FROM access_grant WHERE {same}"), &key[..5]).await?;
    if found.is_some() {
        return Err(Error::new(Code::Conflict, "This grant stands here already."));
    }
    let count = tx
        .fetch_one("SELECT COUNT(*) AS n FROM access_grant WHERE node_id = ?", params![node.as_str()])
        .await?
        .int("n")?;
    if count >= MAX_GRANTS_PER_NODE {
        let message = format!("A place has at most {MAX_GRANTS_PER_NODE} grants; use groups.");
        return Err(Error::new(Code::Conflict, message));
    }
    Ok(())
}

async fn insert(tx: &mut Tx, grant: &Grant) -> Result<(), SqlError> {
    let (kind, subject) = subject_columns(grant.subject);
    tx.execute_expect(
        "INSERT INTO access_grant \
         (id, node_id, subject_kind, subject_id, role, deny, expires_at, created_at, created_by) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            grant.id.to_string(),
            grant.node.to_string(),
            kind,
            subject,
            grant.role.as_str(),
            grant.deny,
            grant.expires_at.map(Timestamp::as_micros),
            grant.created_at.as_micros(),
            grant.created_by.map(|id| id.to_string())
        ],
        1,
    )
    .await
}

/// Revokes a grant and answers what it was; `None` when there is none.
///
/// # Errors
/// What the database answers.
pub async fn revoke(tx: &mut Tx, id: GrantId) -> Result<Option<Grant>, SqlError> {
    let id = id.to_string();
    touch(tx).await?;
    let row = tx.fetch_optional("SELECT * FROM access_grant WHERE id = ?", params![id.as_str()]).await?;
    let Some(grant) = row.as_ref().map(read).transpose()? else { return Ok(None) };
    tx.execute_expect("DELETE FROM access_grant WHERE id = ?", params![id.as_str()], 1).await?;
    Ok(Some(grant))
}

/// Removes every grant on a node that is removed for good, and answers how many there were.
///
/// # Errors
/// What the database answers.
pub async fn forget_node(tx: &mut Tx, node: NodeId) -> Result<u64, SqlError> {
    touch(tx).await?;
    tx.execute("DELETE FROM access_grant WHERE node_id = ?", params![node.to_string()]).await
}

/// The subject as it stands in the table.
pub(super) fn subject_columns(subject: Subject) -> (&'static str, String) {
    match subject {
        Subject::User(id) => ("user", id.to_string()),
        Subject::Group(id) => ("group", id.to_string()),
        Subject::Everyone => ("everyone", String::new()),
    }
}

pub(super) fn read(row: &Row) -> Result<Grant, SqlError> {
    let subject = match row.text("subject_kind")? {
        "user" => Subject::User(parse(row, "subject_id")?),
        "group" => Subject::Group(parse(row, "subject_id")?),
        "everyone" => Subject::Everyone,
        _ => return Err(unreadable("subject_kind", "a kind of subject")),
    };
    Ok(Grant {
        id: parse(row, "id")?,
        node: parse(row, "node_id")?,
        subject,
        role: Role::parse(row.text("role")?).ok_or_else(|| unreadable("role", "a role"))?,
        deny: row.bool("deny")?,
        expires_at: row.opt_int("expires_at")?.map(Timestamp::from_micros),
        created_at: Timestamp::from_micros(row.int("created_at")?),
        created_by: parse_opt(row, "created_by")?,
    })
}

fn unreadable(column: &str, expected: &'static str) -> SqlError {
    SqlError::ColumnType { name: column.to_owned(), expected }
}
