//! Calls: every use of a function goes through the dispatcher.

mod lower;
pub(super) mod make;

pub(super) use lower::{Ask, dispatch};
