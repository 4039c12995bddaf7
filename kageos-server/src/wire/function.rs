use kageos_core::{self as core, ResourcePath, schema::ANNOTATION_KEY};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a caller may do on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See it.
    Read,
    /// Create rows.
    Write,
    /// Change rows.
    Update,
    /// Delete, restore and purge rows.
    Delete,
    /// Submit forms and run functions.
    Run,
    /// Change the tree, and who may do what.
    Admin,
    /// Hand over or remove the path itself.
    Owner,
}

/// A named set of rights; each holds all of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Works with rows and runs functions.
    Member,
    /// Changes the tree and grants.
    Admin,
    /// Everything.
    Owner,
}

/// A function: what can be asked of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Function {
    /// What kind of function.
    #[schema(value_type = super::Kind)]
    pub kind: core::Kind,
    /// Its name for people.
    pub title: String,
    /// What it is for, Markdown.
    pub description: String,
    /// Its actions.
    pub actions: Vec<Action>,
    /// The row, of a table.
    #[schema(required)]
    pub table: Option<TableSchema>,
    /// Changes when anything of this changes.
    pub hash: String,
}

/// An action with its schemas.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The right it needs.
    #[schema(value_type = Right)]
    pub right: core::Right,
    /// What it does to the world.
    #[schema(value_type = Effect)]
    pub effect: core::Effect,
    /// What it takes: JSON Schema 2020-12.
    #[schema(value_type = Object)]
    pub input: Value,
    /// What it gives: JSON Schema 2020-12.
    #[schema(value_type = Object)]
    pub output: Value,
}

/// What an action does to the world.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Effect {
    /// `reads`, `creates`, `updates`, `deletes`, `external`.
    pub effects: Vec<String>,
    /// The same call twice leaves the same state as once.
    pub idempotent: bool,
    /// The rows it changed can be set back.
    pub undoable: bool,
    /// It can be tried without leaving a trace.
    pub dry_run: bool,
    /// `none`, or `required` when a person agrees first.
    pub approval: String,
    /// Longest run, in milliseconds.
    pub timeout_ms: u64,
    /// `people`, `agents`, `schedules`, `public`.
    pub audience: Vec<String>,
    /// `none`, `summary` or `full`: how much is recorded of it when it only reads.
    pub audit: String,
}

/// The row of a table.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TableSchema {
    /// JSON Schema, a property a field, each with `x-kageos`.
    #[schema(value_type = Object)]
    pub row: Value,
    /// The fields that free text is looked for in.
    pub search: Vec<String>,
    /// Whether old values are kept.
    pub history: bool,
    /// The order when none is asked for.
    #[schema(value_type = Vec<Sort>)]
    pub default_sort: Vec<core::Sort>,
}

/// One step of an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sort {
    /// The field.
    pub field: String,
    /// Largest first.
    pub desc: bool,
}

impl Function {
    /// The function with its hash, as it stands in `workspace`: where its schemas lead is told by whole paths.
    #[must_use]
    pub fn new(schema: &core::FunctionSchema, hash: &str, workspace: &ResourcePath) -> Self {
        Self {
            kind: schema.kind,
            title: schema.title.clone(),
            description: schema.description.clone(),
            actions: schema.actions.iter().map(|action| Action::new(action, workspace)).collect(),
            table: schema.table.as_ref().map(|table| TableSchema::new(table, workspace)),
            hash: hash.to_owned(),
        }
    }
}

impl Action {
    fn new(action: &core::ActionSchema, workspace: &ResourcePath) -> Self {
        Self {
            name: action.name.to_string(),
            title: action.title.clone(),
            right: action.right,
            effect: action.effect.clone(),
            input: whole(&action.input, workspace),
            output: whole(&action.output, workspace),
        }
    }
}

impl TableSchema {
    fn new(table: &core::TableSchema, workspace: &ResourcePath) -> Self {
        Self {
            row: whole(&table.row, workspace),
            search: table.search.clone(),
            history: table.history,
            default_sort: table.default_sort.clone(),
        }
    }
}

/// A schema whose annotations say where a relation or a chart leads by whole paths: an app says it as it stands in the
/// app, and knows nothing of where it is installed.
fn whole(schema: &Value, workspace: &ResourcePath) -> Value {
    match schema {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| {
                let annotated = name == ANNOTATION_KEY;
                let member = if annotated { annotation(member, workspace) } else { whole(member, workspace) };
                (name.clone(), member)
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| whole(item, workspace)).collect(),
        plain => plain.clone(),
    }
}

fn annotation(annotation: &Value, workspace: &ResourcePath) -> Value {
    let mut annotation = annotation.clone();
    for place in ["/relation/path", "/source"] {
        if let Some(Value::String(path)) = annotation.pointer_mut(place)
            && !path.starts_with('/')
        {
            *path = format!("{workspace}/{path}");
        }
    }
    annotation
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotations_lead_to_whole_paths() {
        let workspace = "/demo/crm".parse().unwrap();
        let check = |given: Value, wanted: Value| {
            let schema = |annotation: Value| json!({ "oneOf": [{ "properties": { "a": { "x-kageos": annotation } } }] });
            assert_eq!(whole(&schema(given), &workspace), schema(wanted));
        };
        let relation = |path: &str| json!({ "relation": { "path": path, "label": "name" }, "order": 1 });
        check(relation("customer.table"), relation("/demo/crm/customer.table"));
        check(relation("/other/app/customer.table"), relation("/other/app/customer.table"));
        check(
            json!({ "source": "sales/invoice.table" }),
            json!({ "source": "/demo/crm/sales/invoice.table" }),
        );
        check(json!({ "source": null, "widget": "text" }), json!({ "source": null, "widget": "text" }));
        let unannotated = json!({ "properties": { "source": { "const": "a.table" } } });
        assert_eq!(whole(&unannotated, &workspace), unannotated);
    }
}
