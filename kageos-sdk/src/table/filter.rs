//! Conditions on rows, as they come in and as they are checked.

use kageos_core::{FieldError, Widget};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    cell::{Cell, Mistake, fold},
    layout::Table,
};
use crate::def::ColumnKind;

/// Deepest nesting: deeper ones are made by no person and cost the planner.
pub const MAX_FILTER_DEPTH: usize = 8;
/// Most conditions in one filter.
pub const MAX_FILTER_NODES: usize = 100;
/// Longest text that is looked for, in bytes: as long as a short text.
pub(crate) const MAX_NEEDLE: usize = 512;
/// Most values of one `in`: a page of rows.
pub const MAX_IN: usize = 500;
/// Most values in one filter, of all its conditions: far below what a statement of any engine takes.
pub const MAX_FILTER_VALUES: usize = 2_000;

/// A condition on the rows of a table. Two-valued: a row that has no value meets `ne`, and `not` turns every
/// answer round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The field has this value; null for no value.
    Eq(String, Value),
    /// The field has another value, or none.
    Ne(String, Value),
    /// The field has one of these values.
    In(String, Vec<Value>),
    /// The text holds this one, upper or lower case; a list of texts has it as an item.
    Contains(String, String),
    /// The text starts with this one, upper or lower case.
    Starts(String, String),
    /// The value lies between two others, which count; null for an open end.
    Range(String, Value, Value),
    /// There is no value, or an empty text or list.
    Empty(String),
    /// All hold; true when there is none.
    And(Vec<Filter>),
    /// One holds; false when there is none.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
}

/// A filter whose fields exist and whose values fit them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Checked {
    All(Vec<Checked>),
    Any(Vec<Checked>),
    Not(Box<Checked>),
    Test(Subject, Test),
}

/// What a test reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Id,
    /// A field by position.
    Field(usize),
}

/// What a test asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Eq(Cell),
    In(Vec<Cell>),
    /// Text that is already folded where the field has a folded column.
    Contains(String),
    Starts(String),
    /// The JSON text of an item of a list.
    Item(String),
    Range(Option<Cell>, Option<Cell>),
    Empty,
}

impl Filter {
    /// The filter against a table's fields.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers that start with `at`.
    pub(crate) fn check(&self, table: &Table, at: &str) -> Result<Checked, Vec<FieldError>> {
        let mut check = Check { table, nodes: 0, values: 0, errors: Vec::new() };
        let checked = check.filter(self, at.to_owned(), 1);
        match checked {
            Some(checked) if check.errors.is_empty() => Ok(checked),
            _ => Err(check.errors),
        }
    }
}

struct Check<'a> {
    table: &'a Table,
    nodes: usize,
    values: usize,
    errors: Vec<FieldError>,
}

