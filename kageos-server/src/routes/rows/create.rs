use axum::{extract::State, http::StatusCode, response::Response};
use kageos_core::ActionName;
use serde_json::json;

use super::{address::Address, reply};
use crate::{
    caller::Caller,
    extract::Input,
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    wire::{CreateRow, Row},
};

/// Makes a row.
#[utoipa::path(post, path = "/api/v1/rows/{path}", tag = "rows", operation_id = "create_row", params(("path" = String, Path, description = "The path without its first slash")), request_body = CreateRow, responses((status = 201, body = Row)))]
pub(in crate::routes) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    address: Address,
    Input(row): Input<CreateRow>,
) -> Answer<Response> {
    address.only_table()?;
    let ask = Ask::new(address.table, ActionName::CREATE, json!({ "values": row.values }));
    Ok(reply::output(StatusCode::CREATED, &dispatch(&shared, &caller, ask).await?))
}
