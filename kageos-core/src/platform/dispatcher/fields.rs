//! Which files and people an input names, by its schema.

use serde_json::Value;

use crate::schema::ANNOTATION_KEY;

/// Deepest schema that is looked into.
const MAX_DEPTH: usize = 32;

/// What a field may name that the platform knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// A file, or several.
    File,
    /// An account.
    User,
}

/// A place that names something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'a, Id> {
    /// Where, a JSON pointer.
    pub pointer: String,
    /// What.
    pub id: Id,
    /// Of a file: what the field takes.
    pub accept: Option<&'a str>,
    /// Of a file: the largest that the field takes.
    pub max_bytes: Option<u64>,
}

/// Whether a schema has a field for such a thing.
pub(super) fn has(schema: &Value, known: Known) -> bool {
    match schema {
        Value::Object(object) => widget(schema, known).is_some() || object.values().any(|it| has(it, known)),
        Value::Array(items) => items.iter().any(|it| has(it, known)),
        _ => false,
    }
}

/// A field of a row that holds such things, by itself or in the entries of a list.
#[derive(Debug)]
pub(super) struct Holder {
    /// The field.
    pub name: String,
    schema: Value,
    known: Known,
}

impl Holder {
    /// The fields of a row.
    pub(super) fn of_row(row: &Value, known: Known) -> Vec<Self> {
        let properties = row.get("properties").and_then(Value::as_object);
        let held = properties.into_iter().flatten().filter(|(_, schema)| has(schema, known));
        held.map(|(name, schema)| Self { name: name.clone(), schema: schema.clone(), known }).collect()
    }

    /// What a value of the field names.
    pub(super) fn ids<Id: std::str::FromStr>(&self, value: &Value) -> impl Iterator<Item = Id> {
        named(&self.schema, self.known, value).into_iter().map(|named| named.id)
    }
}

/// What a value names where `schema` has a field for it; a text that is no id names nothing.
pub(super) fn named<'a, Id: std::str::FromStr>(
    schema: &'a Value,
    known: Known,
    value: &Value,
) -> Vec<Named<'a, Id>> {
    let mut found = Vec::new();
    walk(schema, known, value, String::new(), MAX_DEPTH, &mut |annotation, pointer, text| {
        let Ok(id) = text.parse() else { return };
        let accept = annotation.get("accept").and_then(Value::as_str);
        let max_bytes = annotation.get("max_bytes").and_then(Value::as_u64);
        found.push(Named { pointer, id, accept, max_bytes });
    });
    found
}

/// The annotation of a field that holds such a thing.
fn widget(schema: &Value, known: Known) -> Option<&Value> {
    let annotation = schema.get(ANNOTATION_KEY)?;
    let is = match annotation.get("widget")?.as_str()? {
        "file" | "files" => Known::File,
        "user" => Known::User,
        _ => return None,
    };
    (is == known).then_some(annotation)
}

fn walk<'a>(
    schema: &'a Value,
    known: Known,
    value: &Value,
    pointer: String,
    depth: usize,
    found: &mut impl FnMut(&'a Value, String, &str),
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    if let Some(annotation) = widget(schema, known) {
        return take(annotation, value, pointer, found);
    }
    match value {
        Value::Object(members) => {
            let properties = schema.get("properties");
            for (name, member) in members {
                if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                    let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                    walk(schema, known, member, pointer, depth, found);
                }
            }
        }
        Value::Array(items) => {
            for (schema, (at, item)) in schema.get("items").into_iter().cycle().zip(items.iter().enumerate())
            {
                walk(schema, known, item, format!("{pointer}/{at}"), depth, found);
            }
        }
        _ => {}
    }
}

fn take<'a>(
    annotation: &'a Value,
    value: &Value,
    pointer: String,
    found: &mut impl FnMut(&'a Value, String, &str),
) {
    match value {
        Value::String(text) => found(annotation, pointer, text),
        Value::Array(items) => {
            let texts = items.iter().enumerate().filter_map(|(at, item)| Some((at, item.as_str()?)));
            texts.for_each(|(at, text)| found(annotation, format!("{pointer}/{at}"), text));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Holder, Known, Named, has, named};
    use crate::{FileId, UserId};

    #[test]
    fn files_and_people_are_found_where_the_schema_has_them() {
        let file = json!({ "type": "string", "x-kageos": { "widget": "file", "accept": "image/*" } });
        let files = json!({ "type": "array", "x-kageos": { "widget": "files", "max_bytes": 5 } });
        let line = json!({ "type": "object", "properties": { "scan": file } });
        let schema = json!({ "properties": { "values": { "properties": {
            "photo": file, "papers": files, "lines": { "type": "array", "items": line }, "text": { "type": "string" },
            "owner": { "type": "string", "x-kageos": { "widget": "user" } },
        } } } });
        let id = "01jzzzzzzzzzzzzzzzzzzzzzzz";
        let value = json!({ "values": {
            "photo": id, "papers": [id, "no id"], "lines": [{}, { "scan": id }], "text": id, "unknown": id,
            "owner": id,
        } });
        let found: Vec<Named<'_, FileId>> = named(&schema, Known::File, &value);
        let places: Vec<_> = found.iter().map(|it| (it.pointer.as_str(), it.accept, it.max_bytes)).collect();
        let expected = [
            ("/values/photo", Some("image/*"), None),
            ("/values/papers/0", None, Some(5)),
            ("/values/lines/1/scan", Some("image/*"), None),
        ];
        assert_eq!(places, expected);
        let people: Vec<Named<'_, UserId>> = named(&schema, Known::User, &value);
        assert_eq!(people.iter().map(|it| it.pointer.as_str()).collect::<Vec<_>>(), ["/values/owner"]);
        let plain = json!({ "properties": { "a": { "type": "string" } } });
        let row = &schema["properties"]["values"];
        let held: Vec<_> = Holder::of_row(row, Known::File)
            .into_iter()
            .map(|it| (it.name.clone(), it.ids::<FileId>(&value["values"][&it.name]).count()))
            .collect();
        let expected = [("photo".to_owned(), 1), ("papers".to_owned(), 1), ("lines".to_owned(), 1)];
        assert_eq!(held, expected);
        assert!(has(&schema, Known::File) && has(&schema, Known::User) && !has(&plain, Known::File));
    }
}
