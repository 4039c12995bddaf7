//! `?` becomes `$1`, `$2` … for PostgreSQL, and nothing else changes.

use std::borrow::Cow;

/// The statement with numbered placeholders. Question marks in literals, quoted names and comments stay.
///
/// Knows the common dialect: `'…'`, `"…"`, `-- …` and `/* … */`; doubled quotes need no special care.
#[must_use]
pub fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('?') {
        return Cow::Borrowed(sql);
    }
    let mut out = String::with_capacity(sql.len() + 8);
    let mut count = 0_usize;
    let mut rest = sql;
    while let Some(at) = rest.find(['?', '\'', '"', '-', '/']) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let skipped = skipped(tail);
        if tail.starts_with('?') {
            count += 1;
            out.push('$');
            out.push_str(&count.to_string());
        } else {
            out.push_str(&tail[..skipped]);
        }
        rest = &tail[skipped..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The length of the quoted text, comment or single character at the start of `tail`.
fn skipped(tail: &str) -> usize {
    let (open, close) = match tail.as_bytes() {
        [b'\'', ..] => (1, "'"),
        [b'"', ..] => (1, "\""),
        [b'-', b'-', ..] => (2, "\n"),
        [b'/', b'*', ..] => (2, "*/"),
        _ => return 1,
    };
    tail[open..].find(close).map_or(tail.len(), |at| open + at + close.len())
}
