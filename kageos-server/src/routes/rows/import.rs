use axum::{extract::State, http::StatusCode, response::Response};
use kageos_core::ActionName;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::{address::Address, reply};
use crate::{
    caller::Caller,
    extract::{Csv, Params},
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    wire::ImportOutput,
};

/// How.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct How {
    /// Says what would be made and makes nothing.
    dry_run: Option<bool>,
}

/// Makes rows from CSV whose first line names the fields.
#[utoipa::path(post, path = "/api/v1/import/{path}", tag = "rows", params(("path" = String, Path, description = "The path without its first slash"), How), request_body(content = String, content_type = "text/csv"), responses((status = 200, body = ImportOutput)))]
pub(in crate::routes) async fn import(
    State(shared): State<Shared>,
    caller: Caller,
    address: Address,
    Params(how): Params<How>,
    Csv(csv): Csv,
) -> Answer<Response> {
    address.only_table()?;
    let ask = Ask::new(address.table, ActionName::IMPORT, json!({ "csv": csv }));
    let ask = Ask { dry_run: how.dry_run.unwrap_or(false), ..ask };
    Ok(reply::output(StatusCode::OK, &dispatch(&shared, &caller, ask).await?))
}
