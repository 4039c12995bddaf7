//! From the recorded declaration of a table to the present one, adding only.

use crate::table::Result;
use kageos_core::{Code, Error, TableStep, TableStepKind};
use serde::{Deserialize, Serialize};

use super::layout::{FOLDED, Table};
use crate::def::ColumnKind;

/// A table as it lies in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) fields: Vec<RecordedField>,
    /// The first columns of the indexes; each goes on with the id.
    pub(crate) indexes: Vec<String>,
}

/// A field as it lies in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedField {
    pub(crate) name: String,
    /// The name of its kind of column.
    pub(crate) kind: String,
    pub(crate) required: bool,
    /// Whether the folded column is there and filled.
    pub(crate) folded: bool,
    /// It was declared once and is not any more; its values stay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) kept: bool,
}

/// One change of a table. Each is made and recorded by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The column of a field.
    AddColumn(usize),
    /// The folded column of a field, filled from the field.
    AddFolded(usize),
    /// The default of a field where there is no value yet, because the field is needed now.
    FillDefault {
        /// The field.
        at: usize,
        /// Whether its folded column is there already.
        folded: bool,
    },
    /// The folded column of a field that nobody searches any more.
    DropFolded(usize),
    /// An index that starts with this column.
    AddIndex(String),
    /// An index that starts with this column, which nobody uses any more.
    DropIndex(String),
    /// Nothing in the table; only the record of a field.
    Note(usize),
    /// Nothing in the table: a field that is needed now has a value in every row already.
    Need(usize),
    /// Nothing in the table: a field that is not declared any more keeps its values, for when it is declared again.
    Leave(String),
    /// Nothing in the table: a field that was left is declared again.
    Reuse(usize),
}

impl Recorded {
    /// What is recorded of a table that was just made, before it has indexes.
    pub(crate) fn new(table: &Table) -> Self {
        let fields = (0..table.columns.len()).map(|at| RecordedField::of(table, at)).collect();
        Self { fields, indexes: Vec::new() }
    }

    /// The fields that are needed now and have no default: whether rows have them is asked of the table.
    pub(crate) fn unsure(&self, table: &Table) -> Vec<usize> {
        let needed = |at: &usize| {
            let name = &table.columns[*at].name;
            let known = self.fields.iter().any(|old| old.name == *name && old.required);
            table.columns[*at].required && !known && default(table, *at).is_none()
        };
        (0..table.columns.len()).filter(needed).collect()
    }

    /// Whether a field has a column yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|old| old.name == name)
    }

    /// What has to be done to make it `table`, in order. `filled` are the fields of [`Recorded::unsure`] that every row has.
    ///
    /// # Errors
    /// When a value would be lost: every reason with the steps to take.
    pub(crate) fn steps(&self, table: &Table, filled: &[usize]) -> Result<Vec<Step>> {
        let refused = self.refused(table, filled);
        if !refused.is_empty() {
            let text =
                format!("the declaration of {} would lose data: {}", table.def.path, refused.join("; "));
            return Err(Error::new(Code::Conflict, text));
        }
        let wanted = table.indexes();
        let gone = self.indexes.iter().filter(|it| !wanted.contains(it));
        let mut steps: Vec<Step> = gone.cloned().map(Step::DropIndex).collect();
        for at in 0..table.columns.len() {
            self.field_steps(table, at, filled.contains(&at), &mut steps);
        }
        // One that an older version has left has no mark in the record, and gets it now.
        let left = self.fields.iter().filter(|old| !old.kept && table.position(&old.name).is_none());
        steps.extend(left.map(|old| Step::Leave(old.name.clone())));
        let new = wanted.into_iter().filter(|it| !self.indexes.contains(it));
        steps.extend(new.map(Step::AddIndex));
        Ok(steps)
    }

    fn field_steps(&self, table: &Table, at: usize, filled: bool, steps: &mut Vec<Step>) {
        let wanted = RecordedField::of(table, at);
        let old = self.fields.iter().find(|field| field.name == wanted.name);
        if old.is_none() {
            steps.push(Step::AddColumn(at));
        }
        if old.is_some_and(|old| old.kept) {
            steps.push(Step::Reuse(at));
        }
        let needed = wanted.required && !old.is_some_and(|old| old.required);
        if needed && filled {
            steps.push(Step::Need(at));
        } else if needed {
            steps.push(Step::FillDefault { at, folded: old.is_some_and(|old| old.folded) && wanted.folded });
        }
        match (old.is_some_and(|old| old.folded), wanted.folded) {
            (false, true) => steps.push(Step::AddFolded(at)),
            (true, false) => steps.push(Step::DropFolded(at)),
            _ => {}
        }
        if old.is_some_and(|old| old.required && !wanted.required) {
            steps.push(Step::Note(at));
        }
    }

    /// Everything about `table` that data would be lost by, each with a way out.
    fn refused(&self, table: &Table, filled: &[usize]) -> Vec<String> {
        let mut refused = Vec::new();
        for old in &self.fields {
            let name = &old.name;
            let Some(at) = table.position(name) else { continue };
            let kind = kind_name(table.columns[at].kind);
            if kind != old.kind {
                refused.push(format!(
                    "the field {name} was {} and is now {kind} (leave it as it was, add a new field of the new type and copy the values over)",
                    old.kind
                ));
            }
        }
        for (at, field) in table.def.fields.iter().enumerate() {
            let name = &field.name;
            let old = self.fields.iter().find(|old| old.name == *name);
            let known = old.is_some_and(|old| old.required) || filled.contains(&at);
            if field.required && !known && default(table, at).is_none() {
                refused.push(format!(
                    "the field {name} is needed now and rows that are there have no value (give it a default, or leave it optional)"
                ));
            }
        }
        refused
    }

    /// Notes that a step is done.
    pub(crate) fn note(&mut self, table: &Table, step: &Step) {
        match step {
            Step::AddColumn(at) => {
                let field = RecordedField { required: false, folded: false, ..RecordedField::of(table, *at) };
                self.fields.push(field);
            }
            Step::AddFolded(at) => self.field(table, *at).folded = true,
            Step::DropFolded(at) => self.field(table, *at).folded = false,
            Step::FillDefault { at, .. } | Step::Need(at) => self.field(table, *at).required = true,
            Step::Note(at) => self.field(table, *at).required = false,
            Step::Leave(name) => self.fields.iter_mut().filter(|it| it.name == *name).for_each(|it| {
                // Rows that come without it have no value.
                it.required = false;
                it.kept = true;
            }),
            Step::Reuse(at) => self.field(table, *at).kept = false,
            Step::AddIndex(column) => self.indexes.push(column.clone()),
            Step::DropIndex(column) => self.indexes.retain(|it| it != column),
        }
    }

    fn field(&mut self, table: &Table, at: usize) -> &mut RecordedField {
        let wanted = RecordedField::of(table, at);
        let found = self.fields.iter().position(|field| field.name == wanted.name);
        let place = found.unwrap_or(self.fields.len());
        if found.is_none() {
            self.fields.push(wanted);
        }
        &mut self.fields[place]
    }
}

