//! How a declaration lies in the database: names of table, columns and indexes.

use crate::table::Result;
use kageos_core::{Code, Error, Widget, hex, path::is_code};

use super::hash::sha256;
use crate::def::{ColumnKind, FieldDef, TableDef};

/// Columns that every table has; no field may be called so.
pub(crate) const SYSTEM_COLUMNS: [&str; 5] = ["id", "version", "created_at", "updated_at", "deleted_at"];
/// What a field's column with the folded text is called after the field.
pub(crate) const FOLDED: &str = "$folded";
/// Most fields of a table: with the columns for search it stays below every engine's limit of columns.
const MAX_FIELDS: usize = 200;

/// A table as the engine works with it.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) def: TableDef,
    /// The table's name in the database.
    pub(crate) name: String,
    pub(crate) columns: Vec<FieldColumn>,
}

/// The column of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldColumn {
    /// The field's own name.
    pub(crate) name: String,
    pub(crate) kind: ColumnKind,
    pub(crate) required: bool,
    /// The column with the folded text, for people's search and order.
    pub(crate) folded: Option<String>,
}

impl FieldColumn {
    /// The column that orders the field for people.
    pub(crate) fn sort_name(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.name)
    }
}

impl Table {
    /// # Errors
    /// When the declaration cannot be a table; every reason is listed.
    pub(crate) fn new(def: TableDef) -> Result<Self> {
        let mistakes = mistakes(&def);
        if !mistakes.is_empty() {
            let text = format!("{} cannot be a table: {}", def.path, mistakes.join("; "));
            return Err(Error::new(Code::InvalidInput, text));
        }
        let columns = def.fields.iter().map(|field| column(&def, field)).collect();
        Ok(Self { name: table_name(&def.path), columns, def })
    }

    /// The position of the field called `name`.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.def.fields.iter().position(|field| field.name == name)
    }

    /// The columns of every index, each ending with the id: those of fields that are declared so, of relations, and
    /// of the field that rows are ordered by when nothing else is asked. Of people's text the folded column, which
    /// serves order, prefix and equality.
    pub(crate) fn indexes(&self) -> Vec<String> {
        let first = self.def.default_sort.first().map(|sort| sort.field.as_str());
        let fields = self.def.fields.iter().zip(&self.columns);
        let indexed = fields.filter(|(field, column)| {
            let wanted =
                field.index || column.kind == ColumnKind::Relation || first == Some(column.name.as_str());
            wanted && can_index(column.kind)
        });
        indexed.map(|(_, column)| column.sort_name().to_owned()).collect()
    }

    /// Whether rows are found by this column through an index.
    pub(crate) fn has_index(&self, column: &str) -> bool {
        column == "id" || self.indexes().iter().any(|it| it == column)
    }

    /// Whether the field may stand in a filter.
    pub(crate) fn filterable(&self, position: usize) -> bool {
        let field = &self.def.fields[position];
        field.annotation.filter || field.column == ColumnKind::Relation
    }
}

/// The name of an index, the same on every engine and unique in the database.
pub(crate) fn index_name(table: &str, column: &str) -> String {
    format!("i_{}", &hex(&sha256(&format!("{table} {column}")))[..24])
}

/// The name in the database of the table at `path`.
pub(crate) fn table_name(path: &str) -> String {
    let inner = path.strip_suffix(".table").unwrap_or(path);
    match inner.rsplit_once('/') {
        None => format!("t_{inner}"),
        Some((_, code)) => format!("t_{code}_{}", &hex(&sha256(path))[..8]),
    }
}

fn can_index(kind: ColumnKind) -> bool {
    !matches!(kind, ColumnKind::LongText | ColumnKind::Json)
}

fn column(def: &TableDef, field: &FieldDef) -> FieldColumn {
    let folded = is_folded(def, field).then(|| format!("{}{FOLDED}", field.name));
    FieldColumn { name: field.name.clone(), kind: field.column, required: field.required, folded }
}

/// Text that people write, search and order.
fn is_folded(def: &TableDef, field: &FieldDef) -> bool {
    let annotation = &field.annotation;
    let written = matches!(
        annotation.widget,
        Widget::Text | Widget::Multiline | Widget::Markdown | Widget::Email | Widget::Link
    );
    let used = annotation.filter || annotation.sort || annotation.search || def.search.contains(&field.name);
    matches!(field.column, ColumnKind::Text | ColumnKind::LongText) && written && used
}

fn mistakes(def: &TableDef) -> Vec<String> {
    let mut found = Vec::new();
    let inner = def.path.strip_suffix(".table").unwrap_or("");
    if !inner.split('/').all(is_code) {
        found.push("its path is not that of a table".to_owned());
    }
    if def.fields.len() > MAX_FIELDS {
        found.push(format!("it has more than {MAX_FIELDS} fields"));
    }
    for (at, field) in def.fields.iter().enumerate() {
        let name = &field.name;
        if !is_code(name) {
            found.push(format!("{name:?} is no name of a field: lower-case letters, digits and underscores"));
        }
        if SYSTEM_COLUMNS.contains(&name.as_str()) {
            found.push(format!("every row has {name} by itself, so no field may be called so"));
        }
        if def.fields[..at].iter().any(|other| other.name == *name) {
            found.push(format!("the field {name} stands twice"));
        }
        if field.index && !can_index(field.column) {
            found.push(format!("the field {name} holds long text or a list and cannot be indexed"));
        }
        if field.annotation.sort && !can_index(field.column) {
            found.push(format!("the field {name} holds long text or a list and cannot be sorted by"));
        }
    }
    for name in def.search.iter().chain(def.default_sort.iter().map(|sort| &sort.field)) {
        if name != "id" && def.field(name).is_none() {
            found.push(format!("there is no field {name}"));
        }
    }
    found
}
