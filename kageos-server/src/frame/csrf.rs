//! A write that a foreign site made the browser send is refused.
//!
//! Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`; a request with neither was
//! not made by a browser. `Authorization` is never sent by a browser on its own, so a request that has it is exempt.

use axum::{
    extract::Request,
    http::{HeaderName, Method, header},
};
use kageos_core::{Code, Error, Result};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a write from another site.
pub(super) fn check(request: &Request, public_origin: Option<&str>) -> Result<()> {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let headers = request.headers();
    if safe || headers.contains_key(header::AUTHORIZATION) || same_site(request, public_origin) {
        Ok(())
    } else {
        Err(Error::of(Code::CrossSite))
    }
}

fn same_site(request: &Request, public_origin: Option<&str>) -> bool {
    let headers = request.headers();
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(given) = headers.get(header::ORIGIN) else { return true };
    let given = given.to_str().unwrap_or("null");
    // HTTP/2 has the host in the address.
    let named = request.uri().authority().map(|authority| authority.as_str());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(named);
    let authority = given.split_once("://").map(|(_, authority)| authority);
    public_origin == Some(given) || (authority.is_some() && authority == host)
}

/// The origin of a URL: scheme, host and port.
pub(super) fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    format!("{scheme}://{}", rest.split('/').next().unwrap_or_default())
}
