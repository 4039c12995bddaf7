//! Which files an input names, by its schema.

use serde_json::Value;

use crate::FileId;
use crate::schema::ANNOTATION_KEY;

/// Deepest schema that is looked into.
const MAX_DEPTH: usize = 32;

/// A place that names a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::platform) struct Named<'a> {
    /// Where, a JSON pointer.
    pub pointer: String,
    /// The file.
    pub id: FileId,
    /// What the field takes.
    pub accept: Option<&'a str>,
    /// The largest that the field takes.
    pub max_bytes: Option<u64>,
}

/// Whether a schema has a field for files.
pub(in crate::platform) fn has_files(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => widget(schema).is_some() || object.values().any(has_files),
        Value::Array(items) => items.iter().any(has_files),
        _ => false,
    }
}

/// The fields of a row that hold files.
pub(in crate::platform) fn of_row(row: &Value) -> Vec<String> {
    let properties = row.get("properties").and_then(Value::as_object);
    let held = |(name, property): (&String, &Value)| widget(property).map(|_| name.clone());
    properties.into_iter().flatten().filter_map(held).collect()
}

/// The files that a value names where `schema` has a field for them.
pub(in crate::platform) fn named<'a>(schema: &'a Value, value: &Value) -> Vec<Named<'a>> {
    let mut found = Vec::new();
    walk(schema, value, String::new(), MAX_DEPTH, &mut found);
    found
}

/// The ids in the value of one field: a file, or several.
pub(in crate::platform) fn ids(value: &Value) -> impl Iterator<Item = FileId> {
    let many = value.as_array().map_or(&[][..], Vec::as_slice);
    let texts = value.as_str().into_iter().chain(many.iter().filter_map(Value::as_str));
    texts.filter_map(|text| text.parse().ok())
}

/// The annotation of a field that holds files.
fn widget(schema: &Value) -> Option<&Value> {
    let annotation = schema.get(ANNOTATION_KEY)?;
    matches!(annotation.get("widget")?.as_str()?, "file" | "files").then_some(annotation)
}

fn walk<'a>(schema: &'a Value, value: &Value, pointer: String, depth: usize, found: &mut Vec<Named<'a>>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    if let Some(annotation) = widget(schema) {
        return take(annotation, value, &pointer, found);
    }
    match value {
        Value::Object(members) => {
            let properties = schema.get("properties");
            for (name, member) in members {
                if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                    let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                    walk(schema, member, pointer, depth, found);
                }
            }
        }
        Value::Array(items) => {
            for (schema, (at, item)) in schema.get("items").into_iter().cycle().zip(items.iter().enumerate())
            {
                walk(schema, item, format!("{pointer}/{at}"), depth, found);
            }
        }
        _ => {}
    }
}

fn take<'a>(annotation: &'a Value, value: &Value, pointer: &str, found: &mut Vec<Named<'a>>) {
    let accept = annotation.get("accept").and_then(Value::as_str);
    let max_bytes = annotation.get("max_bytes").and_then(Value::as_u64);
    let one =
        |pointer: String, text: &str| Some(Named { pointer, id: text.parse().ok()?, accept, max_bytes });
    match value {
        Value::String(text) => found.extend(one(pointer.to_owned(), text)),
        Value::Array(items) => {
            let texts = items.iter().enumerate().filter_map(|(at, item)| Some((at, item.as_str()?)));
            found.extend(texts.filter_map(|(at, text)| one(format!("{pointer}/{at}"), text)));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{has_files, named};

    #[test]
    fn files_are_found_where_the_schema_has_them() {
        let file = json!({ "type": "string", "x-kageos": { "widget": "file", "accept": "image/*" } });
        let files = json!({ "type": "array", "x-kageos": { "widget": "files", "max_bytes": 5 } });
        let line = json!({ "type": "object", "properties": { "scan": file } });
        let schema = json!({ "properties": { "values": { "properties": {
            "photo": file, "papers": files, "lines": { "type": "array", "items": line }, "text": { "type": "string" },
        } } } });
        let id = "01jzzzzzzzzzzzzzzzzzzzzzzz";
        let value = json!({ "values": {
            "photo": id, "papers": [id, "no id"], "lines": [{}, { "scan": id }], "text": id, "unknown": id,
        } });
        let found = named(&schema, &value);
        let places: Vec<_> = found.iter().map(|it| (it.pointer.as_str(), it.accept, it.max_bytes)).collect();
        let expected = [
            ("/values/photo", Some("image/*"), None),
            ("/values/papers/0", None, Some(5)),
            ("/values/lines/1/scan", Some("image/*"), None),
        ];
        assert_eq!(places, expected);
        assert!(has_files(&schema) && !has_files(&json!({ "properties": { "a": { "type": "string" } } })));
    }
}
