//! Conditions as data: the same answer on the server and in the browser.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A condition over a JSON value. Fields are named by JSON pointers (RFC 6901).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// The field has this value.
    Eq(String, Value),
    /// The field has another value.
    Ne(String, Value),
    /// The field has one of these values.
    In(String, Vec<Value>),
    /// The field is less than this, both numbers or both texts.
    Lt(String, Value),
    /// The field is greater than this, both numbers or both texts.
    Gt(String, Value),
    /// The field is absent, null, an empty text or an empty list.
    Empty(String),
    /// All hold; true when there is none.
    And(Vec<Predicate>),
    /// One holds; false when there is none.
    Or(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
}

impl Predicate {
    /// Whether the condition holds for `value`. An absent field is null.
    #[must_use]
    pub fn holds(&self, value: &Value) -> bool {
        let at = |pointer: &str| value.pointer(pointer).unwrap_or(&Value::Null);
        match self {
            Self::Eq(pointer, wanted) => at(pointer) == wanted,
            Self::Ne(pointer, wanted) => at(pointer) != wanted,
            Self::In(pointer, wanted) => wanted.contains(at(pointer)),
            Self::Lt(pointer, bound) => compare(at(pointer), bound).is_some_and(std::cmp::Ordering::is_lt),
            Self::Gt(pointer, bound) => compare(at(pointer), bound).is_some_and(std::cmp::Ordering::is_gt),
            Self::Empty(pointer) => is_empty(at(pointer)),
            Self::And(all) => all.iter().all(|one| one.holds(value)),
            Self::Or(any) => any.iter().any(|one| one.holds(value)),
            Self::Not(one) => !one.holds(value),
        }
    }

    /// The pointers that the condition reads.
    pub fn pointers(&self) -> Vec<&str> {
        match self {
            Self::Eq(p, _)
            | Self::Ne(p, _)
            | Self::In(p, _)
            | Self::Lt(p, _)
            | Self::Gt(p, _)
            | Self::Empty(p) => {
                vec![p]
            }
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::pointers).collect(),
            Self::Not(part) => part.pointers(),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn compare(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}
