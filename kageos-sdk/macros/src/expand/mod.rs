//! What each derive macro makes.

mod chart;
mod choice;
mod form;
mod object;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use chart::chart;
pub(crate) use choice::choice;
pub(crate) use form::{form, function};
pub(crate) use object::object;
pub(crate) use table::table;
