//! Groups of accounts.

use serde::{Deserialize, Serialize};

use crate::{Error, GroupId, Result, Timestamp, UserId};

/// Longest name of a group, in characters: fits a line of a list and an index key on every database.
pub const MAX_GROUP_NAME: usize = 100;

/// A group, for grants to several people at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// What people call it; no two groups differ only in case.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it; `None` for the platform.
    pub created_by: Option<UserId>,
}

/// The name without blanks around it, when it is one.
pub(super) fn check_name(name: &str) -> Result<&str> {
    let name = name.trim();
    let fits = (1..=MAX_GROUP_NAME).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    let message = format!("a name has 1 to {MAX_GROUP_NAME} characters and no control characters");
    Err(Error::field("/name", "length", message))
}
