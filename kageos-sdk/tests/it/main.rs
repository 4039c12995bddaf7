//! Integration tests.

mod table_search;
mod table_support;
mod table_unit;
