//! Headers that keep a browser from doing what nobody meant.

use std::path::Path;

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use serde_json::Value;

/// The same on every answer.
const CONSTANT: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
    ),
];

/// The content security policy, with the hashes of the constant style elements that the build of the web
/// application in `web` computed. Without such a list only its own files count.
pub(super) fn policy(web: &Path) -> HeaderValue {
    let hashes = std::fs::read(web.join("csp.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let styles = hashes.as_ref().map(style_sources).unwrap_or_default();
    let text = format!(
        "default-src 'self'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data: blob:; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&text)
        .unwrap_or(HeaderValue::from_static("default-src 'self'; frame-ancestors 'none'"))
}

/// ` 'sha256-…'` for each hash below the key `style`.
fn style_sources(found: &Value) -> String {
    let hashes = found.get("style").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    hashes.filter(|text| is_hash(text)).map(|hash| format!(" '{hash}'")).collect()
}

fn is_hash(text: &str) -> bool {
    let digest = text.strip_prefix("sha256-").unwrap_or_default();
    !digest.is_empty() && digest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// Sets what protects; an answer is kept by nobody unless it says otherwise.
pub(super) fn protect(response: &mut Response, policy: &HeaderValue) {
    let headers = response.headers_mut();
    for (name, value) in CONSTANT {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| policy.clone());
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
