//! Orders, and where a page goes on in one.
//!
//! Rows without a value stand last in both directions. Engines disagree on that, and an order that spells it
//! out is found in no index. So where the first key can be null a page is read in two segments: the rows that
//! have it, then the rows that have not; in each an index on (key, id) gives the order.

use crate::table::Result;
use kageos_core::{Error, FieldError, Sort, sql::Engine};
use sea_query::{Cond, Condition, Expr, ExprTrait, Order, SelectStatement};

use super::condition::value;
use crate::table::{cell::Cell, layout::Table, query::MAX_SORT, row::Record};

/// One key of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    column: String,
    /// The field by position; `None` for the id.
    field: Option<usize>,
    nullable: bool,
    desc: bool,
}

/// The rows that one statement reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment {
    /// All: the first key is never null.
    All,
    /// Those that have the first key.
    Filled,
    /// Those that have not.
    Null,
}

/// The keys of an order, the id last. The id follows the last step's direction, so that one index serves
/// both; alone it stands newest first.
///
/// # Errors
/// Every step that is wrong, with its pointer.
pub(super) fn keys(table: &Table, sort: &[Sort]) -> Result<Vec<Key>> {
    let mut errors = Vec::new();
    if sort.len() > MAX_SORT {
        return Err(Error::field("/sort", "max_items", format!("at most {MAX_SORT} steps")));
    }
    let given = !sort.is_empty();
    let steps = if given { sort } else { &table.def.default_sort };
    let mut keys: Vec<Key> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        match key(table, step, given) {
            Ok(key) if keys.iter().any(|other| other.column == key.column) => {}
            Ok(key) => keys.push(key),
            Err((code, message)) => {
                errors.push(FieldError { pointer: format!("/sort/{at}/field"), code: code.into(), message });
            }
        }
    }
    if !errors.is_empty() {
        return Err(Error::invalid(errors));
    }
    match keys.iter().position(|key| key.field.is_none()) {
        // Nothing is equal in the id.
        Some(id) => keys.truncate(id + 1),
        None => {
            let desc = keys.last().is_none_or(|key| key.desc);
            keys.push(Key { column: "id".to_owned(), field: None, nullable: false, desc });
        }
    }
    Ok(keys)
}

fn key(table: &Table, step: &Sort, given: bool) -> Result<Key, (&'static str, String)> {
    let desc = step.desc;
    if step.field == "id" {
        return Ok(Key { column: "id".to_owned(), field: None, nullable: false, desc });
    }
    let at = table
        .position(&step.field)
        .ok_or_else(|| ("unknown_field", format!("{} is no field of the table", step.field)))?;
    if given && !table.def.fields[at].annotation.sort {
        return Err(("not_sortable", format!("{} is not declared to be sorted by", step.field)));
    }
    let column = &table.columns[at];
    Ok(Key { column: column.sort_name().to_owned(), field: Some(at), nullable: !column.required, desc })
}

impl Key {
    pub(super) fn column(&self) -> &str {
        &self.column
    }

    /// The field's name, for people.
    pub(super) fn name<'a>(&'a self, table: &'a Table) -> &'a str {
        self.field.map_or("id", |at| &table.columns[at].name)
    }

    /// The key of a record.
    pub(super) fn cell(&self, table: &Table, record: &Record) -> Cell {
        match self.field {
            None => Cell::Int(record.id.as_i64()),
            Some(at) if table.columns[at].folded.is_some() => record.cells[at].folded(),
            Some(at) => record.cells[at].clone(),
        }
    }

    fn col(&self) -> Expr {
        Expr::col(self.column.clone())
    }
}

/// The segments that are left after the row with the keys `after`.
pub(super) fn segments(keys: &[Key], after: Option<&[Cell]>) -> Vec<Segment> {
    match (keys.first().is_some_and(|key| key.nullable), after.and_then(<[Cell]>::first)) {
        (false, _) => vec![Segment::All],
        (true, Some(Cell::Null)) => vec![Segment::Null],
        (true, _) => vec![Segment::Filled, Segment::Null],
    }
}

/// Narrows a select to a segment behind the row with the keys `after`, and orders it.
pub(super) fn narrow(
    select: &mut SelectStatement,
    engine: Engine,
    keys: &[Key],
    segment: Segment,
    after: Option<&[Cell]>,
) {
    let Some(first) = keys.first() else { return };
    match segment {
        Segment::All => {}
        Segment::Filled => {
            select.and_where(first.col().is_not_null());
        }
        Segment::Null => {
            select.and_where(first.col().is_null());
        }
    }
    // In its segment the first key is null for all rows or for none.
    let mut keys = keys.to_vec();
    keys[0].nullable = false;
    let after = match (segment, after) {
        (Segment::Null, Some([Cell::Null, rest @ ..])) => Some((&keys[1..], rest)),
        // The cursor lies in the segment before this one.
        (Segment::Null, _) => None,
        (_, after) => after.map(|after| (&keys[..], after)),
    };
    if let Some((keys, after)) = after {
        select.cond_where(behind(engine, keys, after));
    }
    // Where the first key is the same for all, PostgreSQL sees that the index has the order only when the key is
    // named, MySQL only when it is not.
    let skip = usize::from(segment == Segment::Null && engine != Engine::Postgres);
    for key in &keys[skip..] {
        if key.nullable {
            select.order_by_expr(key.col().is_null(), Order::Asc);
        }
        select.order_by(key.column.clone(), if key.desc { Order::Desc } else { Order::Asc });
    }
}

/// The condition on all rows behind the one with these keys.
fn behind(engine: Engine, keys: &[Key], after: &[Cell]) -> Condition {
    let one_way = keys.iter().all(|key| !key.nullable && key.desc == keys[0].desc);
    // MySQL finds no range for a comparison of tuples, the others none as good as for one.
    if one_way && engine != Engine::MySql && keys.len() > 1 {
        let left = Expr::tuple(keys.iter().map(Key::col));
        let right = Expr::tuple(after.iter().map(value));
        return Cond::all().add(if keys[0].desc { left.lt(right) } else { left.gt(right) });
    }
    let mut any = Cond::any();
    for at in 0..keys.len() {
        let Some(beyond) = beyond(&keys[at], &after[at]) else { continue };
        let mut all = Cond::all();
        for (key, cell) in keys[..at].iter().zip(after) {
            all = all.add(if cell.is_null() { key.col().is_null() } else { key.col().eq(value(cell)) });
        }
        any = any.add(all.add(beyond));
    }
    let bound = keys
        .first()
        .zip(after.first())
        .filter(|(key, cell)| keys.len() > 1 && !key.nullable && !cell.is_null());
    // Said once more for planners that look for a range outside the alternatives.
    let bound = bound
        .map(|(key, cell)| if key.desc { key.col().lte(value(cell)) } else { key.col().gte(value(cell)) });
    Cond::all().add(any).add_option(bound)
}

/// The condition that a key stands behind a value; `None` when nothing does.
fn beyond(key: &Key, cell: &Cell) -> Option<Condition> {
    if cell.is_null() {
        return None;
    }
    let further = if key.desc { key.col().lt(value(cell)) } else { key.col().gt(value(cell)) };
    Some(Cond::any().add(further).add_option(key.nullable.then(|| key.col().is_null())))
}
