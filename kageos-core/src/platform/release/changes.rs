//! What a release does to the functions of the one before: what whoever publishes it looks at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{FunctionSchema, Kind, Manifest, schema::ANNOTATION_KEY};

/// Parts that are told of one function, and of all together.
const MAX_PARTS: usize = 30;
const MAX_ALL_PARTS: usize = 300;
/// Characters of a name that are told: a foreign app has chosen it.
const MAX_NAME: usize = 200;

/// What is done to a function, against the release that was live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionChange {
    /// Its path inside the workspace.
    pub path: String,
    /// What is done.
    pub change: ChangeKind,
    /// What is done to its parts, when it is another one: first what goes, and what changes what it does to the world.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartChange>,
    /// Further parts that are not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<usize>,
}

/// What is done to a part of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartChange {
    /// Which: `row/<field>` of a table, `action/<action>`, `action/<action>/input/<field>`, `action/<action>/output`,
    /// `action/<action>/effect`, or the name of what else there is in its schema.
    pub part: String,
    /// What is done.
    pub change: ChangeKind,
}

/// Whether something comes, goes or is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// It is another one.
    Changed,
}

/// What one manifest does to the functions of another.
#[must_use]
pub fn function_changes(old: Option<&Manifest>, new: &Manifest) -> Vec<FunctionChange> {
    let (old, new) = (old.map(functions).unwrap_or_default(), functions(new));
    let mut left = MAX_ALL_PARTS;
    let mut all = Vec::new();
    for (path, change) in differences(&old, &new) {
        let mut parts = match (old.get(path), new.get(path)) {
            (Some(old), Some(new)) => part_changes(old, new),
            _ => Vec::new(),
        };
        let told = parts.len().min(MAX_PARTS).min(left);
        let more = Some(parts.len() - told).filter(|more| *more > 0);
        parts.truncate(told);
        left -= told;
        all.push(FunctionChange { path: (*path).to_owned(), change, parts, more });
    }
    all
}

/// What is done to the parts of a function. One that comes or goes does so with what is below it.
fn part_changes(old: &FunctionSchema, new: &FunctionSchema) -> Vec<PartChange> {
    let (old, new) = (parts_of(old), parts_of(new));
    let changes: Vec<_> = differences(&old, &new).collect();
    let whole =
        |part: &str| changes.iter().any(|(name, change)| *change != ChangeKind::Changed && *name == part);
    let above = |part: &str| part.match_indices('/').any(|(at, _)| whole(&part[..at]));
    let told = changes.iter().filter(|(part, _)| !above(part));
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(part, change)| (*change != ChangeKind::Removed, !part.ends_with("/effect")));
    let name = |part: &str| part.chars().take(MAX_NAME).collect();
    told.into_iter().map(|(part, change)| PartChange { part: name(part), change: *change }).collect()
}

fn functions(manifest: &Manifest) -> BTreeMap<&str, &FunctionSchema> {
    manifest.functions.iter().map(|entry| (entry.path.as_str(), &entry.schema)).collect()
}

/// What comes, goes or is another, by its name.
fn differences<'a, K: Ord, V: PartialEq>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, ChangeKind)> {
    let come = new.iter().filter_map(|(name, part)| match old.get(name) {
        None => Some((name, ChangeKind::Added)),
        Some(before) if before != part => Some((name, ChangeKind::Changed)),
        Some(_) => None,
    });
    let gone = old.keys().filter(|name| !new.contains_key(name));
    come.chain(gone.map(|name| (name, ChangeKind::Removed)))
}

/// The parts of a function. What the actions of a table take and give follows from its row.
fn parts_of(schema: &FunctionSchema) -> BTreeMap<String, Value> {
    let mut parts = BTreeMap::new();
    parts.insert("title".to_owned(), schema.title.clone().into());
    parts.insert("description".to_owned(), schema.description.clone().into());
    parts.insert("tags".to_owned(), schema.tags.clone().into());
    for action in &schema.actions {
        let name = format!("action/{}", action.name);
        parts.insert(name.clone(), action.title.clone().into());
        parts.insert(format!("{name}/effect"), serde_json::to_value(&action.effect).unwrap_or_default());
        if schema.kind != Kind::Table {
            fields(&mut parts, &format!("{name}/input"), &action.input);
            parts.insert(format!("{name}/output"), action.output.clone());
        }
    }
    if let Some(table) = &schema.table {
        fields(&mut parts, "row", &table.row);
        parts.insert("table/search".to_owned(), table.search.clone().into());
        parts.insert("table/history".to_owned(), table.history.into());
        parts.insert(
            "table/default_sort".to_owned(),
            serde_json::to_value(&table.default_sort).unwrap_or_default(),
        );
    }
    parts
}

/// The fields of an object, each with whether it is needed. Its place among the others is no part of it: one that comes
/// moves those after it.
fn fields(parts: &mut BTreeMap<String, Value>, place: &str, schema: &Value) {
    let mut rest = schema.clone();
    if let Some(rest) = rest.as_object_mut() {
        rest.retain(|key, _| key != "properties" && key != "required");
    }
    parts.insert(place.to_owned(), rest);
    let required = schema["required"].as_array();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let needed = required.is_some_and(|all| all.iter().any(|it| it == name));
        let mut field = field.clone();
        if let Some(annotation) = field.get_mut(ANNOTATION_KEY).and_then(Value::as_object_mut) {
            annotation.remove("order");
        }
        parts.insert(format!("{place}/{name}"), Value::Array(vec![field, needed.into()]));
    }
}
