//! The table engine.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A condition on the rows of a table. Two-valued: a row that has no value meets `ne`, and `not` turns every
/// answer round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The field has this value; null for no value.
    Eq(String, Value),
    /// The field has another value, or none.
    Ne(String, Value),
    /// The field has one of these values.
    In(String, Vec<Value>),
    /// The text holds this one, upper or lower case; a list of texts has it as an item.
    Contains(String, String),
    /// The text starts with this one, upper or lower case.
    Starts(String, String),
    /// The value lies between two others, which count; null for an open end.
    Range(String, Value, Value),
    /// There is no value, or an empty text or list.
    Empty(String),
    /// All hold; true when there is none.
    And(Vec<Filter>),
    /// One holds; false when there is none.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
}
