//! The Service Tree.

pub(super) mod list;
pub(super) mod node;
pub(super) mod overview;
pub(super) mod search;
