use axum::{Json, extract::State};
use kageos_core::{Code, Error, FileId, FileInfo};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use crate::{
    caller::Caller,
    extract::{At, Params},
    page,
    problem::Answer,
    routes::call::dispatch,
    shared::Shared,
    wire::FileList,
};

/// Which of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// At most so many, up to 500.
    limit: Option<u32>,
    /// Where the page before ended.
    next: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    items: Vec<FileInfo>,
    next: Option<String>,
}

/// The files of a function or directory, newest first.
#[utoipa::path(get, path = "/api/v1/files/{path}", tag = "files", operation_id = "list_files", params(("path" = String, Path, description = "The path without its first slash"), Which), responses((status = 200, body = FileList)))]
pub(in crate::routes) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    At(path): At,
    Params(which): Params<Which>,
) -> Answer<Json<FileList>> {
    let mut input = Map::from_iter([("limit".to_owned(), page::limit(which.limit)?.into())]);
    if let Some(next) = which.next {
        let next: FileId = next.parse().map_err(|_| Error::of(Code::InvalidCursor).at("/next"))?;
        input.insert("next".to_owned(), next.to_string().into());
    }
    let ask = super::ask(path, "list_files", Value::Object(input))?;
    let reply = dispatch(&shared, &caller, ask).await?;
    let Found { items, next } = serde_json::from_str(reply.output.get()).map_err(Error::internal)?;
    Ok(Json(FileList { items: items.into_iter().map(Into::into).collect(), next }))
}
