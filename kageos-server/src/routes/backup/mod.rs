//! Backups, for `kagectl` on the server's own machine.

pub(super) mod make;
