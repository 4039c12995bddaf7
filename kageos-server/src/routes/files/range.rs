//! Which bytes of a file are asked for.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, header};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// All bytes.
    Whole,
    /// Some of them.
    Part(Range<u64>),
    /// Some that are not there.
    Outside,
}

/// What the headers ask for of a file of this size with this tag. Several ranges at once, another unit and what is no
/// range at all are answered with the whole, as HTTP has it.
pub(super) fn asked(headers: &HeaderMap, size: u64, tag: &str) -> Asked {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|known| known.trim() != tag) {
        return Asked::Whole;
    }
    let ends =
        text(header::RANGE).and_then(|range| range.trim().strip_prefix("bytes=")?.trim().split_once('-'));
    let Some((first, last)) = ends else { return Asked::Whole };
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    match (first, number(first), last, number(last)) {
        ("", _, _, Some(0)) => Asked::Outside,
        ("", _, _, Some(count)) => part(size.saturating_sub(count)..size),
        (_, Some(first), "", _) => part(first..size),
        (_, Some(first), _, Some(last)) if first <= last => part(first..size.min(last.saturating_add(1))),
        _ => Asked::Whole,
    }
}

fn part(range: Range<u64>) -> Asked {
    if range.is_empty() { Asked::Outside } else { Asked::Part(range) }
}

/// Whether the caller has these bytes already.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|text| text.split(',')).map(str::trim);
    known.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{Asked, asked, is_known};

    fn of(range: &'static str) -> Asked {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
        asked(&headers, 10, "\"t\"")
    }

    #[test]
    fn a_range_is_cut_to_what_is_there() {
        assert_eq!(of("bytes=0-3"), Asked::Part(0..4));
        assert_eq!(of("bytes=8-100"), Asked::Part(8..10));
        assert_eq!(of("bytes=4-"), Asked::Part(4..10));
        assert_eq!(of("bytes=-3"), Asked::Part(7..10));
        assert_eq!(of("bytes=-100"), Asked::Part(0..10));
        assert_eq!(of("bytes=10-"), Asked::Outside);
        assert_eq!(of("bytes=10-12"), Asked::Outside);
        assert_eq!(of("bytes=-0"), Asked::Outside);
        for whole in
            ["bytes=3-1", "bytes=0-1,3-4", "items=0-1", "bytes=-", "bytes=a-b", "bytes=+1-2", "nonsense"]
        {
            assert_eq!(of(whole), Asked::Whole, "{whole}");
        }
        assert_eq!(of("bytes=18446744073709551615-"), Asked::Outside);
        assert_eq!(of("bytes=0-18446744073709551615"), Asked::Part(0..10));
        assert_eq!(of("bytes=99999999999999999999-"), Asked::Whole);
    }

    #[test]
    fn an_old_tag_asks_for_the_whole() {
        let mut headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=0-3"))]);
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"t\""));
        assert_eq!(asked(&headers, 10, "\"t\""), Asked::Part(0..4));
        assert_eq!(asked(&headers, 10, "\"u\""), Asked::Whole);
    }

    #[test]
    fn a_known_tag_is_not_sent_again() {
        let known = |text| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(text))]);
            is_known(&headers, "\"t\"")
        };
        assert!(known("\"t\"") && known("W/\"t\"") && known("\"a\", \"t\"") && known("*"));
        assert!(!known("\"u\"") && !known("t"));
    }
}
