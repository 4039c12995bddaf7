//! One binary for every test of the server.

mod ask;
mod cli;
mod config;
mod frame;
mod state;
mod web;
