//! The governed store.

pub mod access;
mod error;
pub mod identity;
