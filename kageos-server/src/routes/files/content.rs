//! The bytes of a file as the body of an answer, with headers under which no browser runs what is in them.

use std::ops::Range;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use futures_util::stream;
use kageos_core::{
    FileInfo, Result,
    platform::files::{Content, media::is_harmless},
};

/// Bytes that are held at a time.
const PIECE: u64 = 1024 * 1024;
/// Nothing is loaded, nothing runs, and the page has no origin.
const SEALED: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";
/// The same for a document that the browser's own viewer shows, which does not work in a sandbox.
const VIEWED: &str =
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The tag of a file: its digest.
pub(super) fn tag(file: &FileInfo) -> String {
    format!("\"{}\"", file.sha256)
}

/// The headers of every answer with this file.
pub(super) fn headers(file: &FileInfo, inline: bool) -> HeaderMap {
    let shown = inline && is_harmless(&file.media_type);
    let policy = if shown && file.media_type == "application/pdf" { VIEWED } else { SEALED };
    let mut headers = HeaderMap::new();
    let mut set = |name, value: &str| {
        headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
    };
    set(header::CONTENT_TYPE, &file.media_type);
    set(header::CONTENT_DISPOSITION, &disposition(shown, &file.name));
    set(header::ETAG, &tag(file));
    set(header::ACCEPT_RANGES, "bytes");
    // Kept by the browser, which asks each time whether it may still show it.
    set(header::CACHE_CONTROL, "private, no-cache");
    set(header::CONTENT_SECURITY_POLICY, policy);
    set(RESOURCE_POLICY, "same-origin");
    headers
}

fn disposition(shown: bool, name: &str) -> String {
    let plain =
        |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\' | '%') || letter == ' ';
    let ascii: String = name.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
    let kind = if shown { "inline" } else { "attachment" };
    let encoded: String = name.bytes().map(escaped).collect();
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// The bytes of a range. The first are read before the answer begins, so that a storage which is away is told.
pub(super) async fn body(content: Content, range: Range<u64>) -> Result<Body> {
    let first = content.read(range.start..range.end.min(range.start.saturating_add(PIECE))).await?;
    let at = range.start + first.len() as u64;
    let pieces =
        stream::try_unfold((content, at..range.end, Some(first)), |(content, rest, ready)| async move {
            if let Some(ready) = ready {
                return Ok::<_, kageos_core::Error>(Some((ready, (content, rest, None))));
            }
            if rest.is_empty() {
                return Ok(None);
            }
            let piece = content.read(rest.start..rest.end.min(rest.start + PIECE)).await?;
            let next = rest.start + piece.len() as u64;
            Ok((!piece.is_empty()).then_some((piece, (content, next..rest.end, None))))
        });
    Ok(Body::from_stream(pieces))
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_name_stands_in_a_header_whatever_is_in_it() {
        let text = disposition(false, "Rechnung \"März\"; 100%.pdf");
        assert_eq!(
            text,
            "attachment; filename=\"Rechnung _M_rz_; 100_.pdf\"; \
             filename*=UTF-8''Rechnung%20%22M%C3%A4rz%22%3B%20100%25.pdf"
        );
        assert!(disposition(true, "a.png").starts_with("inline; filename=\"a.png\""));
    }
}
