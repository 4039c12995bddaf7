//! Who may do what, where and why.
//!
//! A [`Grant`] gives or denies a role to a person, a group or everyone on a node of the Service Tree and on all
//! below it. [`decide()`] turns the grants along a path into rights without any I/O: nothing is allowed unless a
//! grant allows it, and a denial beats every grant. [`AccessSnapshot`] holds all grants in memory, so a decision
//! asks no database. [`Access`] keeps the snapshot up to date with the database.
//!
//! ```
//! use kageos_core::platform::access::{Principal, decide, denied};
//! use kageos_core::{Right, Role, Timestamp};
//!
//! assert!(decide(Principal::Nobody, [], Timestamp::default()).rights.is_empty());
//! assert!(!denied(Role::Member).contains(Right::Read));
//! assert!(denied(Role::Member).contains(Right::Write));
//! ```

mod cache;
mod decide;
mod explain;
mod grant;
mod group;
mod service;
mod snapshot;
pub mod store;

pub use decide::{Decision, Principal, decide, limit};
pub use explain::{Explanation, Reason, explain};
pub use grant::{Grant, NewGrant, Subject, denied, right_to_grant};
pub use group::{Group, MAX_GROUP_NAME};
pub use service::Access;
pub use snapshot::{AccessSnapshot, Standing};
