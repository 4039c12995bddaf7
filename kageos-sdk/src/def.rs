//! A table as data: what the derive macro makes of a struct and what the table engine works from.

use kageos_core::{Annotation, Sort};
use serde_json::Value;

/// A table: its fields in order, and how its rows are found and kept.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDef {
    /// The path inside the workspace, for example `customer.table` or `hr/leave.table`.
    pub path: String,
    /// Its name for people.
    pub title: String,
    /// What it is for, Markdown.
    pub description: String,
    /// The fields apart from the row's id.
    pub fields: Vec<FieldDef>,
    /// The fields that free text is looked for in.
    pub search: Vec<String>,
    /// Whether old values are kept for every row.
    pub history: bool,
    /// The order when none is asked for; ends with the id, newest first, in any case.
    pub default_sort: Vec<Sort>,
    /// How much is recorded of what only reads it.
    pub audit: kageos_core::Audit,
}

impl TableDef {
    /// The field called `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldDef> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One field of a table or form.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDef {
    /// Its name, as in JSON and in the database.
    pub name: String,
    /// How it is stored.
    pub column: ColumnKind,
    /// Whether a value is needed; an optional field may be null.
    pub required: bool,
    /// Whether rows are found and ordered by it through an index, also where there are millions.
    pub index: bool,
    /// Its JSON Schema without the annotation, for a value that is not null.
    pub schema: Value,
    /// How it is shown and entered.
    pub annotation: Annotation,
}

/// How a field is stored. On the wire all are JSON as the field's schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Short text (at most 512 bytes), which can be indexed and sorted; a choice is stored so as well.
    Text,
    /// Long text.
    LongText,
    /// A whole number that fits a JSON number.
    Integer,
    /// A 64-bit whole number, a string on the wire.
    BigInteger,
    /// Yes or no.
    Bool,
    /// A number with `scale` decimal places, a string on the wire, stored as a scaled 64-bit integer.
    Decimal {
        /// How many decimal places.
        scale: u32,
    },
    /// A day, stored as text.
    Date,
    /// A moment, stored in microseconds.
    DateTime,
    /// A row of another table, a string on the wire, stored as a 64-bit integer.
    Relation,
    /// Lists and objects, stored as JSON text.
    Json,
}

/// An action with an input of its own: a form's `submit`, a function's `run`.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionDef {
    /// The path inside the workspace, for example `close_deal.form`.
    pub path: String,
    /// Its name for people.
    pub title: String,
    /// What it is for, Markdown.
    pub description: String,
    /// The fields of its input.
    pub fields: Vec<FieldDef>,
    /// What it does to the world.
    pub effect: kageos_core::Effect,
}
