//! The shapes of the HTTP API, as they stand in its OpenAPI document.

mod meta;
mod problem;

pub use meta::{CodeList, Dependency, ErrorCode, Health, Readiness};
pub use problem::{FieldProblem, Problem};
