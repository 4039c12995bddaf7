//! Runs the actions of a table.

use std::{fmt, marker::PhantomData};

use async_trait::async_trait;
use kageos_core::{ActionName, Code, Error, Result, RowId};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::handler::{Handler, raw, unknown};
use crate::{Ctx, Map, Table, TableHooks, ctx::Rows, table::SearchQuery};

/// The handler of a table.
pub(super) struct Tables<T>(PhantomData<fn() -> T>);

impl<T> Tables<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for Tables<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<T>())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    id: RowId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Versioned {
    id: RowId,
    version: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    values: Map,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    id: RowId,
    version: i64,
    patch: Map,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    id: RowId,
    limit: Option<u32>,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bulk {
    op: BulkOp,
    ids: Vec<RowId>,
    patch: Option<Map>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BulkOp {
    Delete,
    Restore,
    Purge,
    Update,
}

fn given<T: for<'de> Deserialize<'de>>(input: Value) -> Result<T> {
    serde_json::from_value(input).map_err(|error| Error::field("", "type", error.to_string()))
}

#[async_trait]
impl<T: Table + TableHooks> Handler for Tables<T> {
    async fn call(&self, ctx: &Ctx, action: &ActionName, input: Value) -> Result<Box<RawValue>> {
        match action.as_str() {
            "search" | "get" | "history" => read::<T>(ctx, action, input).await,
            "bulk" => bulk::<T>(ctx, given(input)?).await,
            "import" => super::import::import::<T>(ctx, given(input)?).await,
            _ => write::<T>(ctx, action, input).await,
        }
    }
}

async fn read<T: Table>(ctx: &Ctx, action: &ActionName, input: Value) -> Result<Box<RawValue>> {
    let store = ctx.store();
    match action.as_str() {
        "search" => {
            let query: SearchQuery = given(input)?;
            raw(&store.search(T::PATH, query).await?)
        }
        "get" => {
            let One { id } = given(input)?;
            let row = store.get(T::PATH, id).await?;
            raw(&row.ok_or_else(|| Error::new(Code::NotFound, format!("there is no row {id}")))?)
        }
        "history" => {
            let History { id, limit, next } = given(input)?;
            raw(&store.history(T::PATH, id, limit, next.as_deref()).await?)
        }
        _ => Err(unknown(action)),
    }
}

async fn write<T: Table + TableHooks>(ctx: &Ctx, action: &ActionName, input: Value) -> Result<Box<RawValue>> {
    let rows: Rows<'_, T> = ctx.table();
    match action.as_str() {
        "create" => raw(&rows.create_values(given::<New>(input)?.values).await?),
        "update" => {
            let Changed { id, version, patch } = given(input)?;
            raw(&rows.update_values(id, Some(version), patch).await?)
        }
        "delete" => {
            let Versioned { id, version } = given(input)?;
            let version = rows.delete_version(id, Some(version)).await?;
            raw(&json!({ "id": id, "version": version }))
        }
        "restore" => {
            let One { id } = given(input)?;
            let row = ctx.unit().lock().await.restore(T::PATH, id).await?;
            raw(&row)
        }
        "purge" => {
            let One { id } = given(input)?;
            ctx.unit().lock().await.purge(T::PATH, id).await?;
            raw(&json!({ "id": id }))
        }
        _ => Err(unknown(action)),
    }
}

async fn bulk<T: Table + TableHooks>(ctx: &Ctx, bulk: Bulk) -> Result<Box<RawValue>> {
    if (bulk.op == BulkOp::Update) != bulk.patch.is_some() {
        return Err(Error::field("/patch", "required", "belongs to `update`, and only there"));
    }
    let rows: Rows<'_, T> = ctx.table();
    ctx.unit().lock().await.load(T::PATH, &bulk.ids).await?;
    for id in &bulk.ids {
        match bulk.op {
            BulkOp::Delete => drop(rows.delete_version(*id, None).await?),
            BulkOp::Restore => drop(ctx.unit().lock().await.restore(T::PATH, *id).await?),
            BulkOp::Purge => ctx.unit().lock().await.purge(T::PATH, *id).await?,
            BulkOp::Update => {
                drop(rows.update_values(*id, None, bulk.patch.clone().unwrap_or_default()).await?)
            }
        }
    }
    raw(&json!({ "changed": bulk.ids.len() }))
}
