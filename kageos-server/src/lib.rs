//! The reference server of Kageos: configuration, state folder, HTTP and the command line over the libraries.
//!
//! A server can be mounted in somebody else's axum service; it needs no port of its own. See `docs/embedding.md`.

mod backup;
mod caller;
pub mod cli;
pub mod config;
pub mod docs;
pub mod egress;
mod extract;
pub mod files;
mod frame;
mod health;
mod network;
pub mod openapi;
mod page;
mod places;
mod problem;
mod query;
mod record;
mod routes;
pub mod runtime;
pub mod serve;
mod server;
mod shared;
pub mod state;
mod view;
mod web;
pub mod wire;

pub use config::{Config, ConfigError};
pub use network::{Network, NetworkError};
pub use server::{Builder, Server};
pub use state::StateDir;

/// Keeps the code of `docs/embedding.md` true.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
#[derive(Debug)]
pub struct Embedding;
