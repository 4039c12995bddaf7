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
    extract::Input,
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    wire::{PatchRow, Row},
};

/// Changes fields of a row whose version `If-Match` names.
#[utoipa::path(patch, path = "/api/v1/rows/{path}/{id}", tag = "rows", operation_id = "update_row", params(("path" = String, Path, description = "The path without its first slash"), ("id" = String, Path), ("If-Match" = String, Header, description = "The version that was read")), request_body = PatchRow, responses((status = 200, body = Row)))]
pub(in crate::routes) async fn update(
    State(shared): State<Shared>,
    caller: Caller,
    address: Address,
    headers: HeaderMap,
    Input(row): Input<PatchRow>,
) -> Answer<Response> {
    let (id, version) = (address.row()?, expected_version(&headers)?);
    let input = json!({ "id": id, "version": version, "patch": row.patch });
    let reply = dispatch(&shared, &caller, Ask::new(address.table, ActionName::UPDATE, input)).await?;
    Ok(reply::output(StatusCode::OK, &reply))
}
