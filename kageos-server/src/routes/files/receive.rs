//! Takes the body of an upload as it comes; never more of it is held than the storage takes at a time.

use axum::{
    extract::Request,
    http::{HeaderName, header},
};
use http_body_util::BodyExt;
use kageos_core::{Code, Error, Result, platform::files::Staged};

use crate::{caller::Caller, shared::Shared};

/// The file whose bytes are the body.
pub(super) async fn receive(
    request: Request,
    shared: &Shared,
    caller: &Caller,
    name: &str,
) -> Result<Staged> {
    let (files, idle) = (shared.platform().files(), shared.0.limits.idle);
    let declared = text(&request, header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    if declared.is_some_and(|length| length > files.max_bytes()) {
        let message = format!("A file may have at most {} bytes.", files.max_bytes());
        return Err(Error::new(Code::PayloadTooLarge, message));
    }
    let media_type = text(&request, header::CONTENT_TYPE).unwrap_or_default();
    let mut body = request.into_body();
    let mut upload = files.begin(&caller.actor, name, &media_type).await?;
    let mut length = 0;
    loop {
        match tokio::time::timeout(idle, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(&[][..], |data| data);
                length += bytes.len() as u64;
                upload.push(bytes).await?;
            }
            Ok(Some(Err(_))) => return Err(cut_off()),
            Err(_) => return Err(Error::of(Code::RequestTimeout)),
        }
    }
    if declared.is_some_and(|declared| declared != length) {
        return Err(cut_off());
    }
    upload.finish().await
}

fn text(request: &Request, name: HeaderName) -> Option<String> {
    Some(request.headers().get(name)?.to_str().ok()?.to_owned())
}

fn cut_off() -> Error {
    Error::new(Code::InvalidInput, "The body ended too early.")
}
