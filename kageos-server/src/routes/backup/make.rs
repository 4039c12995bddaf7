use std::{convert::Infallible, path::PathBuf, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use kageos_core::{Code, Error};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    backup::{Progress, Source, Tell},
    caller::Caller,
    extract::Input,
    problem::{self, Answer},
    record::recorded,
    shared::Shared,
    wire::{BackupInput, BackupLine, BackupMade, BackupProgress},
};

/// Lines that wait for the reader; of progress beyond that nobody is told.
const LINES: usize = 16;

/// Makes a backup of the running server in a folder of its machine, for `kagectl` there. Each line of the answer is JSON; the last one says what was made, or why not. Who stops reading ends it.
#[utoipa::path(post, path = "/api/v1/backup", tag = "meta", operation_id = "backup", request_body = BackupInput, responses((status = 200, body = BackupLine, content_type = "application/x-ndjson")))]
pub(in crate::routes) async fn make(
    State(shared): State<Shared>,
    caller: Caller,
    Input(request): Input<BackupInput>,
) -> Answer<Response> {
    caller.on_this_machine()?;
    let none = || Error::new(Code::NotFound, "This server has no state folder of its own.");
    let source = shared.0.backup.clone().ok_or_else(none)?;
    let to = PathBuf::from(request.to);
    if !to.is_absolute() {
        return Err(Error::field("/to", "absolute", "The path has to be an absolute one.").into());
    }
    let lines = follow(shared, caller, source, to);
    let lines = stream::unfold(lines, async |mut lines| Some((text(&lines.recv().await?), lines)));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// Makes the backup and tells of it.
fn follow(shared: Shared, caller: Caller, source: Source, to: PathBuf) -> mpsc::Receiver<BackupLine> {
    let (lines, told) = mpsc::channel(LINES);
    let (progress, stopping) = (lines.clone(), shared.0.stopping.clone());
    let tell: Tell = Arc::new(move |Progress { file, bytes, of }| {
        let progress_line = Some(BackupProgress { file, bytes, of });
        let _ = progress.try_send(BackupLine { progress: progress_line, ..BackupLine::default() });
        !progress.is_closed() && !stopping.is_cancelled()
    });
    tokio::spawn(async move {
        let (input, trace, folder) = (json!({ "to": to }), caller.trace, to.display().to_string());
        let work = async move {
            let manifest = source.take(&to, tell).await?;
            let made = BackupMade { backup: folder, files: manifest.files.len(), bytes: manifest.bytes() };
            let more = json!({ "files": made.files, "bytes": made.bytes });
            Ok((made, more))
        };
        let last = match recorded(&shared, &caller, "backup", input, work).await {
            Ok(made) => BackupLine { made: Some(made), ..BackupLine::default() },
            Err(error) => BackupLine { problem: Some(problem::told(error, trace)), ..BackupLine::default() },
        };
        // Who has gone does not want to know.
        let _ = lines.send(last).await;
    });
    told
}

fn text(line: &BackupLine) -> Result<String, Infallible> {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    Ok(text)
}
