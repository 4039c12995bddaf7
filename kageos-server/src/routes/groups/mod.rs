//! Groups of accounts, for administrators.

pub(super) mod add;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod remove;
pub(super) mod rename;
