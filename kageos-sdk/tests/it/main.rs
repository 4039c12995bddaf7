//! Integration tests.

mod table_naive;
mod table_search;
mod table_support;
mod table_unit;
