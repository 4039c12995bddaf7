//! What a row must be before it is written, whoever asks.

use kageos_core::FieldError;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{
    cell::{Cell, Mistake},
    layout::Table,
};
use crate::def::FieldDef;

/// The cells of a new row; an absent field has its default, or is null.
///
/// # Errors
/// Everything that is wrong, with pointers that start with `at`.
pub(crate) fn new_cells(
    table: &Table,
    values: &Map<String, Value>,
    at: &str,
) -> Result<Vec<Cell>, Vec<FieldError>> {
    let mut errors = unknown(table, values, at);
    let mut cells = Vec::with_capacity(table.columns.len());
    for field in &table.def.fields {
        let value = values.get(&field.name).or_else(|| field.schema.get("default")).unwrap_or(&Value::Null);
        cells.push(encode(field, value, at, &mut errors));
    }
    finish(table, cells, at, errors)
}

/// The cells of a row after `patch`.
///
/// # Errors
/// Everything that is wrong, with pointers that start with `at`.
pub(crate) fn patched_cells(
    table: &Table,
    cells: &[Cell],
    patch: &Map<String, Value>,
    at: &str,
) -> Result<Vec<Cell>, Vec<FieldError>> {
    let mut errors = unknown(table, patch, at);
    let mut cells = cells.to_vec();
    for (field, cell) in table.def.fields.iter().zip(&mut cells) {
        if let Some(value) = patch.get(&field.name) {
            *cell = encode(field, value, at, &mut errors);
        }
    }
    finish(table, cells, at, errors)
}

/// The cell of one value, and what is wrong with it.
fn encode(field: &FieldDef, value: &Value, at: &str, errors: &mut Vec<FieldError>) -> Cell {
    let checked = Cell::encode(field.column, value).and_then(|cell| keywords(field, value).map(|()| cell));
    checked.unwrap_or_else(|mistake| {
        errors.push(field_error(at, &field.name, mistake));
        Cell::Null
    })
}

/// Adds what only the whole row shows: fields that are needed and absent.
fn finish(
    table: &Table,
    cells: Vec<Cell>,
    at: &str,
    mut errors: Vec<FieldError>,
) -> Result<Vec<Cell>, Vec<FieldError>> {
    let conditional = table.def.fields.iter().any(|field| field.annotation.require_if.is_some());
    let whole = conditional.then(|| {
        let values = table.columns.iter().zip(&cells);
        Value::Object(values.map(|(column, cell)| (column.name.clone(), cell.decode(column.kind))).collect())
    });
    for (field, cell) in table.def.fields.iter().zip(&cells) {
        let asked = field.annotation.require_if.as_ref().zip(whole.as_ref());
        let needed = field.required || asked.is_some_and(|(condition, whole)| condition.holds(whole));
        let told = errors.iter().any(|error| error.pointer == pointer(at, &field.name));
        if needed && cell.is_null() && !told {
            errors.push(field_error(at, &field.name, Mistake::new("required", "is needed")));
        }
    }
    if errors.is_empty() { Ok(cells) } else { Err(errors) }
}

fn unknown(table: &Table, values: &Map<String, Value>, at: &str) -> Vec<FieldError> {
    let strange = values.keys().filter(|name| table.def.field(name).is_none());
    strange
        .map(|name| field_error(at, name, Mistake::new("unknown_field", "is no field of the table")))
        .collect()
}

fn field_error(at: &str, name: &str, mistake: Mistake) -> FieldError {
    FieldError { pointer: pointer(at, name), code: mistake.code.into(), message: mistake.message }
}

/// The JSON pointer of `name` below `at`.
pub(crate) fn pointer(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The bounds that a field's schema states for a plain value. The door checks the whole schema; this holds
/// where rows come in by another way, as in an import.
fn keywords(field: &FieldDef, value: &Value) -> Result<(), Mistake> {
    let bound = |keyword: &str| field.schema.get(keyword);
    if value.is_null() {
        return Ok(());
    }
    if let Some(allowed) = bound("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        return Err(Mistake::new("enum", "is none of the choices"));
    }
    if let Some(text) = value.as_str() {
        let length = text.chars().count() as u64;
        if let Some(min) = bound("minLength").and_then(Value::as_u64).filter(|min| length < *min) {
            return Err(Mistake::new("minLength", format!("has fewer than {min} characters")));
        }
        if let Some(max) = bound("maxLength").and_then(Value::as_u64).filter(|max| length > *max) {
            return Err(Mistake::new("maxLength", format!("has more than {max} characters")));
        }
    }
    let Some(number) = decimal(value) else { return Ok(()) };
    if let Some(min) = bound("minimum").filter(|min| decimal(min).is_some_and(|min| number < min)) {
        return Err(Mistake::new("minimum", format!("is less than {min}")));
    }
    if let Some(max) = bound("maximum").filter(|max| decimal(max).is_some_and(|max| number > max)) {
        return Err(Mistake::new("maximum", format!("is more than {max}")));
    }
    Ok(())
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(it) => it.to_string().parse().ok(),
        Value::String(it) => it.parse().ok(),
        _ => None,
    }
}
