//! The statements of access, each inside a unit that the caller may make larger.
//!
//! Whoever commits such a unit calls [`Access::reload`](super::Access::reload) afterwards.

mod grants;
mod groups;
mod load;
mod transfer;

pub use grants::{MAX_GRANTS_PER_NODE, forget_node, grant, revoke};
pub use groups::{
    add_member, create_group, delete_group, groups, groups_named, members, remove_member, rename_group,
};
pub(super) use load::{generation, load};
pub use transfer::{held, transfer};

use std::str::FromStr;

use crate::sql::{Migration, Row, SqlError, Tx, params};

/// The tables of access. They go after those of identity.
pub const MIGRATIONS: &[Migration] =
    &[Migration::new(1, "access", include_str!("../../../../migrations/access_0001.sql"))];

/// Counts the state of access one up, so that every server notices. Part of each unit that changes a grant,
/// a group, or whether an account is disabled or an administrator.
///
/// # Errors
/// What the database answers.
pub async fn touch(tx: &mut Tx) -> Result<(), SqlError> {
    tx.execute_expect("UPDATE access_state SET generation = generation + 1 WHERE id = 1", params![], 1).await
}

/// An id, or another text with one spelling, in a column.
fn parse<T: FromStr>(row: &Row, column: &'static str) -> Result<T, SqlError> {
    let parsed = row.text(column)?.parse();
    parsed.map_err(|_| SqlError::ColumnType { name: column.to_owned(), expected: "an id" })
}

fn parse_opt<T: FromStr>(row: &Row, column: &'static str) -> Result<Option<T>, SqlError> {
    if row.value(column)?.is_null() { Ok(None) } else { parse(row, column).map(Some) }
}
