//! Calls: every use of a function goes through the dispatcher.

pub(super) mod call;
mod lower;

pub(super) use lower::{Ask, dispatch};
