//! Rows from CSV.

use std::{
    collections::{BTreeMap, HashSet},
    io::Read,
    sync::{Arc, Weak},
};

use jiff::{civil, tz::TimeZone};
use jsonschema::Validator;
use kageos_core::{Code, Error, FieldError, RowId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::task::{spawn_blocking, yield_now};

use super::{
    Result, Unit,
    cell::Cell,
    check::{new_cells, pointer},
    export::unescape,
    layout::Table,
    store::relations::{self, target},
    unit::MAX_UNIT_ROWS,
};
use crate::def::{ColumnKind, FieldDef};

/// Most rows of one import: what one transaction keeps within seconds, and a unit in memory.
pub const MAX_IMPORT_ROWS: usize = MAX_UNIT_ROWS;
/// Rows with mistakes that are told one by one; the rest is only counted.
const MAX_ROW_ERRORS: usize = 100;
/// Ids looked up at a time.
const ID_BLOCK: usize = 500;
/// Rows added to the unit before others have their turn: less than a millisecond.
const ADD_BLOCK: usize = 1000;

/// What an import found. Nothing is created when anything failed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Rows that were added to the unit.
    pub created: usize,
    /// Rows with mistakes.
    pub failed: usize,
    /// The first of them.
    pub errors: Vec<RowError>,
}

/// What is wrong with one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowError {
    /// The line that it starts on, from one; the first holds the names.
    pub line: u64,
    /// What is wrong in which column.
    pub fields: Vec<FieldError>,
}

impl Unit {
    /// Adds a row for every record of a CSV text whose first line names fields, by the rules of `create`. A column
    /// `id` gives the rows their ids. An empty cell is no value; a moment without a zone is in UTC.
    ///
    /// The text is read on a thread that may block, and no further once nobody waits. All or nothing: when a row is wrong none is added, and the report says what is wrong where.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such table, [`Code::InvalidInput`] when the first line does not fit,
    /// [`Code::PayloadTooLarge`] above [`MAX_IMPORT_ROWS`], else what the database answers.
    pub async fn import_csv(&mut self, path: &str, csv: impl Read + Send + 'static) -> Result<ImportReport> {
        let table = Arc::clone(self.store().table(path)?);
        let waiting = Arc::new(());
        let waits = Arc::downgrade(&waiting);
        let read = spawn_blocking(move || Import::read(table, csv, &waits));
        let mut import = read.await.map_err(Error::internal)??;
        drop(waiting);
        let mut wrong = BTreeMap::new();
        import.find_taken(self, &mut wrong).await?;
        import.find_missing(self, &mut wrong).await?;
        wrong.into_iter().for_each(|(line, fields)| import.fail(line, fields));
        if import.report.failed == 0 {
            import.report.created = import.rows.len();
            for (at, row) in import.rows.into_iter().enumerate() {
                if at % ADD_BLOCK == 0 {
                    yield_now().await;
                }
                let id = row.id.unwrap_or_else(|| self.store().row_id());
                self.add_cells(&import.table, id, row.cells)?;
            }
        }
        Ok(import.report)
    }
}

struct Import {
    table: Arc<Table>,
    columns: Vec<Target>,
    /// What `create` asks of a value that is not null, one a field.
    rules: Vec<Validator>,
    rows: Vec<NewRow>,
    ids: HashSet<RowId>,
    report: ImportReport,
}

struct NewRow {
    line: u64,
    id: Option<RowId>,
    cells: Vec<Cell>,
}

/// What a column of the file fills.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Id,
    Field(usize),
}