impl Check<'_> {
    fn filter(&mut self, filter: &Filter, at: String, depth: usize) -> Option<Checked> {
        self.nodes += 1;
        if self.nodes == MAX_FILTER_NODES + 1 {
            return self.wrong(
                at,
                "max_nodes",
                format!("a filter has at most {MAX_FILTER_NODES} conditions"),
            );
        }
        if self.nodes > MAX_FILTER_NODES {
            return None;
        }
        if depth > MAX_FILTER_DEPTH {
            return self.wrong(
                at,
                "max_depth",
                format!("a filter is nested at most {MAX_FILTER_DEPTH} deep"),
            );
        }
        match filter {
            Filter::And(parts) => self.parts(parts, &format!("{at}/and"), depth).map(Checked::All),
            Filter::Or(parts) => self.parts(parts, &format!("{at}/or"), depth).map(Checked::Any),
            Filter::Not(part) => {
                let part = self.filter(part, format!("{at}/not"), depth + 1)?;
                Some(Checked::Not(Box::new(part)))
            }
            Filter::Eq(field, value) => self.eq(field, value, &format!("{at}/eq")),
            Filter::Ne(field, value) => {
                Some(Checked::Not(Box::new(self.eq(field, value, &format!("{at}/ne"))?)))
            }
            Filter::In(field, values) => self.is_in(field, values, &format!("{at}/in")),
            Filter::Contains(field, text) => self.contains(field, text, &format!("{at}/contains")),
            Filter::Starts(field, text) => self.starts(field, text, &format!("{at}/starts")),
            Filter::Range(field, from, to) => self.range(field, from, to, &format!("{at}/range")),
            Filter::Empty(field) => {
                let subject = self.subject(field, format!("{at}/empty"))?;
                Some(Checked::Test(subject, Test::Empty))
            }
        }
    }

    fn parts(&mut self, parts: &[Filter], at: &str, depth: usize) -> Option<Vec<Checked>> {
        let checked: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(i, part)| self.filter(part, format!("{at}/{i}"), depth + 1))
            .collect();
        checked.into_iter().collect()
    }

    fn eq(&mut self, field: &str, value: &Value, at: &str) -> Option<Checked> {
        let subject = self.subject(field, format!("{at}/0"))?;
        let cell = self.value(subject, value, format!("{at}/1"))?;
        Some(Checked::Test(subject, Test::Eq(cell)))
    }

    fn is_in(&mut self, field: &str, values: &[Value], at: &str) -> Option<Checked> {
        let subject = self.subject(field, format!("{at}/0"))?;
        if values.len() > MAX_IN {
            return self.wrong(format!("{at}/1"), "max_items", format!("at most {MAX_IN} values"));
        }
        self.values += values.len();
        if self.values > MAX_FILTER_VALUES {
            let text = format!("a filter has at most {MAX_FILTER_VALUES} values");
            return self.wrong(format!("{at}/1"), "max_values", text);
        }
        let cells: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(i, value)| self.value(subject, value, format!("{at}/1/{i}")))
            .collect();
        Some(Checked::Test(subject, Test::In(cells.into_iter().collect::<Option<_>>()?)))
    }

    fn contains(&mut self, field: &str, text: &str, at: &str) -> Option<Checked> {
        let subject = self.subject(field, format!("{at}/0"))?;
        if text.len() > MAX_NEEDLE {
            return self.wrong(format!("{at}/1"), "max_bytes", format!("has more than {MAX_NEEDLE} bytes"));
        }
        if let Subject::Field(position) = subject {
            let field = &self.table.def.fields[position];
            if matches!(field.annotation.widget, Widget::MultiSelect | Widget::Files) {
                return Some(Checked::Test(subject, Test::Item(Value::from(text).to_string())));
            }
        }
        let text = self.text(subject, text, at)?;
        Some(Checked::Test(subject, Test::Contains(text)))
    }

    fn starts(&mut self, field: &str, text: &str, at: &str) -> Option<Checked> {
        let subject = self.subject(field, format!("{at}/0"))?;
        let text = self.text(subject, text, at)?;
        Some(Checked::Test(subject, Test::Starts(text)))
    }

    fn range(&mut self, field: &str, from: &Value, to: &Value, at: &str) -> Option<Checked> {
        let subject = self.subject(field, format!("{at}/0"))?;
        if self.kind(subject) == ColumnKind::Bool {
            return self.wrong(format!("{at}/0"), "type", "yes and no have no order".to_owned());
        }
        let from = self.value(subject, from, format!("{at}/1"))?;
        let to = self.value(subject, to, format!("{at}/2"))?;
        let end = |cell: Cell| (!cell.is_null()).then_some(cell);
        Some(Checked::Test(subject, Test::Range(end(from), end(to))))
    }

    fn subject(&mut self, field: &str, at: String) -> Option<Subject> {
        if field == "id" {
            return Some(Subject::Id);
        }
        match self.table.position(field) {
            None => self.wrong(at, "unknown_field", format!("{field} is no field of the table")),
            Some(position) if !self.table.filterable(position) => {
                self.wrong(at, "not_filterable", format!("{field} is not declared to be filtered by"))
            }
            Some(position) => Some(Subject::Field(position)),
        }
    }

    fn kind(&self, subject: Subject) -> ColumnKind {
        match subject {
            Subject::Id => ColumnKind::Relation,
            Subject::Field(position) => self.table.columns[position].kind,
        }
    }

    fn value(&mut self, subject: Subject, value: &Value, at: String) -> Option<Cell> {
        let kind = self.kind(subject);
        let cell = match kind {
            ColumnKind::Json => Err(Mistake::new("type", "a list is only asked what it contains")),
            kind => Cell::encode(kind, value),
        };
        match cell {
            Ok(cell) => Some(cell),
            Err(mistake) => self.wrong(at, mistake.code, mistake.message),
        }
    }

    /// The text to look for in a text field, folded where the field is.
    fn text(&mut self, subject: Subject, text: &str, at: &str) -> Option<String> {
        if !matches!(self.kind(subject), ColumnKind::Text | ColumnKind::LongText) {
            return self.wrong(format!("{at}/0"), "type", "the field holds no text".to_owned());
        }
        if text.len() > MAX_NEEDLE {
            return self.wrong(format!("{at}/1"), "max_bytes", format!("has more than {MAX_NEEDLE} bytes"));
        }
        if text.contains('\0') {
            return self.wrong(format!("{at}/1"), "pattern", "holds a NUL character".to_owned());
        }
        let Subject::Field(position) = subject else { return None };
        let folded = self.table.columns[position].folded.is_some();
        Some(if folded { fold(text) } else { text.to_owned() })
    }

    fn wrong<T>(&mut self, pointer: String, code: &'static str, message: String) -> Option<T> {
        self.errors.push(FieldError { pointer, code: code.into(), message });
        None
    }
}
