use axum::{http::StatusCode, response::Response};
use kageos_core::{ActionName, ResourcePath, RowId};
use serde_json::json;

use super::reply;
use crate::{
    caller::Caller,
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    wire::Row,
};

/// A row; its version is the `ETag`.
#[utoipa::path(get, path = "/api/v1/rows/{path}/{id}", tag = "rows", operation_id = "row", params(("path" = String, Path, description = "The path without its first slash"), ("id" = String, Path)), responses((status = 200, body = Row)))]
pub(in crate::routes) async fn one(
    shared: &Shared,
    caller: &Caller,
    table: ResourcePath,
    row: RowId,
) -> Answer<Response> {
    let ask = Ask::new(table, ActionName::GET, json!({ "id": row }));
    Ok(reply::output(StatusCode::OK, &dispatch(shared, caller, ask).await?))
}
