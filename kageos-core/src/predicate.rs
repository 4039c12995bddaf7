//! Conditions as data: the same answer on the server and in the browser.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A condition over a JSON value. Fields are named by JSON pointers (RFC 6901).
///
/// Numbers are equal when their values are, `1` and `1.0`. In an order a text that is a plain decimal counts as a number,
/// because decimals and 64-bit integers are texts on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// The field has this value.
    Eq(String, Value),
    /// The field has another value.
    Ne(String, Value),
    /// The field has one of these values.
    In(String, Vec<Value>),
    /// The field is less than this, both numbers or both other texts.
    Lt(String, Value),
    /// The field is greater than this, both numbers or both other texts.
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
            Self::Eq(pointer, wanted) => same(at(pointer), wanted),
            Self::Ne(pointer, wanted) => !same(at(pointer), wanted),
            Self::In(pointer, wanted) => wanted.iter().any(|one| same(at(pointer), one)),
            Self::Lt(pointer, bound) => compare(at(pointer), bound).is_some_and(Ordering::is_lt),
            Self::Gt(pointer, bound) => compare(at(pointer), bound).is_some_and(Ordering::is_gt),
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

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let matches = |(key, left)| right.get(key).is_some_and(|right| same(left, right));
            left.len() == right.len() && left.iter().all(matches)
        }
        _ => left == right,
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (number(left), number(right), left, right) {
        (Some(left), Some(right), ..) => left.partial_cmp(&right),
        (_, _, Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// The number that a value is, or that it is the plain decimal text of.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok().filter(|_| is_decimal(text)),
        _ => None,
    }
}

/// Whether `text` is `^-?[0-9]+([.][0-9]+)?$`.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let plain = text.strip_prefix('-').unwrap_or(text);
    plain.split_once('.').map_or_else(|| digits(plain), |(whole, part)| digits(whole) && digits(part))
}
