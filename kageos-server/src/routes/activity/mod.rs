//! The operation log.

pub(super) mod list;
