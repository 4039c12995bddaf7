//! The SDK as an app sees it.

mod manifest;
mod sample;
mod snapshot;
