use kageos_core::{GrantId, GroupId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::OwnerRef;

/// A role given, or denied, on a path and below.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Grant {
    /// Its id.
    #[schema(value_type = String)]
    pub id: GrantId,
    /// Where it starts to hold.
    pub path: String,
    /// Who it is for.
    pub subject: GrantSubject,
    /// What it gives or takes.
    #[schema(value_type = super::Role)]
    pub role: kageos_core::Role,
    /// Takes away instead of giving.
    pub deny: bool,
    /// From when on it does not count any more.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Whether it was made further up.
    pub inherited: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who made it, by login; `system` for the platform.
    pub created_by: String,
}

/// Who a grant is for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GrantSubject {
    /// `user`, `group` or `everyone`.
    pub kind: String,
    /// The account or group; empty for everyone.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// Grants.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GrantList {
    /// The grants, the namespace's first.
    pub items: Vec<Grant>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

/// Why somebody may do something, or not.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The right that it needs.
    #[schema(value_type = super::Right)]
    pub right: kageos_core::Right,
    /// What decided.
    pub reason: String,
    /// The grant that decided.
    #[schema(required)]
    pub grant: Option<Grant>,
}

/// A group of accounts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Group {
    /// Its id.
    #[schema(value_type = String)]
    pub id: GroupId,
    /// What people call it.
    pub name: String,
    /// Its members.
    pub members: Vec<OwnerRef>,
}

/// A group to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupInput {
    /// What people call it; no two differ only in case.
    pub name: String,
}

/// Groups.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroupList {
    /// The groups, by name.
    pub items: Vec<Group>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

/// A group in a sentence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroupRef {
    /// The group.
    #[schema(value_type = String)]
    pub id: GroupId,
    /// What people call it.
    pub name: String,
}

/// Who can be named at a path.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct People {
    /// Accounts, by login.
    pub people: Vec<OwnerRef>,
    /// Groups, by name; none for who does not administer the path.
    pub groups: Vec<GroupRef>,
}
