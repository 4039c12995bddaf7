//! What stands in attributes.

mod arg;
mod audit;
mod common;
mod effect;
mod field;
mod predicate;

pub(crate) use arg::{Arg, args, unknown};
pub(crate) use audit::{audit, audit_level};
pub(crate) use common::{doc, krate, path};
pub(crate) use effect::Effect;
pub(crate) use field::{Field, fields};
