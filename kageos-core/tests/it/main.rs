//! Integration tests of `kageos-core`.

#![cfg(test)]

mod access_matrix;
mod access_naive;
mod access_properties;
mod access_store;
mod access_world;
mod bars;
mod boundaries;
mod bus;
mod calls;
mod codes;
mod contract;
mod dispatcher;
mod files_door;
mod files_objects;
mod files_world;
mod handover;
mod identity_login;
mod identity_sessions;
mod identity_tokens;
mod identity_users;
mod link;
mod oplog;
mod promises;
mod release;
mod secrets;
mod several;
mod sql_group_commit;
mod sql_migrations;
mod sql_placeholders;
mod sql_reads;
mod sql_statements;
mod sql_units;
mod support;
mod sweep;
mod usage;
mod workspace_databases;