impl RecordedField {
    fn of(table: &Table, at: usize) -> Self {
        let column = &table.columns[at];
        Self {
            name: column.name.clone(),
            kind: kind_name(column.kind),
            required: column.required,
            folded: column.folded.is_some(),
            kept: false,
        }
    }
}

impl Step {
    /// What a platform is told of it; nothing of what only the record has to know.
    pub(crate) fn told(&self, table: &Table) -> Option<TableStep> {
        let name = |at: &usize| table.columns[*at].name.as_str();
        // By the field, for that is what its declaration says.
        let field = |column: &String| column.strip_suffix(FOLDED).unwrap_or(column).to_owned();
        let (step, name) = match self {
            Self::AddColumn(at) => (TableStepKind::AddColumn, name(at).to_owned()),
            Self::AddFolded(at) => (TableStepKind::AddSearchColumn, name(at).to_owned()),
            Self::FillDefault { at, .. } => (TableStepKind::FillDefault, name(at).to_owned()),
            Self::DropFolded(at) => (TableStepKind::DropSearchColumn, name(at).to_owned()),
            Self::AddIndex(column) => (TableStepKind::AddIndex, field(column)),
            Self::DropIndex(column) => (TableStepKind::DropIndex, field(column)),
            Self::Leave(name) => (TableStepKind::KeepField, name.clone()),
            Self::Reuse(at) => (TableStepKind::ReuseField, name(at).to_owned()),
            Self::Note(_) | Self::Need(_) => return None,
        };
        Some(TableStep { table: table.def.path.clone(), step, name: Some(name) })
    }
}

/// The default that the field's schema states.
pub(crate) fn default(table: &Table, at: usize) -> Option<&serde_json::Value> {
    table.def.fields[at].schema.get("default").filter(|value| !value.is_null())
}

fn kind_name(kind: ColumnKind) -> String {
    match kind {
        ColumnKind::Text => "text".to_owned(),
        ColumnKind::LongText => "long text".to_owned(),
        ColumnKind::Integer => "integer".to_owned(),
        ColumnKind::BigInteger => "big integer".to_owned(),
        ColumnKind::Bool => "yes or no".to_owned(),
        ColumnKind::Decimal { scale } => format!("decimal with {scale} places"),
        ColumnKind::Date => "date".to_owned(),
        ColumnKind::DateTime => "date and time".to_owned(),
        ColumnKind::Relation => "relation".to_owned(),
        ColumnKind::Json => "list".to_owned(),
    }
}
