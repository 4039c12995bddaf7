//! Finding text in the source.

use kageos_core::{Error, Result};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{Repository, change::MAX_FILE};

/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1024 * 1024;
/// Most characters of a line that are shown.
const MAX_LINE: usize = 300;

/// What is looked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// The text or pattern.
    pub(crate) query: String,
    /// It is a regular expression.
    #[serde(default)]
    pub(crate) regex: bool,
    /// Small and capital letters are different.
    #[serde(default)]
    pub(crate) case: bool,
    /// Only in this folder.
    pub(crate) under: Option<String>,
    /// Most matches.
    pub(crate) limit: Option<usize>,
}

/// A line that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Match {
    path: String,
    line: usize,
    column: usize,
    text: String,
}

/// Lines of a commit that match, in order, at most `limit`, and whether there are more.
pub(crate) fn search(
    repository: &Repository,
    commit: &str,
    query: &Query,
    limit: usize,
) -> Result<(Vec<Match>, bool)> {
    let pattern = pattern(query)?;
    let mut found = Vec::new();
    for entry in repository.list(commit)? {
        let path = entry.path.as_str();
        if entry.size > MAX_FILE as u64 || !is_under(path, query.under.as_deref()) {
            continue;
        }
        let Ok(text) = String::from_utf8(repository.content(&entry.hash)?) else { continue };
        for (index, line) in text.lines().enumerate() {
            let Some(hit) = pattern.find(line) else { continue };
            if found.len() == limit {
                return Ok((found, true));
            }
            let column = line[..hit.start()].chars().count() + 1;
            let text = line.chars().take(MAX_LINE).collect();
            found.push(Match { path: path.to_owned(), line: index + 1, column, text });
        }
    }
    Ok((found, false))
}

/// Whether a path lies in a folder.
pub(crate) fn is_under(path: &str, folder: Option<&str>) -> bool {
    let Some(folder) = folder.map(|folder| folder.trim_end_matches('/')).filter(|it| !it.is_empty()) else {
        return true;
    };
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn pattern(query: &Query) -> Result<Regex> {
    let text = if query.regex { query.query.clone() } else { regex::escape(&query.query) };
    let built = RegexBuilder::new(&text).case_insensitive(!query.case).size_limit(MAX_PATTERN).build();
    built.map_err(|error| Error::field("/query", "regex", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::is_under;

    #[test]
    fn a_folder_holds_what_lies_in_it() {
        for (path, folder, inside) in [
            ("src/main.rs", None, true),
            ("src/main.rs", Some(""), true),
            ("src/main.rs", Some("src"), true),
            ("src/main.rs", Some("src/"), true),
            ("src2/main.rs", Some("src"), false),
            ("src", Some("src"), false),
        ] {
            assert_eq!(is_under(path, folder), inside, "{path} {folder:?}");
        }
    }
}
