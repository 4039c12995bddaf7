//! What a client prefers (RFC 7240): not to wait for the end of a call.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};

/// The header.
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Longest time that is waited for a call before it is said that it runs on, in seconds.
const MAX_WAIT: u64 = 60;

/// How long the client waits for the end of a call, when it does not want to wait for all of it. What is malformed or
/// unknown is passed over, as a preference may be.
pub(super) fn respond_async(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(PREFER).into_iter().filter_map(|value| value.to_str().ok());
    let (mut wanted, mut wait) = (false, 0);
    for preference in values.flat_map(|value| value.split(',')).map(str::trim) {
        match preference.split_once('=') {
            None => wanted |= preference.eq_ignore_ascii_case("respond-async"),
            Some((name, seconds)) if name.trim().eq_ignore_ascii_case("wait") => {
                wait = seconds.trim().parse().unwrap_or(wait);
            }
            Some(_) => {}
        }
    }
    wanted.then(|| Duration::from_secs(wait.min(MAX_WAIT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_read_or_passed_over() {
        let check = |values: &[&'static str], wanted: Option<u64>| {
            let headers = values.iter().map(|value| (PREFER, value.parse().unwrap()));
            let found = respond_async(&headers.collect());
            assert_eq!(found, wanted.map(Duration::from_secs), "{values:?}");
        };
        check(&[], None);
        check(&["respond-async"], Some(0));
        check(&["Respond-Async, wait=10"], Some(10));
        check(&["wait=5", "handling=lenient , respond-async"], Some(5));
        check(&["respond-async, wait=86400"], Some(MAX_WAIT));
        check(&["respond-async, wait=-1"], Some(0));
        check(&["wait=10"], None);
        check(&["respond-asynchronously"], None);
    }
}
