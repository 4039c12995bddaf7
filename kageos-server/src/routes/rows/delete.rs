use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use kageos_core::ActionName;
use serde_json::json;

use super::{
    address::{Address, expected_version},
    reply,
};
use crate::{
    caller::Caller,
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    wire::RowVersion,
};

/// Moves a row whose version `If-Match` names to the recycle bin.
#[utoipa::path(delete, path = "/api/v1/rows/{path}/{id}", tag = "rows", operation_id = "delete_row", params(("path" = String, Path, description = "The path without its first slash"), ("id" = String, Path), ("If-Match" = String, Header, description = "The version that was read")), responses((status = 200, body = RowVersion)))]
pub(in crate::routes) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    address: Address,
    headers: HeaderMap,
) -> Answer<Response> {
    let input = json!({ "id": address.row()?, "version": expected_version(&headers)? });
    let reply = dispatch(&shared, &caller, Ask::new(address.table, ActionName::DELETE, input)).await?;
    Ok(reply::output(StatusCode::OK, &reply))
}