/// The fields that the first line names.
fn columns(table: &Table, reader: &mut csv::Reader<impl Read>) -> Result<Vec<Target>> {
    let mut errors = Vec::new();
    let mut columns = Vec::new();
    for name in reader.headers().map_err(unreadable)? {
        let name = name.trim_start_matches('\u{feff}').trim();
        let target = if name == "id" { Some(Target::Id) } else { table.position(name).map(Target::Field) };
        let (code, text) = match target {
            Some(Target::Field(at)) if table.def.fields[at].annotation.readonly => {
                ("readonly", "is not entered")
            }
            Some(target) if !columns.contains(&target) => {
                columns.push(target);
                continue;
            }
            Some(_) => ("unique", "names the field a second time"),
            None => ("unknown_field", "is no field of the table"),
        };
        errors.push(FieldError { pointer: pointer("", name), code: code.into(), message: text.to_owned() });
    }
    if errors.is_empty() { Ok(columns) } else { Err(Error::invalid(errors)) }
}

fn unreadable(error: csv::Error) -> Error {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => Error::field("/csv", "utf8", "the first line is not UTF-8"),
        _ => Error::field("/csv", "csv", "the text cannot be read").caused_by(error),
    }
}

/// The rules that the door checks the fields of a new row by.
fn rules(table: &Table) -> Result<Vec<Validator>> {
    let options = jsonschema::options().should_validate_formats(true).offline();
    let rule =
        |field: &FieldDef| options.build(&field.schema).map_err(|error| Error::internal(error.to_owned()));
    table.def.fields.iter().map(rule).collect()
}

impl Import {
    fn read(table: Arc<Table>, csv: impl Read, waits: &Weak<()>) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(csv);
        let (columns, rules) = (columns(&table, &mut reader)?, rules(&table)?);
        let (rows, ids, report) = (Vec::new(), HashSet::new(), ImportReport::default());
        let mut import = Self { table, columns, rules, rows, ids, report };
        import.records(&mut reader, waits)?;
        Ok(import)
    }

    fn records(&mut self, reader: &mut csv::Reader<impl Read>, waits: &Weak<()>) -> Result<()> {
        let mut record = csv::StringRecord::new();
        loop {
            if waits.strong_count() == 0 {
                return Err(Error::of(Code::DeadlineExceeded));
            }
            match reader.read_record(&mut record) {
                Ok(false) => return Ok(()),
                Ok(true) => self.record(&record),
                Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    self.fail(line, vec![field_error("", "utf8", "the line is not UTF-8")]);
                }
                Err(error) => return Err(unreadable(error)),
            }
            if self.rows.len() + self.report.failed > MAX_IMPORT_ROWS {
                let text = format!("one import brings at most {MAX_IMPORT_ROWS} rows");
                return Err(Error::new(Code::PayloadTooLarge, text));
            }
        }
    }

    fn record(&mut self, record: &csv::StringRecord) {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != self.columns.len() {
            let text = format!("has {} cells, the first line {}", record.len(), self.columns.len());
            return self.fail(line, vec![field_error("", "columns", &text)]);
        }
        let mut values = Map::new();
        let mut id = None;
        let mut errors = Vec::new();
        for (target, text) in self.columns.iter().zip(record) {
            match *target {
                Target::Id if text.is_empty() => {}
                Target::Id => match text.parse::<RowId>() {
                    Ok(found) => id = Some(found),
                    Err(_) => errors.push(field_error("/id", "type", "must be a positive whole number")),
                },
                Target::Field(at) => {
                    let column = &self.table.columns[at];
                    values.insert(column.name.clone(), value(column.kind, text));
                }
            }
        }
        let cells = new_cells(&self.table, &values, "").map_err(|more| errors.extend(more));
        self.check(&values, &mut errors);
        if id.is_some_and(|id| !self.ids.insert(id)) {
            errors.push(field_error("/id", "unique", "stands twice"));
        }
        match cells {
            Ok(cells) if errors.is_empty() => self.rows.push(NewRow { line, id, cells }),
            _ => self.fail(line, errors),
        }
    }

    /// Tells what breaks the schema of a field that nothing was told about yet.
    fn check(&self, values: &Map<String, Value>, errors: &mut Vec<FieldError>) {
        for (field, rule) in self.table.def.fields.iter().zip(&self.rules) {
            let Some(value) = values.get(&field.name).filter(|value| !value.is_null()) else { continue };
            let at = pointer("", &field.name);
            if rule.is_valid(value) || errors.iter().any(|error| error.pointer == at) {
                continue;
            }
            errors.extend(rule.iter_errors(value).map(|error| FieldError {
                pointer: format!("{at}{}", error.instance_path()),
                code: error.kind().keyword().to_owned().into(),
                message: error.masked().to_string(),
            }));
        }
    }

    fn fail(&mut self, line: u64, fields: Vec<FieldError>) {
        self.report.failed += 1;
        if self.report.errors.len() < MAX_ROW_ERRORS {
            self.report.errors.push(RowError { line, fields });
        }
    }

    /// Finds the ids that the table has already.
    async fn find_taken(&self, unit: &Unit, wrong: &mut Wrong) -> Result<()> {
        let ids: Vec<RowId> = self.rows.iter().filter_map(|row| row.id).collect();
        let mut taken = HashSet::new();
        for block in ids.chunks(ID_BLOCK) {
            let found = unit.store().records(&self.table, block).await?;
            taken.extend(found.into_iter().map(|record| record.id));
        }
        for row in self.rows.iter().filter(|row| row.id.is_some_and(|id| taken.contains(&id))) {
            let error = field_error("/id", "unique", "the table has a row with this id");
            wrong.entry(row.line).or_default().push(error);
        }
        Ok(())
    }

    /// Finds the rows that name others which are not there, nor come with them.
    async fn find_missing(&self, unit: &Unit, wrong: &mut Wrong) -> Result<()> {
        for (at, field) in self.table.def.fields.iter().enumerate() {
            let Some(path) = target(field) else { continue };
            let ids: HashSet<RowId> = self.rows.iter().filter_map(|row| named(row, at)).collect();
            let own = |id: &RowId| path == self.table.def.path && self.ids.contains(id);
            let ids: Vec<RowId> = ids.into_iter().filter(|id| !own(id) && !unit.has(path, *id)).collect();
            let there = unit.store().there(path, &ids).await?;
            let missing: HashSet<RowId> = ids.into_iter().filter(|id| !there.contains(id)).collect();
            for row in &self.rows {
                let Some(id) = named(row, at).filter(|id| missing.contains(id)) else { continue };
                let error = relations::missing(&pointer("", &field.name), path, id);
                wrong.entry(row.line).or_default().push(error);
            }
        }
        Ok(())
    }
}

