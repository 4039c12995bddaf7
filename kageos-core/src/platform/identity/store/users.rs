use std::collections::HashMap;

use super::{parse, unreadable};
use crate::{
    Code, Error, Timestamp, UserId,
    platform::{
        access,
        identity::{User, UserKind, containing, fold},
    },
    sql::{Db, Row, SqlError, Tx, Value, params},
};

/// An account that was checked and whose password was hashed, ready for a unit.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds the hash of a password")]
pub struct Prepared {
    /// The account.
    pub user: User,
    pub(in super::super) password_hash: Option<String>,
}

/// Writes a new account, with its password if it has one. Part of a unit that the caller may make larger: run
/// it through [`Access::change`](access::Access::change), since the account may be an administrator.
///
/// # Errors
/// [`Code::Conflict`] when the login or the namespace is taken.
pub async fn create_user(tx: &mut Tx, prepared: &Prepared) -> Result<(), Error> {
    let user = &prepared.user;
    if user.admin || user.disabled {
        access::store::touch(tx).await?;
    }
    let sql = "INSERT INTO identity_user \
         (id, login, login_folded, name, name_folded, email, kind, namespace, admin, disabled, locale, theme, \
         time_zone, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = params![
        user.id.to_string(),
        &user.login,
        fold(&user.login),
        &user.name,
        fold(&user.name),
        user.email.as_deref(),
        kind_text(user.kind),
        user.namespace.as_deref(),
        user.admin,
        user.disabled,
        user.locale.as_deref(),
        user.theme.as_deref(),
        user.time_zone.as_deref(),
        user.created_at.as_micros()
    ];
    tx.execute(sql, values).await.map_err(taken)?;
    if let Some(hash) = &prepared.password_hash {
        set_password(tx, user.id, hash, user.created_at).await?;
    }
    Ok(())
}

/// Writes what [`UserPatch`](crate::platform::identity::UserPatch) may change.
pub(in super::super) async fn update_user(tx: &mut Tx, user: &User) -> Result<(), Error> {
    let sql = "UPDATE identity_user SET name = ?, name_folded = ?, email = ?, namespace = ?, admin = ?, disabled = ?, \
         locale = ?, theme = ?, time_zone = ? WHERE id = ?";
    let values = params![
        &user.name,
        fold(&user.name),
        user.email.as_deref(),
        user.namespace.as_deref(),
        user.admin,
        user.disabled,
        user.locale.as_deref(),
        user.theme.as_deref(),
        user.time_zone.as_deref(),
        user.id.to_string()
    ];
    let touched = tx.execute(sql, values).await.map_err(taken)?;
    if touched == 1 { Ok(()) } else { Err(no_user()) }
}

/// Refuses a unit that leaves nobody who could administer the platform.
pub(in super::super) async fn keep_one_admin(tx: &mut Tx) -> Result<(), Error> {
    let sql = "SELECT id FROM identity_user WHERE admin = 1 AND disabled = 0 AND kind = 'person' LIMIT 1";
    let found = tx.fetch_optional(sql, params![]).await?;
    found.map(drop).ok_or_else(|| Error::new(Code::Conflict, "The last administrator must remain one."))
}

pub(in super::super) async fn set_password(
    tx: &mut Tx,
    user: UserId,
    hash: &str,
    now: Timestamp,
) -> Result<(), SqlError> {
    let user = user.to_string();
    let values = params![user.as_str(), hash, now.as_micros()];
    tx.execute("DELETE FROM identity_password WHERE user_id = ?", &values[..1]).await?;
    let sql = "INSERT INTO identity_password (user_id, hash, changed_at) VALUES (?, ?, ?)";
    tx.execute_expect(sql, values, 1).await
}

pub(in super::super) async fn password_hash(db: &Db, user: UserId) -> Result<Option<String>, SqlError> {
    let sql = "SELECT hash FROM identity_password WHERE user_id = ?";
    let row = db.fetch_optional(sql, params![user.to_string()]).await?;
    row.map(|row| row.text("hash").map(str::to_owned)).transpose()
}

