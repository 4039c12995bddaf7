//! The contract of Kageos.
