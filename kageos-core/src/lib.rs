//! The contract of Kageos.

#[cfg(feature = "sql")]
pub mod sql;
