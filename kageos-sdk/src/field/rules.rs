//! Rules that JSON Schema cannot say: bounds of numbers that are text, and conditions over other fields.

use rust_decimal::Decimal;
use serde_json::Value;

use super::Reader;
use crate::{Map, def::FieldDef};

/// Tells the values that lie out of their bounds.
pub(crate) fn bounds(fields: &[FieldDef], values: &Map, reader: &mut Reader) {
    for field in fields {
        let Some(value) = values.get(&field.name).and_then(decimal) else { continue };
        let bound = |key| field.schema.get(key).and_then(decimal);
        if let Some(least) = bound("minimum").filter(|least| value < *least) {
            reader.within(&field.name, |it| it.fault::<()>("minimum", format!("must be at least {least}")));
        }
        if let Some(most) = bound("maximum").filter(|most| value > *most) {
            reader.within(&field.name, |it| it.fault::<()>("maximum", format!("must be at most {most}")));
        }
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => Decimal::from_str_exact(text).ok(),
        Value::Number(number) => Decimal::from_str_exact(&number.to_string()).ok(),
        _ => None,
    }
}

/// Tells the fields that are needed here and empty.
pub(crate) fn required(fields: &[FieldDef], row: &Map, reader: &mut Reader) {
    let all = Value::Object(row.clone());
    for field in fields {
        let needed = field.annotation.require_if.as_ref().is_some_and(|condition| condition.holds(&all));
        let empty = match row.get(&field.name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(_) => false,
        };
        if needed && empty {
            reader.within(&field.name, |it| it.fault::<()>("required", "is required here"));
        }
    }
}

/// Tells the fields that may not be changed as the row stands.
pub(crate) fn frozen(fields: &[FieldDef], old: &Map, patch: &Map, reader: &mut Reader) {
    let all = Value::Object(old.clone());
    for field in fields.iter().filter(|field| patch.contains_key(&field.name)) {
        let frozen = field.annotation.readonly_if.as_ref().is_some_and(|condition| condition.holds(&all));
        if frozen && patch.get(&field.name) != old.get(&field.name) {
            reader.within(&field.name, |it| it.fault::<()>("readonly", "cannot be changed now"));
        }
    }
}
