//! The reference server of Kageos: configuration, state folder, HTTP and the command line over the libraries.
//!
//! A server can be mounted in somebody else's axum service; it needs no port of its own:
//!
//! ```
//! use kageos_server::Server;
//!
//! let app: axum::Router = axum::Router::new().merge(Server::builder().build().router());
//! # let _ = app;
//! ```

pub mod cli;
pub mod config;
mod extract;
mod frame;
pub mod openapi;
mod problem;
mod routes;
pub mod serve;
mod server;
mod shared;
pub mod state;
mod web;
pub mod wire;

pub use config::{Config, ConfigError};
pub use server::{Builder, Server};
pub use state::StateDir;
