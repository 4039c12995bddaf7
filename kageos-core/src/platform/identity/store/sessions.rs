use super::{parse, users};
use crate::{
    SessionId, Timestamp, UserId,
    platform::identity::{
        Session, User,
        credential::{MAX_SESSIONS, SESSION_IDLE},
    },
    sql::{Db, Row, SqlError, Tx, params},
};

/// Writes a session, in place of those that ran out and, when there are too many, of the one used longest ago.
pub(in super::super) async fn insert_session(
    tx: &mut Tx,
    user: UserId,
    session: &Session,
    digest: &str,
) -> Result<(), SqlError> {
    let (user, now) = (user.to_string(), session.created_at);
    let sql = "DELETE FROM identity_session WHERE user_id = ? AND (expires_at <= ? OR seen_at <= ?)";
    tx.execute(sql, params![user.as_str(), now.as_micros(), idle_since(now)]).await?;
    let sql =
        "SELECT id FROM identity_session WHERE user_id = ? ORDER BY seen_at DESC, id DESC LIMIT 1 OFFSET ?";
    let surplus = tx.fetch_optional(sql, params![user.as_str(), MAX_SESSIONS - 1]).await?;
    if let Some(row) = surplus {
        tx.execute("DELETE FROM identity_session WHERE id = ?", params![row.text("id")?]).await?;
    }
    let sql = "INSERT INTO identity_session (id, user_id, digest, client, created_at, seen_at, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)";
    let values = params![
        session.id.to_string(),
        user.as_str(),
        digest,
        session.client.as_deref(),
        now.as_micros(),
        now.as_micros(),
        session.expires_at.as_micros()
    ];
    tx.execute_expect(sql, values, 1).await
}

/// The session with this digest, with its account and the digest as stored.
pub(in super::super) async fn session_by_digest(
    db: &Db,
    digest: &str,
) -> Result<Option<(Session, User, String)>, SqlError> {
    let sql = "SELECT u.*, s.id AS session_id, s.digest, s.client, s.created_at AS opened_at, s.seen_at, \
         s.expires_at FROM identity_session s JOIN identity_user u ON u.id = s.user_id WHERE s.digest = ?";
    let row = db.fetch_optional(sql, params![digest]).await?;
    row.map(|row| Ok((read(&row)?, users::read(&row)?, row.text("digest")?.to_owned()))).transpose()
}

/// Remembers that a session was used, unless a later use is remembered already.
pub(in super::super) async fn saw_session(db: &Db, id: SessionId, now: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE identity_session SET seen_at = ? WHERE id = ? AND seen_at < ?";
    db.execute(sql, params![now.as_micros(), id.to_string(), now.as_micros()]).await.map(drop)
}

/// The sessions of an account that have not ended, the last used first.
pub(in super::super) async fn sessions(
    db: &Db,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, SqlError> {
    let sql = "SELECT id AS session_id, client, created_at AS opened_at, seen_at, expires_at \
         FROM identity_session WHERE user_id = ? AND expires_at > ? AND seen_at > ? \
         ORDER BY seen_at DESC, id DESC LIMIT ?";
    let values = params![user.to_string(), now.as_micros(), idle_since(now), MAX_SESSIONS];
    let rows = db.fetch_all(sql, values).await?;
    rows.iter().map(read).collect()
}

/// Ends the session with this digest.
pub(in super::super) async fn end_session(tx: &mut Tx, digest: &str) -> Result<u64, SqlError> {
    tx.execute("DELETE FROM identity_session WHERE digest = ?", params![digest]).await
}

/// Ends a session of an account.
pub(in super::super) async fn end_session_of(
    tx: &mut Tx,
    user: UserId,
    id: SessionId,
) -> Result<u64, SqlError> {
    let sql = "DELETE FROM identity_session WHERE user_id = ? AND id = ?";
    tx.execute(sql, params![user.to_string(), id.to_string()]).await
}

/// Ends every session of an account, but for one.
pub(in super::super) async fn end_sessions(
    tx: &mut Tx,
    user: UserId,
    except: Option<SessionId>,
) -> Result<u64, SqlError> {
    let kept = except.map(|id| id.to_string()).unwrap_or_default();
    let sql = "DELETE FROM identity_session WHERE user_id = ? AND id <> ?";
    tx.execute(sql, params![user.to_string(), kept]).await
}

/// Forgets some of the sessions that have ended, and answers how many.
pub(in super::super) async fn forget_sessions(db: &Db, now: Timestamp) -> Result<u64, SqlError> {
    let sql = "DELETE FROM identity_session WHERE id IN (SELECT id FROM (SELECT id FROM identity_session \
               WHERE expires_at <= ? OR seen_at <= ? LIMIT ?) AS ended)";
    db.execute(sql, params![now.as_micros(), idle_since(now), super::FORGET]).await
}

/// A session last seen at this moment or before has ended.
fn idle_since(now: Timestamp) -> i64 {
    now.as_micros().saturating_sub(i64::try_from(SESSION_IDLE.as_micros()).unwrap_or(i64::MAX))
}

fn read(row: &Row) -> Result<Session, SqlError> {
    Ok(Session {
        id: parse(row, "session_id")?,
        client: row.opt_text("client")?.map(str::to_owned),
        created_at: Timestamp::from_micros(row.int("opened_at")?),
        seen_at: Timestamp::from_micros(row.int("seen_at")?),
        expires_at: Timestamp::from_micros(row.int("expires_at")?),
    })
}
