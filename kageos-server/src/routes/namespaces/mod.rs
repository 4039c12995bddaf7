//! The tops of paths, for administrators.

pub(super) mod create;
