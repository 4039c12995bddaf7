//! The actions of a table, derived from its one row.

use kageos_core::{ActionName, ActionSchema, Effect, Effects, FunctionSchema, Kind, TableSchema};
use serde_json::{Value, json};

use super::{action, filter, object};
use crate::{def::TableDef, field::row_id_schema};

/// Most rows on a page, and most ids in one bulk action.
const MAX_LIMIT: u32 = 500;
/// Most steps of an order.
const MAX_SORT: u32 = 5;
/// A cursor is a few sort values and a signature.
const MAX_CURSOR: u32 = 4_096;
/// Largest CSV text in one call; the server's limit on a body may be lower.
const MAX_CSV: u32 = 64 * 1024 * 1024;
/// An import of a hundred thousand rows takes a while.
const IMPORT_TIMEOUT_MS: u64 = 600_000;

const CREATES: Effects = Effects { creates: true, ..NOTHING };
const UPDATES: Effects = Effects { updates: true, ..NOTHING };
const DELETES: Effects = Effects { deletes: true, ..NOTHING };
const NOTHING: Effects =
    Effects { reads: false, creates: false, updates: false, deletes: false, external: false };

/// The schema of a table, with or without the action `import`: rows that go through hooks are created one by one.
pub(crate) fn table(table: &TableDef, with_import: bool) -> FunctionSchema {
    let mut actions =
        vec![search(table), get(table), create(table), update(table), delete(), restore(table), purge()];
    actions.push(bulk(table));
    if table.history {
        actions.push(history(table));
    }
    if with_import {
        actions.push(import());
    }
    FunctionSchema {
        kind: Kind::Table,
        title: table.title.clone(),
        description: table.description.clone(),
        tags: Vec::new(),
        actions,
        table: Some(TableSchema {
            row: object::stored(&table.fields),
            search: table.search.clone(),
            history: table.history,
            default_sort: table.default_sort.clone(),
        }),
    }
}

fn reads(table: &TableDef) -> Effect {
    Effect { audit: table.audit, ..Effect::of(Effects::READS) }
}

fn of(name: ActionName, title: &str, effect: Effect, input: Value, output: Value) -> ActionSchema {
    action(Kind::Table, name, title, effect, input, output)
}

fn closed(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn version() -> Value {
    json!({ "type": "integer", "minimum": 1 })
}

fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn page() -> Value {
    json!({ "type": ["string", "null"], "maxLength": MAX_CURSOR })
}

fn limit() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT })
}

fn row(table: &TableDef) -> Value {
    closed(
        json!({
            "id": row_id_schema(),
            "version": version(),
            "values": object::stored(&table.fields),
            "created_at": moment(),
            "updated_at": moment(),
        }),
        &["id", "version", "values", "created_at", "updated_at"],
    )
}

fn search(table: &TableDef) -> ActionSchema {
    let own = table.fields.iter().filter(|field| field.annotation.sort).map(|field| field.name.as_str());
    let sortable: Vec<&str> = std::iter::once("id").chain(own).collect();
    let step = closed(json!({ "field": { "enum": sortable }, "desc": { "type": "boolean" } }), &["field"]);
    let mut input = closed(
        json!({
            "filter": { "$ref": "#/$defs/filter" },
            "sort": { "type": "array", "items": step, "maxItems": MAX_SORT },
            "limit": limit(),
            "next": { "type": "string", "maxLength": MAX_CURSOR },
            "q": { "type": "string", "maxLength": filter::MAX_TEXT },
            "count": { "type": "boolean" },
            "bin": { "type": "boolean" },
        }),
        &[],
    );
    input["$defs"] = json!({ "filter": filter::filter(table) });
    let labels = json!({ "type": "object", "additionalProperties": {
        "type": "object", "additionalProperties": { "type": "string" },
    } });
    let output = closed(
        json!({
            "rows": { "type": "array", "items": row(table), "maxItems": MAX_LIMIT },
            "next": page(),
            "count": { "type": ["integer", "null"], "minimum": 0 },
            "labels": labels,
            "files": { "type": "object", "additionalProperties": { "type": "object" } },
        }),
        &["rows", "next", "count", "labels"],
    );
    of(ActionName::SEARCH, "Search", reads(table), input, output)
}

