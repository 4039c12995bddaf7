//! What workspace apps import.

pub mod def;
