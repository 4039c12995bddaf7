//! Apps in processes of their own.
//!
//! [`ProcessHost`] is a [`Host`](kageos_core::Host) like every other: it starts the app's program in a [`Sandbox`] at the
//! first call, stops it when nobody calls, and starts it again when it has died.

mod process;
mod restrict;
mod sandbox;

pub use process::{AppOptions, ProcessHost};
pub use restrict::{Limits, restrict};
pub use sandbox::Sandbox;