/// The account with this login and the hash of its password, in one query whether there is one or not.
pub(in super::super) async fn login_by_folded(
    db: &Db,
    folded: &str,
) -> Result<Option<(User, Option<String>)>, SqlError> {
    let sql = "SELECT u.*, p.hash FROM identity_user u \
         LEFT JOIN identity_password p ON p.user_id = u.id WHERE u.login_folded = ?";
    let row = db.fetch_optional(sql, params![folded]).await?;
    row.map(|row| Ok((read(&row)?, row.opt_text("hash")?.map(str::to_owned)))).transpose()
}

pub(in super::super) async fn user_by_login(db: &Db, login: &str) -> Result<Option<User>, SqlError> {
    let sql = "SELECT * FROM identity_user WHERE login_folded = ?";
    db.fetch_optional(sql, params![fold(login)]).await?.as_ref().map(read).transpose()
}

const BY_ID: &str = "SELECT * FROM identity_user WHERE id = ?";

pub(in super::super) async fn user_by_id(db: &Db, id: UserId) -> Result<Option<User>, SqlError> {
    db.fetch_optional(BY_ID, params![id.to_string()]).await?.as_ref().map(read).transpose()
}

/// The account inside a unit that changes it.
pub(in super::super) async fn user_to_change(tx: &mut Tx, id: UserId) -> Result<User, Error> {
    let row = tx.fetch_optional(BY_ID, params![id.to_string()]).await?.ok_or_else(no_user)?;
    Ok(read(&row)?)
}

pub(in super::super) async fn users(db: &Db, after: Option<&str>, limit: u32) -> Result<Vec<User>, SqlError> {
    let sql = "SELECT * FROM identity_user WHERE login_folded > ? ORDER BY login_folded LIMIT ?";
    let rows = db.fetch_all(sql, params![after.map(fold).unwrap_or_default(), limit]).await?;
    rows.iter().map(read).collect()
}

pub(in super::super) async fn users_named(db: &Db, part: &str, limit: u32) -> Result<Vec<User>, SqlError> {
    let sql = "SELECT * FROM identity_user WHERE disabled = 0 AND (login_folded LIKE ? ESCAPE '!' \
         OR name_folded LIKE ? ESCAPE '!') ORDER BY login_folded LIMIT ?";
    let pattern = containing(part);
    let rows = db.fetch_all(sql, params![&pattern, &pattern, limit]).await?;
    rows.iter().map(read).collect()
}

/// Login and name of each of these accounts, in one query.
pub(in super::super) async fn names(
    db: &Db,
    ids: &[UserId],
) -> Result<HashMap<UserId, (String, String)>, SqlError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let marks = vec!["?"; ids.len()].join(", ");
    let values: Vec<Value<'_>> = ids.iter().map(|id| Value::from(id.to_string())).collect();
    let sql = format!("SELECT id, login, name FROM identity_user WHERE id IN ({marks})");
    let rows = db.fetch_all(sql, &values).await?;
    let entry =
        |row: &Row| Ok((parse(row, "id")?, (row.text("login")?.to_owned(), row.text("name")?.to_owned())));
    rows.iter().map(entry).collect()
}

pub(super) fn read(row: &Row) -> Result<User, SqlError> {
    let text = |column: &'static str| Ok::<_, SqlError>(row.opt_text(column)?.map(str::to_owned));
    Ok(User {
        id: parse(row, "id")?,
        login: row.text("login")?.to_owned(),
        name: row.text("name")?.to_owned(),
        email: text("email")?,
        kind: match row.text("kind")? {
            "person" => UserKind::Person,
            "service" => UserKind::Service,
            _ => return Err(unreadable("kind", "a kind of account")),
        },
        namespace: text("namespace")?,
        admin: row.bool("admin")?,
        disabled: row.bool("disabled")?,
        locale: text("locale")?,
        theme: text("theme")?,
        time_zone: text("time_zone")?,
        created_at: Timestamp::from_micros(row.int("created_at")?),
    })
}

fn kind_text(kind: UserKind) -> &'static str {
    match kind {
        UserKind::Person => "person",
        UserKind::Service => "service",
    }
}

fn taken(error: SqlError) -> Error {
    if error.is_unique_violation() {
        Error::new(Code::Conflict, "The login or the namespace is taken.").caused_by(error)
    } else {
        error.into()
    }
}

fn no_user() -> Error {
    Error::new(Code::NotFound, "There is no such user.")
}
