use super::{parse, unreadable, users};
use crate::{
    Code, Error, Rights, Scope, Timestamp, TokenId, UserId,
    platform::identity::{ApiToken, User, credential::MAX_TOKENS},
    sql::{Db, Row, SqlError, Tx, params},
};

const COLUMNS: &str = "t.id AS token_id, t.user_id, t.name AS token_name, t.scope_path, t.scope_rights, \
     t.created_at AS issued_at, t.expires_at, t.used_at";

/// Writes an API token. Those that ran out make room.
pub(in super::super) async fn insert_token(tx: &mut Tx, token: &ApiToken, digest: &str) -> Result<(), Error> {
    let user = token.user.to_string();
    tx.fetch_optional("SELECT id FROM identity_user WHERE id = ?", params![user.as_str()])
        .await?
        .ok_or_else(|| Error::new(Code::NotFound, "There is no such user."))?;
    let sql = "DELETE FROM identity_token WHERE user_id = ? AND expires_at <= ?";
    tx.execute(sql, params![user.as_str(), token.created_at.as_micros()]).await?;
    let sql = "SELECT COUNT(*) AS n FROM identity_token WHERE user_id = ?";
    if tx.fetch_one(sql, params![user.as_str()]).await?.int("n")? >= i64::from(MAX_TOKENS) {
        return Err(Error::new(Code::Conflict, format!("An account has at most {MAX_TOKENS} tokens.")));
    }
    let sql = "INSERT INTO identity_token \
         (id, user_id, name, digest, scope_path, scope_rights, created_at, expires_at, used_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let rights = serde_json::to_string(&token.scope.rights).map_err(Error::internal)?;
    let values = params![
        token.id.to_string(),
        user.as_str(),
        &token.name,
        digest,
        token.scope.path.as_ref().map(|path| path.as_str()),
        rights,
        token.created_at.as_micros(),
        token.expires_at.as_micros(),
        None::<i64>
    ];
    Ok(tx.execute_expect(sql, values, 1).await?)
}

/// The API token with this digest, with its account and the digest as stored.
pub(in super::super) async fn token_by_digest(
    db: &Db,
    digest: &str,
) -> Result<Option<(ApiToken, User, String)>, SqlError> {
    let sql = format!(
        "SELECT u.*, t.digest, {COLUMNS} FROM identity_token t JOIN identity_user u ON u.id = t.user_id \
         WHERE t.digest = ?"
    );
    let row = db.fetch_optional(sql, params![digest]).await?;
    row.map(|row| Ok((read(&row)?, users::read(&row)?, row.text("digest")?.to_owned()))).transpose()
}

/// Remembers that a token was used.
pub(in super::super) async fn used_token(db: &Db, id: TokenId, now: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE identity_token SET used_at = ? WHERE id = ?";
    db.execute(sql, params![now.as_micros(), id.to_string()]).await.map(drop)
}

/// The API tokens of an account, in the order they were made.
pub(in super::super) async fn tokens(db: &Db, user: UserId) -> Result<Vec<ApiToken>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM identity_token t WHERE t.user_id = ? ORDER BY t.id LIMIT ?");
    let rows = db.fetch_all(sql, params![user.to_string(), MAX_TOKENS]).await?;
    rows.iter().map(read).collect()
}

/// Ends an API token of an account.
pub(in super::super) async fn end_token(tx: &mut Tx, user: UserId, id: TokenId) -> Result<u64, SqlError> {
    let sql = "DELETE FROM identity_token WHERE user_id = ? AND id = ?";
    tx.execute(sql, params![user.to_string(), id.to_string()]).await
}

/// Forgets some of the API tokens that ran out before a moment, and answers how many.
pub(in super::super) async fn forget_tokens(db: &Db, before: Timestamp) -> Result<u64, SqlError> {
    let sql = "DELETE FROM identity_token WHERE id IN (SELECT id FROM (SELECT id FROM identity_token \
               WHERE expires_at <= ? LIMIT ?) AS ended)";
    db.execute(sql, params![before.as_micros(), super::FORGET]).await
}

fn read(row: &Row) -> Result<ApiToken, SqlError> {
    let rights: Rights = serde_json::from_str(row.text("scope_rights")?)
        .map_err(|_| unreadable("scope_rights", "a list of rights"))?;
    let path = row.opt_text("scope_path")?.map(|_| parse(row, "scope_path")).transpose()?;
    Ok(ApiToken {
        id: parse(row, "token_id")?,
        user: parse(row, "user_id")?,
        name: row.text("token_name")?.to_owned(),
        scope: Scope { path, rights },
        created_at: Timestamp::from_micros(row.int("issued_at")?),
        expires_at: Timestamp::from_micros(row.int("expires_at")?),
        used_at: row.opt_int("used_at")?.map(Timestamp::from_micros),
    })
}
