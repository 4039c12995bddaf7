//! From a declaration to the one schema, by fixed rules: every action of a function with one JSON Schema each for
//! input and output.

mod action;
mod chart;
mod docs;
mod filter;
mod object;
mod table;

pub(crate) use action::{form, function};
pub(crate) use chart::{MAX_POINTS, MAX_SERIES, chart};
pub(crate) use docs::docs;
pub(crate) use object::nullable;
pub use object::{object_schema, row_object_schema};
pub(crate) use table::table;

use kageos_core::{ActionName, ActionSchema, Effect, Kind, Right};
use serde_json::Value;

fn action(
    kind: Kind,
    name: ActionName,
    title: &str,
    effect: Effect,
    input: Value,
    output: Value,
) -> ActionSchema {
    let right = Right::of_action(kind, effect.effects);
    ActionSchema { name, title: title.to_owned(), right, effect, input, output }
}
