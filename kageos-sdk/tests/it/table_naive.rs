//! The same questions answered in memory, one row at a time.

use std::cmp::Ordering;

use kageos_core::Sort;
use kageos_sdk::{
    def::{ColumnKind, TableDef},
    table::{Filter, Row},
};
use rust_decimal::Decimal;
use serde_json::Value;

/// Whether a row meets a filter.
pub(crate) fn holds(def: &TableDef, row: &Row, filter: &Filter) -> bool {
    let at = |field: &str| value(row, field);
    match filter {
        Filter::Eq(field, wanted) => at(field) == *wanted,
        Filter::Ne(field, wanted) => at(field) != *wanted,
        Filter::In(field, wanted) => wanted.contains(&at(field)),
        Filter::Contains(field, text) => match at(field) {
            Value::String(value) => written(def, field, &value).contains(&written(def, field, text)),
            Value::Array(items) => items.contains(&text.as_str().into()),
            _ => false,
        },
        Filter::Starts(field, text) => match at(field) {
            Value::String(value) => written(def, field, &value).starts_with(&written(def, field, text)),
            _ => false,
        },
        Filter::Range(field, from, to) => {
            let value = at(field);
            !value.is_null()
                && (from.is_null() || compare(def, field, &value, from).is_ge())
                && (to.is_null() || compare(def, field, &value, to).is_le())
        }
        Filter::Empty(field) => match at(field) {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        },
        Filter::And(parts) => parts.iter().all(|part| holds(def, row, part)),
        Filter::Or(parts) => parts.iter().any(|part| holds(def, row, part)),
        Filter::Not(part) => !holds(def, row, part),
    }
}

/// Rows in order: what is null stands last, ids follow the last step.
pub(crate) fn sort(def: &TableDef, rows: &mut [Row], steps: &[Sort]) {
    rows.sort_by(|left, right| {
        for step in steps {
            let (a, b) = (value(left, &step.field), value(right, &step.field));
            let order = match (a.is_null(), b.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => {
                    let order = order(def, &step.field, &a, &b);
                    if step.desc { order.reverse() } else { order }
                }
            };
            if order.is_ne() {
                return order;
            }
        }
        let order = left.id.cmp(&right.id);
        if steps.last().is_none_or(|step| step.desc) { order.reverse() } else { order }
    });
}

fn value(row: &Row, field: &str) -> Value {
    if field == "id" { row.id.to_string().into() } else { row.values[field].clone() }
}

fn kind(def: &TableDef, field: &str) -> ColumnKind {
    def.field(field).map_or(ColumnKind::Relation, |field| field.column)
}

fn is_choice(def: &TableDef, field: &str) -> bool {
    def.field(field).is_some_and(|field| field.schema.get("enum").is_some())
}

fn written(def: &TableDef, field: &str, text: &str) -> String {
    if is_choice(def, field) { text.to_owned() } else { text.to_lowercase() }
}

/// The order of people: text without upper and lower case.
fn order(def: &TableDef, field: &str, a: &Value, b: &Value) -> Ordering {
    match (kind(def, field), a, b) {
        (ColumnKind::Text, Value::String(a), Value::String(b)) => {
            written(def, field, a).cmp(&written(def, field, b))
        }
        _ => compare(def, field, a, b),
    }
}

/// The order of values: text by its bytes.
fn compare(def: &TableDef, field: &str, a: &Value, b: &Value) -> Ordering {
    let number = |value: &Value| value.to_string().trim_matches('"').parse::<Decimal>().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match kind(def, field) {
        ColumnKind::Text | ColumnKind::LongText | ColumnKind::Date => text(a).cmp(&text(b)),
        ColumnKind::DateTime => {
            text(a).parse::<kageos_core::Timestamp>().unwrap().cmp(&text(b).parse().unwrap())
        }
        ColumnKind::Bool => a.as_bool().cmp(&b.as_bool()),
        _ => number(a).cmp(&number(b)),
    }
}
