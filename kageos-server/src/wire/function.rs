use kageos_core as core;
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
    /// The function with its hash.
    #[must_use]
    pub fn new(schema: &core::FunctionSchema, hash: &str) -> Self {
        Self {
            kind: schema.kind,
            title: schema.title.clone(),
            description: schema.description.clone(),
            actions: schema.actions.iter().map(Action::from).collect(),
            table: schema.table.as_ref().map(TableSchema::from),
            hash: hash.to_owned(),
        }
    }
}

impl From<&core::ActionSchema> for Action {
    fn from(action: &core::ActionSchema) -> Self {
        Self {
            name: action.name.to_string(),
            title: action.title.clone(),
            right: action.right,
            effect: action.effect.clone(),
            input: action.input.clone(),
            output: action.output.clone(),
        }
    }
}

impl From<&core::TableSchema> for TableSchema {
    fn from(table: &core::TableSchema) -> Self {
        Self {
            row: table.row.clone(),
            search: table.search.clone(),
            history: table.history,
            default_sort: table.default_sort.clone(),
        }
    }
}
