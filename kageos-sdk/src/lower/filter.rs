//! The schema of filters.

use serde_json::{Value, json};

use super::object::closed;
use crate::{Map, def::TableDef};

/// Most conditions side by side in one group.
const MAX_GROUP: u32 = 50;
/// Most values of one `in`: a page of rows.
const MAX_IN: u32 = 500;
/// Longest text that is looked for, in characters.
pub(super) const MAX_TEXT: u32 = 500;

/// `#/$defs/filter`: recursive, each step of a bounded shape. The engine bounds the depth.
pub(super) fn filter(table: &TableDef) -> Value {
    let own = table.fields.iter().filter(|field| field.annotation.filter).map(|field| field.name.as_str());
    let fields: Vec<&str> = std::iter::once("id").chain(own).collect();
    let field = json!({ "enum": fields });
    let value = json!({ "type": ["string", "number", "boolean", "null"] });
    let text = json!({ "type": "string", "minLength": 1, "maxLength": MAX_TEXT });
    let group = json!({ "type": "array", "items": { "$ref": "#/$defs/filter" }, "maxItems": MAX_GROUP });
    let values = json!({ "type": "array", "items": value, "maxItems": MAX_IN });
    json!({
        "oneOf": [
            one("eq", tuple(&[&field, &value])),
            one("ne", tuple(&[&field, &value])),
            one("in", tuple(&[&field, &values])),
            one("contains", tuple(&[&field, &text])),
            one("starts", tuple(&[&field, &text])),
            one("range", tuple(&[&field, &value, &value])),
            one("empty", field.clone()),
            one("and", group.clone()),
            one("or", group),
            one("not", json!({ "$ref": "#/$defs/filter" })),
        ],
    })
}

fn one(name: &str, schema: Value) -> Value {
    closed(Map::from_iter([(name.to_owned(), schema)]), vec![name])
}

fn tuple(items: &[&Value]) -> Value {
    json!({ "type": "array", "prefixItems": items, "minItems": items.len(), "maxItems": items.len() })
}
