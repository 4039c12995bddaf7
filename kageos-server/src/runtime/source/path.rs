//! Where a file of the source lies.

use std::{fmt, str::FromStr};

use kageos_core::FieldError;
use serde::{Deserialize, Serialize};

/// Longest path, in bytes.
const MAX_BYTES: usize = 240;
/// Deepest path.
const MAX_DEPTH: usize = 12;
/// Names that are the platform's or git's own, wherever they stand.
const RESERVED: [&str; 3] = [".git", "git~1", ".cargo"];
/// The same at the top.
const RESERVED_AT_TOP: [&str; 3] = ["target", "rust-toolchain", "rust-toolchain.toml"];

/// The path of a file below the top of the source, with `/` between its names. It cannot lead out of there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourcePath(String);

/// Why a text is no [`SourcePath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SourcePathError {
    /// It is empty, or a name in it is.
    #[error("a path names a file below the top, and no name in it is empty")]
    Empty,
    /// It is longer or deeper than a path may be.
    #[error("a path has at most {MAX_BYTES} bytes and {MAX_DEPTH} names")]
    TooLong,
    /// A name leads upward or to the same place, ends with a dot or blank, or has a character that file systems or
    /// terminals take for something else.
    #[error("a name has no control character, no backslash, colon or wildcard, and is not a dot")]
    Name,
    /// A name is the platform's own.
    #[error("`.git`, `.cargo`, and at the top `target` and `rust-toolchain`, are the platform's own")]
    Reserved,
}

impl SourcePath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is wrong with a path in an input, at its place.
    pub(crate) fn read(text: &str, pointer: &str) -> Result<Self, FieldError> {
        text.parse().map_err(|error: SourcePathError| FieldError {
            pointer: pointer.to_owned(),
            code: "path".into(),
            message: error.to_string(),
        })
    }
}

impl FromStr for SourcePath {
    type Err = SourcePathError;

    fn from_str(text: &str) -> Result<Self, SourcePathError> {
        if text.len() > MAX_BYTES || text.split('/').count() > MAX_DEPTH {
            return Err(SourcePathError::TooLong);
        }
        for (depth, name) in text.split('/').enumerate() {
            if name.is_empty() {
                return Err(SourcePathError::Empty);
            }
            let odd = |c: char| c.is_control() || "\\:*?\"<>|".contains(c) || is_invisible(c);
            if name.chars().any(odd) || name.ends_with(['.', ' ']) || name.starts_with(' ') {
                return Err(SourcePathError::Name);
            }
            let lower = name.to_lowercase();
            if RESERVED.contains(&lower.as_str()) || (depth == 0 && RESERVED_AT_TOP.contains(&lower.as_str()))
            {
                return Err(SourcePathError::Reserved);
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// Characters that change how what follows is shown, or show nothing.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl TryFrom<String> for SourcePath {
    type Error = SourcePathError;

    fn try_from(text: String) -> Result<Self, SourcePathError> {
        text.parse()
    }
}

impl From<SourcePath> for String {
    fn from(path: SourcePath) -> Self {
        path.0
    }
}

impl fmt::Display for SourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), SourcePathError>) {
        assert_eq!(text.parse::<SourcePath>().map(drop), expected, "{text:?}");
    }

    #[test]
    fn a_path_cannot_lead_out_of_the_source() {
        for fine in ["Cargo.toml", "src/main.rs", "data/Kunden 2026.csv", "docs/说明.md", "src/.hidden"] {
            check(fine, Ok(()));
        }
        for empty in ["", "/etc/passwd", "src//main.rs", "src/"] {
            check(empty, Err(SourcePathError::Empty));
        }
        for name in
            ["..", "../x", "src/../../x", ".", "a/./b", "a\\b", "c:x", "a\0b", "a\nb", "x.", "\u{202e}x"]
        {
            check(name, Err(SourcePathError::Name));
        }
        for own in [".git/config", "a/.GIT/hooks", ".cargo/config.toml", "target/x", "rust-toolchain.toml"] {
            check(own, Err(SourcePathError::Reserved));
        }
        check("src/target", Ok(()));
        check(&"x".repeat(241), Err(SourcePathError::TooLong));
        check(&vec!["x"; 13].join("/"), Err(SourcePathError::TooLong));
    }
}
