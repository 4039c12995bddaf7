use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use kageos_core::{
    ActionName, Code, Error, FileId, FileInfo, ResourcePath, Result,
    platform::files::{Staged, right_of},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::receive;
use crate::{
    caller::Caller,
    extract::{At, Params},
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    view::View,
    wire::StoredFile,
};

/// The action that brings a file.
const ACTION: &str = "upload_file";

/// What it is called.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct How {
    /// The name of the file; folders in it are left out.
    name: String,
}

/// Brings a file to a function or directory: the body is the file, its content type the file's.
#[utoipa::path(post, path = "/api/v1/files/{path}", tag = "files", operation_id = "upload_file", params(("path" = String, Path, description = "The path without its first slash"), How), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 201, body = StoredFile)))]
pub(in crate::routes) async fn upload(
    State(shared): State<Shared>,
    caller: Caller,
    At(path): At,
    Params(how): Params<How>,
    request: Request,
) -> Answer<(StatusCode, Json<StoredFile>)> {
    if let Err(refused) = allowed(&shared, &caller, &path) {
        // The door refuses it too, and writes it down, before a body is read.
        dispatch(&shared, &caller, Ask { dry_run: true, ..ask(path, &nothing())? }).await?;
        return Err(refused.into());
    }
    let place = shared.0.uploads.take(caller.user.id);
    let busy =
        || Error::new(Code::TooManyRequests, "Too many uploads run at the same time; try again later.");
    let place = place.ok_or_else(busy)?;
    let staged = receive::receive(request, &shared, &caller, &how.name).await?;
    // What has come whole is brought to its place also when nobody waits for it any more.
    let work = async move {
        let _place = place;
        bring(&shared, &caller, path, staged).await
    };
    let file = tokio::spawn(work).await.map_err(Error::internal)??;
    Ok((StatusCode::CREATED, Json(file.into())))
}

/// Whether the caller may bring files there.
fn allowed(shared: &Shared, caller: &Caller, path: &ResourcePath) -> Result<()> {
    let view = View::of(shared, &caller.actor);
    let action = ActionName::new(ACTION).ok_or_else(|| Error::of(Code::UnknownAction))?;
    let held = view.rights(view.node(path)?);
    view.node_with(path, right_of(&action, path.kind(), held)).map(drop)
}

async fn bring(shared: &Shared, caller: &Caller, path: ResourcePath, staged: Staged) -> Result<FileInfo> {
    match dispatch(shared, caller, ask(path, &staged)?).await {
        Ok(reply) => serde_json::from_str(reply.output.get()).map_err(Error::internal),
        Err(error) => {
            shared.platform().files().drop_staged(staged.id).await;
            Err(error)
        }
    }
}

fn ask(path: ResourcePath, file: &Staged) -> Result<Ask> {
    let input = json!({
        "file": file.id, "name": file.name, "type": file.media_type, "size": file.size, "sha256": file.sha256,
    });
    super::ask(path, ACTION, input)
}

/// Stands for a file whose bytes are not even asked for.
fn nothing() -> Staged {
    let (id, sha256) = (FileId::NIL, "0".repeat(64));
    Staged { id, name: "file".to_owned(), media_type: String::new(), size: 0, sha256 }
}
