use axum::{extract::State, response::Response};

use super::{
    address::Address,
    list::{self, Which},
    one,
};
use crate::{caller::Caller, extract::Params, problem::Answer, shared::Shared};

/// Reads a table or one of its rows, as the address says.
pub(in crate::routes) async fn read(
    State(shared): State<Shared>,
    caller: Caller,
    address: Address,
    Params(which): Params<Which>,
) -> Answer<Response> {
    match address.row_if_named() {
        Some(row) => one::one(&shared, &caller, address.table, row).await,
        None => list::list(&shared, &caller, address.table, which).await,
    }
}
