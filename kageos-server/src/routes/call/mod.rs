//! Calls: every use of a function goes through the dispatcher.

mod lower;
pub(super) mod make;
mod prefer;

use lower::start;
pub(super) use lower::{Ask, dispatch};
