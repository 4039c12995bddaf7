//! The statements of identity.

mod handover;
mod sessions;
mod tokens;
mod users;

pub(super) use handover::hand_over;
pub(super) use sessions::{
    end_session, end_session_of, end_sessions, forget_sessions, insert_session, saw_session,
    session_by_digest, sessions,
};
pub(super) use tokens::{end_token, forget_tokens, insert_token, token_by_digest, tokens, used_token};
pub use users::{Prepared, create_user};
pub(super) use users::{
    keep_one_admin, login_by_folded, names, password_hash, set_password, update_user, user_by_id,
    user_by_login, user_to_change, users, users_named,
};

use std::str::FromStr;

use crate::sql::{Migration, Row, SqlError};

/// The tables of identity. They go before those of access.
pub const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "identity", include_str!("../../../../migrations/identity_0001.sql")),
    Migration::new(2, "names to find people by", "ALTER TABLE identity_user ADD COLUMN name_folded {text};"),
    Migration::new(3, "names that are there", "UPDATE identity_user SET name_folded = LOWER(name);"),
];

/// Rows that one step forgets at most.
const FORGET: u32 = 1_000;

fn parse<T: FromStr>(row: &Row, column: &'static str) -> Result<T, SqlError> {
    row.text(column)?.parse().map_err(|_| unreadable(column, "an id or a path"))
}

fn unreadable(column: &str, expected: &'static str) -> SqlError {
    SqlError::ColumnType { name: column.to_owned(), expected }
}
