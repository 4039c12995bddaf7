//! Pages of lists.

use kageos_core::{Code, Error, Result, platform::identity::MAX_NAME};

use crate::query;

/// Entries of a page when nothing is said.
const DEFAULT_LIMIT: u32 = 100;
/// Most entries of a page.
pub(crate) const MAX_LIMIT: u32 = 500;

/// The number of entries that is asked for.
///
/// # Errors
/// [`Code::InvalidQuery`] when it is 0 or more than [`MAX_LIMIT`].
pub(crate) fn limit(given: Option<u32>) -> Result<u32> {
    match given.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(query::refused("limit", format!("limit must be from 1 to {MAX_LIMIT}"))),
    }
}

/// The first `limit` of `items` and, when there are more, the key of the last of them.
pub(crate) fn cut<T, K>(
    items: impl Iterator<Item = T>,
    limit: u32,
    key: impl Fn(&T) -> K,
) -> (Vec<T>, Option<K>) {
    let limit = limit as usize;
    let mut page: Vec<T> = items.take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(key);
    (page, next)
}

/// A cursor that is the text of the last entry: a line, no longer than any name here.
///
/// # Errors
/// [`Code::InvalidCursor`].
pub(crate) fn text(given: Option<&str>) -> Result<Option<&str>> {
    let fits = |text: &str| text.chars().count() <= MAX_NAME && !text.chars().any(char::is_control);
    if given.is_none_or(fits) { Ok(given) } else { Err(Error::of(Code::InvalidCursor).at("/next")) }
}

/// A cursor as what it was made from.
///
/// # Errors
/// [`Code::InvalidCursor`].
pub(crate) fn cursor<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>> {
    text.map(|text| text.parse().map_err(|_| Error::of(Code::InvalidCursor).at("/next"))).transpose()
}
