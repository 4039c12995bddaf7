//! The governed store.

pub mod access;
pub mod identity;
