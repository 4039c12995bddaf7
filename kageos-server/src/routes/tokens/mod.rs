//! API tokens of the caller.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
