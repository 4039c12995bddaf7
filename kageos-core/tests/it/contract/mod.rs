//! Properties of the contract: every value round-trips, and nothing outside the grammars is read.

mod arbitrary;
mod json;
mod path;
mod predicate;
mod text;
mod values;