/// What is wrong with lines, found when all were read.
type Wrong = BTreeMap<u64, Vec<FieldError>>;

/// The row that a cell names.
fn named(row: &NewRow, at: usize) -> Option<RowId> {
    match row.cells[at] {
        Cell::Int(id) => RowId::from_i64(id),
        _ => None,
    }
}

fn field_error(pointer: &str, code: &'static str, message: &str) -> FieldError {
    FieldError { pointer: pointer.to_owned(), code: code.into(), message: message.to_owned() }
}

/// The JSON value that a cell stands for. What does not fit stays text and is refused as such.
fn value(kind: ColumnKind, text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    let as_text = || Value::from(text);
    match kind {
        ColumnKind::Text | ColumnKind::LongText => unescape(text).into(),
        ColumnKind::Integer => text.parse::<i64>().map_or_else(|_| as_text(), Value::from),
        ColumnKind::Bool => match text {
            "true" | "TRUE" | "True" | "1" => Value::Bool(true),
            "false" | "FALSE" | "False" | "0" => Value::Bool(false),
            _ => as_text(),
        },
        ColumnKind::DateTime => date_time(text).unwrap_or_else(as_text),
        ColumnKind::Json => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
        ColumnKind::BigInteger | ColumnKind::Decimal { .. } | ColumnKind::Date | ColumnKind::Relation => {
            as_text()
        }
    }
}

/// A day or a moment without a zone, in UTC.
fn date_time(text: &str) -> Option<Value> {
    if text.parse::<Timestamp>().is_ok() {
        return None;
    }
    let local: civil::DateTime = text.parse().ok()?;
    let time = TimeZone::UTC.to_timestamp(local).ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()).to_string().into())
}
