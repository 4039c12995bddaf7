//! Objects with fields as JSON Schema.

use kageos_core::schema::ANNOTATION_KEY;
use serde_json::{Value, json};

use crate::{Map, Object, Table, def::FieldDef};

/// The schema of an object: every field with its annotation, nothing else allowed.
#[must_use]
pub fn object_schema(fields: &[FieldDef]) -> Value {
    let required = fields.iter().filter(|field| field.required && field.schema.get("default").is_none());
    closed(properties(fields), required.map(|field| field.name.as_str()).collect())
}

/// The schema of a table's row as a plain object, its id among the fields.
#[must_use]
pub fn row_object_schema<T: Table>() -> Value {
    let fields = <T as Object>::fields();
    let mut all = Map::new();
    all.insert("id".to_owned(), crate::field::row_id_schema());
    all.extend(properties(&fields));
    let names: Vec<&str> =
        std::iter::once("id").chain(fields.iter().map(|field| field.name.as_str())).collect();
    closed(all, names)
}

/// What is entered: without read-only fields, and in `required` those that have neither default nor null.
pub(super) fn entered(fields: &[FieldDef]) -> Value {
    let fields: Vec<FieldDef> = fields.iter().filter(|field| !field.annotation.readonly).cloned().collect();
    object_schema(&fields)
}

/// Some of what is entered.
pub(super) fn patch(fields: &[FieldDef]) -> Value {
    let mut schema = entered(fields);
    if let Value::Object(schema) = &mut schema {
        schema.remove("required");
        schema.insert("minProperties".to_owned(), Value::from(1));
    }
    schema
}

/// What is stored: every field, each with a value or null.
pub(super) fn stored(fields: &[FieldDef]) -> Value {
    closed(properties(fields), fields.iter().map(|field| field.name.as_str()).collect())
}

/// An object of these properties and no others.
pub(super) fn closed(properties: Map, required: Vec<&str>) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn properties(fields: &[FieldDef]) -> Map {
    fields.iter().map(|field| (field.name.clone(), property(field))).collect()
}

fn property(field: &FieldDef) -> Value {
    let mut schema = nullable(field.schema.clone(), field.required);
    if let (Value::Object(schema), Ok(annotation)) = (&mut schema, serde_json::to_value(&field.annotation)) {
        schema.insert(ANNOTATION_KEY.to_owned(), annotation);
    }
    schema
}

/// The schema, which also takes null when no value is needed.
pub(crate) fn nullable(mut schema: Value, required: bool) -> Value {
    if required {
        return schema;
    }
    if let Some(kind) = schema.get("type").filter(|kind| kind.is_string()).cloned() {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    schema
}
