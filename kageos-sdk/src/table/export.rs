//! Rows as CSV, a block at a time.

use std::sync::Arc;

use kageos_core::Error;
use serde_json::Value;

use super::{Result, SearchQuery, Store, cell::Cell, layout::Table, row::Record, store::Plan};

/// Rows of one block: some hundred kilobytes, so that memory stays the same however long the table is.
const BLOCK_ROWS: u32 = 1000;
/// What a spreadsheet takes for the start of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The rows of a query as CSV, as long as somebody asks for the next block.
#[derive(Debug)]
pub struct CsvExport {
    store: Arc<Store>,
    plan: Plan,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    After(Vec<Cell>),
    Done,
}

impl Store {
    /// Starts an export of the rows of `query`; its limit and `next` say nothing here.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn export_csv(self: &Arc<Self>, path: &str, query: &SearchQuery) -> Result<CsvExport> {
        let plan = self.plan(path, query)?;
        Ok(CsvExport { store: Arc::clone(self), plan, state: State::Start })
    }
}

impl CsvExport {
    /// The next block of bytes, the first one with the names; `None` after the last one.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub async fn next_block(&mut self) -> Result<Option<Vec<u8>>> {
        let (after, first) = match std::mem::replace(&mut self.state, State::Done) {
            State::Done => return Ok(None),
            State::Start => (None, true),
            State::After(keys) => (Some(keys), false),
        };
        let block = self.store.block(&self.plan, after.as_deref(), BLOCK_ROWS).await?;
        if let Some(last) = block.last {
            self.state = State::After(last);
        }
        let bytes = write(self.plan.table(), &block.records, first).map_err(Error::internal)?;
        Ok(Some(bytes))
    }
}

fn write(table: &Table, records: &[Record], header: bool) -> std::result::Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    if header {
        writer.write_record(
            std::iter::once("id").chain(table.columns.iter().map(|column| column.name.as_str())),
        )?;
    }
    for record in records {
        writer.write_field(record.id.to_string())?;
        for (column, cell) in table.columns.iter().zip(&record.cells) {
            match cell.decode(column.kind) {
                Value::Null => writer.write_field("")?,
                Value::String(text) if matches!(cell, Cell::Text(_)) => writer.write_field(escape(&text))?,
                Value::String(text) => writer.write_field(text)?,
                other => writer.write_field(other.to_string())?,
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))
}

/// A cell of a CSV file: text that no spreadsheet takes for a formula: an apostrophe stands before what looks like one. A number of
/// any kind, a telephone number too, can do no harm and stays as it is.
#[must_use]
pub fn escape(text: &str) -> String {
    if looks_like_formula(text) && !is_number(text) { format!("'{text}") } else { text.to_owned() }
}

/// The text that [`escape`] was given.
pub(crate) fn unescape(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| looks_like_formula(rest)).unwrap_or(text)
}

/// Whether a formula follows any number of apostrophes.
fn looks_like_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

fn is_number(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    !rest.is_empty()
        && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '(' | ')' | '.' | '-' | '/'))
}
