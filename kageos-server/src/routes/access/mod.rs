//! Who may do what here, and why.

pub(super) mod explain;
pub(super) mod list;
pub(super) mod people;
mod show;