fn get(table: &TableDef) -> ActionSchema {
    let input = closed(json!({ "id": row_id_schema() }), &["id"]);
    of(ActionName::GET, "Open", reads(table), input, row(table))
}

fn create(table: &TableDef) -> ActionSchema {
    let input = closed(json!({ "values": object::entered(&table.fields) }), &["values"]);
    of(ActionName::CREATE, "Create", Effect::of(CREATES), input, row(table))
}

fn update(table: &TableDef) -> ActionSchema {
    let input = closed(
        json!({ "id": row_id_schema(), "version": version(), "patch": object::patch(&table.fields) }),
        &["id", "version", "patch"],
    );
    of(ActionName::UPDATE, "Change", Effect::of(UPDATES), input, row(table))
}

fn delete() -> ActionSchema {
    let shape = || closed(json!({ "id": row_id_schema(), "version": version() }), &["id", "version"]);
    of(ActionName::DELETE, "Delete", Effect::of(DELETES), shape(), shape())
}

/// Who may throw rows away may take them back: the same effect, so the same right.
fn restore(table: &TableDef) -> ActionSchema {
    let input = closed(json!({ "id": row_id_schema() }), &["id"]);
    of(ActionName::RESTORE, "Restore", Effect::of(DELETES), input, row(table))
}

fn purge() -> ActionSchema {
    let shape = || closed(json!({ "id": row_id_schema() }), &["id"]);
    let effect = Effect { undoable: false, ..Effect::of(DELETES) };
    of(ActionName::PURGE, "Remove for good", effect, shape(), shape())
}

fn bulk(table: &TableDef) -> ActionSchema {
    let input = closed(
        json!({
            "op": { "enum": ["delete", "restore", "purge", "update"] },
            "ids": { "type": "array", "items": row_id_schema(), "minItems": 1, "maxItems": MAX_LIMIT, "uniqueItems": true },
            "patch": object::patch(&table.fields),
        }),
        &["op", "ids"],
    );
    let output = closed(json!({ "changed": { "type": "integer", "minimum": 0 } }), &["changed"]);
    let effect = Effect::of(Effects { updates: true, ..DELETES });
    of(ActionName::BULK, "Change many", effect, input, output)
}

fn history(table: &TableDef) -> ActionSchema {
    let input = closed(
        json!({ "id": row_id_schema(), "limit": limit(), "next": { "type": "string", "maxLength": MAX_CURSOR } }),
        &["id"],
    );
    let values = || json!({ "type": ["object", "null"] });
    let entry = json!({
        "type": "object",
        "properties": {
            "version": version(),
            "op": { "enum": ["create", "update", "delete", "restore", "purge"] },
            "at": moment(),
            "actor": { "type": ["string", "null"] },
            "actor_kind": { "type": "string" },
            "actor_name": { "type": "string" },
            "source": { "type": "string" },
            "call": { "type": "string" },
            "trace": { "type": "string" },
            "old": values(),
            "new": values(),
        },
        "required": ["version", "op", "at", "actor", "actor_name", "call", "trace", "old", "new"],
        "additionalProperties": false,
    });
    let output = closed(
        json!({ "items": { "type": "array", "items": entry, "maxItems": MAX_LIMIT }, "next": page() }),
        &["items", "next"],
    );
    of(ActionName::HISTORY, "History", reads(table), input, output)
}

fn import() -> ActionSchema {
    let input = closed(json!({ "csv": { "type": "string", "maxLength": MAX_CSV } }), &["csv"]);
    let text = || json!({ "type": "string" });
    let fault = closed(
        json!({ "pointer": text(), "code": text(), "message": text() }),
        &["pointer", "code", "message"],
    );
    let line = closed(
        json!({ "line": { "type": "integer" }, "fields": { "type": "array", "items": fault } }),
        &["line", "fields"],
    );
    let count = || json!({ "type": "integer", "minimum": 0 });
    let output = closed(
        json!({ "created": count(), "failed": count(), "errors": { "type": "array", "items": line } }),
        &["created", "failed", "errors"],
    );
    let effect = Effect { timeout_ms: IMPORT_TIMEOUT_MS, ..Effect::of(CREATES) };
    of(ActionName::IMPORT, "Import", effect, input, output)
}
