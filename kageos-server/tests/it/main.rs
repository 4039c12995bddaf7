//! One binary for every test of the server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper of tests fails as a test does, and tells what it did"
)]

mod access;
mod apps;
mod ask;
mod attach;
mod builds;
mod calls;
mod cli;
mod config;
mod depot;
mod docs;
mod egress;
mod events;
mod example;
mod faults;
mod files;
mod frame;
mod host;
mod hostile;
mod installed;
mod json;
mod keeping;
mod logs;
mod nodes;
mod overview;
mod process;
mod publishing;
mod python;
mod routes;
mod rows;
mod session;
mod several;
mod site;
mod state;
mod transfer;
mod tree;
mod web;
mod workspaces;
