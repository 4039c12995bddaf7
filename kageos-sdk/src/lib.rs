//! What workspace apps import.

pub mod def;
pub mod table;
