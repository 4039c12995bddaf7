//! The one schema: what a function takes and gives, made once from a Rust type and lowered from there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ActionName, Effect, Kind, Predicate, ResourcePath, Right};

/// The key of the annotation object in a property of a JSON Schema.
pub const ANNOTATION_KEY: &str = "x-kageos";

/// A function: its kind, its text for people and agents, its actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionSchema {
    /// What kind of function.
    pub kind: Kind,
    /// Its name for people.
    pub title: String,
    /// What it is for, Markdown; people and agents read the same text.
    #[serde(default)]
    pub description: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What can be asked of it.
    pub actions: Vec<ActionSchema>,
    /// The row and its order, of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableSchema>,
}

impl FunctionSchema {
    /// The action called `name`.
    #[must_use]
    pub fn action(&self, name: &ActionName) -> Option<&ActionSchema> {
        self.actions.iter().find(|action| action.name == *name)
    }
}

/// One action: its effect record and one JSON Schema 2020-12 document each for input and output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionSchema {
    /// Its name.
    pub name: ActionName,
    /// Its name for people.
    pub title: String,
    /// The right it needs, as [`Right::of_action`] says.
    pub right: Right,
    /// What it does to the world.
    pub effect: Effect,
    /// What it takes.
    pub input: Value,
    /// What it gives.
    pub output: Value,
}

/// The row of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSchema {
    /// A JSON Schema of the row's values, a property a field, each with its [`Annotation`].
    pub row: Value,
    /// The fields that free text is looked for in.
    pub search: Vec<String>,
    /// Whether old values are kept.
    pub history: bool,
    /// The order of rows when none is asked for.
    pub default_sort: Vec<Sort>,
}

/// One step of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    /// The field.
    pub field: String,
    /// Largest first.
    #[serde(default)]
    pub desc: bool,
}

/// How a field is shown and entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Widget {
    /// One line of text.
    Text,
    /// Several lines of text.
    Multiline,
    /// Markdown.
    Markdown,
    /// A whole number.
    Integer,
    /// A number with a fixed count of decimal places, a string on the wire.
    Decimal,
    /// Yes or no.
    Switch,
    /// One of some values.
    Select,
    /// Several of some values.
    MultiSelect,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// A moment, RFC 3339.
    DateTime,
    /// An e-mail address.
    Email,
    /// A web address.
    Link,
    /// A file by id.
    File,
    /// Files by id.
    Files,
    /// A user by id.
    User,
    /// A row of another table by id.
    Relation,
    /// A list of objects with fields of their own.
    List,
    /// The row's id.
    Id,
}

/// What a property says beyond JSON Schema: the object under [`ANNOTATION_KEY`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// How it is shown and entered.
    pub widget: Widget,
    /// Its place among the fields, from zero.
    pub order: u32,
    /// The heading it stands under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The unit of the number: `EUR`, `kg`, `%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How many decimal places a decimal has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<u32>,
    /// An example in the empty field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// A sentence beside the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// It is a column of the list.
    pub list: bool,
    /// It can be filtered by.
    pub filter: bool,
    /// It can be sorted by.
    pub sort: bool,
    /// Free text is looked for in it.
    pub search: bool,
    /// It is shown and not entered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub readonly: bool,
    /// It is never written to a log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// The table whose row it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    /// The media types, families (`image/*`) and endings (`.csv`) of the files that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// The largest file that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The values to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// It is shown only when this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_if: Option<Predicate>,
    /// It is required when this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_if: Option<Predicate>,
    /// It cannot be changed when this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readonly_if: Option<Predicate>,
}

impl Annotation {
    /// The annotation of a field that is only shown.
    #[must_use]
    pub fn of(widget: Widget, order: u32) -> Self {
        Self {
            widget,
            order,
            group: None,
            unit: None,
            scale: None,
            placeholder: None,
            help: None,
            list: true,
            filter: false,
            sort: false,
            search: false,
            readonly: false,
            sensitive: false,
            relation: None,
            accept: None,
            max_bytes: None,
            choices: Vec::new(),
            show_if: None,
            require_if: None,
            readonly_if: None,
        }
    }

    /// The annotation in a property, when it has one that can be read.
    #[must_use]
    pub fn read(property: &Value) -> Option<Self> {
        Self::deserialize(property.get(ANNOTATION_KEY)?).ok()
    }
}

/// A table whose rows a field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// The table: a path, or before the app is installed a path inside its workspace without a leading slash.
    pub path: String,
    /// The field of that table that people read.
    pub label: String,
}

impl Relation {
    /// The table's path in `workspace`.
    ///
    /// # Errors
    /// When it is not a path.
    pub fn resolve(&self, workspace: &ResourcePath) -> Result<ResourcePath, crate::PathError> {
        if self.path.starts_with('/') {
            self.path.parse()
        } else {
            format!("{workspace}/{}", self.path).parse()
        }
    }
}

/// One value to choose, apart from how it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What is stored.
    pub value: String,
    /// What people read.
    pub label: String,
    /// A name of a colour of the theme: `neutral`, `info`, `success`, `warning`, `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}
