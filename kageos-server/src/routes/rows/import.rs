use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use kageos_core::{ActionName, Code, Error, Right};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::{address::Address, reply};
use crate::{
    caller::Caller,
    extract::{self, Params},
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    view::View,
    wire::ImportOutput,
};

/// How.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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
    request: Request,
) -> Answer<Response> {
    address.only_table()?;
    let ask = |csv: String, dry_run: bool| Ask {
        dry_run,
        ..Ask::new(address.table.clone(), ActionName::IMPORT, json!({ "csv": csv }))
    };
    let may = View::of(&shared, &caller.actor).node_with(&address.table, Right::Write).map(drop);
    if let Err(refused) = may {
        // The door refuses it too, and writes it down, before a body is read.
        dispatch(&shared, &caller, ask(String::new(), true)).await?;
        return Err(refused.into());
    }
    let place = shared.0.imports.take(caller.user.id);
    let busy =
        || Error::new(Code::TooManyRequests, "Too many imports run at the same time; try again later.");
    let place = place.ok_or_else(busy)?;
    let csv = extract::csv(request, shared.0.limits).await?;
    let ask = ask(csv, how.dry_run.unwrap_or(false));
    // The place is held as long as the import runs, also when nobody waits for it any more.
    let work = async move {
        let _place = place;
        dispatch(&shared, &caller, ask).await
    };
    Ok(reply::output(StatusCode::OK, &tokio::spawn(work).await.map_err(Error::internal)??))
}
