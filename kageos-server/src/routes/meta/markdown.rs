use axum::Json;
use kageos_core::{Code, Error};
use tokio::task::spawn_blocking;

use crate::{
    caller::Caller,
    docs,
    extract::Input,
    problem::Answer,
    wire::{MarkdownInput, MarkdownOutput},
};

/// Longest text, in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// Renders a text that stands in a field, as it is shown to people.
#[utoipa::path(post, path = "/api/v1/markdown", tag = "meta", operation_id = "render_markdown", request_body = MarkdownInput, responses((status = 200, body = MarkdownOutput)))]
pub(in crate::routes) async fn markdown(
    _: Caller,
    Input(input): Input<MarkdownInput>,
) -> Answer<Json<MarkdownOutput>> {
    if input.text.len() > MAX_TEXT {
        let message = format!("The text may have at most {MAX_TEXT} bytes.");
        return Err(Error::new(Code::PayloadTooLarge, message).at("/text").into());
    }
    let html = spawn_blocking(move || docs::prose(&input.text)).await.map_err(Error::internal)?;
    Ok(Json(MarkdownOutput { html }))
}
