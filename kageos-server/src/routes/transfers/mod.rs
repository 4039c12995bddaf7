//! Handing over what somebody holds.

pub(super) mod create;
