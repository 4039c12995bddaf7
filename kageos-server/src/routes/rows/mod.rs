//! The rows of a table in readable form. Each request is lowered to the same call that `POST /api/v1/call` makes.

mod address;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod export;
pub(super) mod import;
pub(super) mod list;
pub(super) mod one;
pub(super) mod read;
mod reply;
pub(super) mod update;
