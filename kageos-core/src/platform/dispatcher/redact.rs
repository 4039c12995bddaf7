//! Takes out of a value what its schema calls sensitive.

use std::borrow::Cow;

use serde_json::Value;

use crate::schema::ANNOTATION_KEY;

/// What stands in a log where something sensitive was.
const REDACTED: &str = "[redacted]";
/// Deepest schema that is looked into.
const MAX_DEPTH: usize = 32;

/// Whether a schema marks anything as sensitive.
pub(super) fn is_sensitive(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => marked(schema) || object.values().any(is_sensitive),
        Value::Array(items) => items.iter().any(is_sensitive),
        _ => false,
    }
}

fn marked(schema: &Value) -> bool {
    schema.get(ANNOTATION_KEY).and_then(|annotation| annotation.get("sensitive")) == Some(&Value::Bool(true))
}

/// The value with everything replaced that `schema` marks.
pub(super) fn redact<'a>(schema: &Value, value: &'a Value) -> Cow<'a, Value> {
    let mut copy = value.clone();
    walk(schema, &mut copy, MAX_DEPTH);
    Cow::Owned(copy)
}

fn walk(schema: &Value, value: &mut Value, depth: usize) {
    if marked(schema) {
        *value = Value::from(REDACTED);
        return;
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(object) => {
            let properties = schema.get("properties");
            for (name, member) in object {
                if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                    walk(schema, member, depth);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| walk(schema, item, depth));
            }
        }
        _ => {}
    }
}
