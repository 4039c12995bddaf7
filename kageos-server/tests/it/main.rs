//! One binary for every test of the server.

mod access;
mod ask;
mod cli;
mod config;
mod docs;
mod events;
mod frame;
mod host;
mod json;
mod routes;
mod rows;
mod session;
mod site;
mod state;
mod tree;
mod web;
