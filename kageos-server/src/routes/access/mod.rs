//! Who may do what here, and why.

pub(super) mod explain;
pub(super) mod list;
mod show;
