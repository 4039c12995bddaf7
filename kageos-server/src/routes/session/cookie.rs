//! The cookie of a session.

use axum::http::{HeaderName, HeaderValue, header};
use kageos_core::{Error, Result};

use crate::{caller::COOKIE, shared::Shared};

/// Keeps `token` for `seconds`; with 0 it is forgotten.
pub(super) fn set(shared: &Shared, token: &str, seconds: u64) -> Result<[(HeaderName, HeaderValue); 1]> {
    let secure = if shared.0.secure_cookies { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    Ok([(header::SET_COOKIE, HeaderValue::from_str(&text).map_err(Error::internal)?)])
}
