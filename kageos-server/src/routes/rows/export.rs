use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use kageos_core::{ActionName, Code, Error, ResourcePath, Result};
use kageos_sdk::table::escape;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::{address::Address, list::selection};
use crate::{
    caller::Caller,
    extract::Params,
    page::MAX_LIMIT,
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    view::View,
};

/// Which rows, and as what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// `csv`, which is also meant when nothing is said.
    format: Option<String>,
    /// A filter as JSON.
    filter: Option<String>,
    /// Fields in order, each with `-` for largest first.
    sort: Option<String>,
}

/// All rows of a table that match, as CSV that can be imported again. Each page is read with the rights that the caller has by then.
#[utoipa::path(get, path = "/api/v1/export/{path}", tag = "rows", params(("path" = String, Path, description = "The path without its first slash"), Which), responses((status = 200, body = String, content_type = "text/csv")))]
pub(in crate::routes) async fn export(
    State(shared): State<Shared>,
    caller: Caller,
    address: Address,
    Params(which): Params<Which>,
) -> Answer<Response> {
    address.only_table()?;
    if which.format.as_deref().is_some_and(|format| format != "csv") {
        return Err(crate::query::refused("format", "format must be csv").into());
    }
    let mut input = selection(which.filter.as_deref(), which.sort.as_deref())?;
    input.insert("limit".to_owned(), MAX_LIMIT.into());
    let name = format!("attachment; filename=\"{}.csv\"", address.table.code());
    let mut export = Export::begin(shared, caller, address.table, input)?;
    let first = export.page().await?;
    let pages = stream::try_unfold(Some((export, first)), Export::step);
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(pages)).into_response())
}

/// An export under way: one page is held, never the table.
struct Export {
    shared: Shared,
    caller: Caller,
    table: ResourcePath,
    input: Map<String, Value>,
    fields: Vec<String>,
    more: bool,
    headed: bool,
}

#[derive(Deserialize)]
struct Page {
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    values: Map<String, Value>,
}

impl Export {
    fn begin(shared: Shared, caller: Caller, table: ResourcePath, input: Map<String, Value>) -> Result<Self> {
        let view = View::of(&shared, &caller.actor);
        let function = shared.platform().mounts().function(view.node(&table)?);
        let schema = function.as_ref().and_then(|function| function.schema().table.as_ref());
        let schema = schema.ok_or_else(|| Error::of(Code::Unavailable))?;
        let properties = schema.row.get("properties").and_then(Value::as_object);
        let fields = properties.into_iter().flat_map(Map::keys).cloned().collect();
        drop(view);
        Ok(Self { shared, caller, table, input, fields, more: true, headed: false })
    }

    async fn page(&mut self) -> Result<Vec<u8>> {
        let ask = Ask::new(self.table.clone(), ActionName::SEARCH, Value::Object(self.input.clone()));
        let reply = dispatch(&self.shared, &self.caller, ask).await?;
        let page: Page = serde_json::from_str(reply.output.get()).map_err(Error::internal)?;
        self.more = page.next.is_some();
        self.input.extend(page.next.map(|next| ("next".to_owned(), next.into())));
        self.lines(&page.rows).map_err(Error::internal)
    }

    fn lines(&mut self, rows: &[Row]) -> csv::Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if !std::mem::replace(&mut self.headed, true) {
            writer.write_record(["id"].into_iter().chain(self.fields.iter().map(String::as_str)))?;
        }
        for row in rows {
            let cells = self.fields.iter().map(|field| cell(row.values.get(field)));
            writer.write_record([row.id.clone()].into_iter().chain(cells))?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }

    /// Gives the page that is ready and fetches the next one, if there is one, when it is wanted.
    async fn step(state: Option<(Self, Vec<u8>)>) -> Result<Option<(Vec<u8>, Option<(Self, Vec<u8>)>)>> {
        let Some((mut export, ready)) = state else { return Ok(None) };
        if !export.more {
            return Ok(Some((ready, None)));
        }
        let next = export.page().await?;
        Ok(Some((ready, Some((export, next)))))
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => escape(text),
        Some(other) => other.to_string(),
    }
}
