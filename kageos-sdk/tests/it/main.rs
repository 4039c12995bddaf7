//! Integration tests of `kageos-sdk`.

#![cfg(test)]

mod accepted;
mod fields;
mod files;
mod host;
mod manifest;
mod people;
mod rights;
mod sample;
mod snapshot;
mod table_aggregate;
mod table_csv;
mod table_import;
mod table_migration;
mod table_naive;
mod table_search;
mod table_support;
mod table_unit;
mod ui;
mod undo;
