//! The one address: `/{namespace}/{workspace}/{directory…}/{name}.{kind}`.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Kind;

/// Longest code, in bytes.
pub const MAX_CODE: usize = 49;
/// Longest path, in bytes: fits an index key on every database.
pub const MAX_PATH: usize = 512;
/// Deepest path, in segments.
pub const MAX_DEPTH: usize = 16;
/// Namespaces that would collide with routes of the server.
pub const RESERVED_NAMESPACES: [&str; 6] = ["api", "mcp", "assets", "metrics", "healthz", "readyz"];

/// Whether `text` is a code: `^[a-z][a-z0-9_]{0,48}$`.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.first(), Some(b'a'..=b'z'))
        && bytes.len() <= MAX_CODE
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// The address of a directory (no kind) or a function. It has one spelling, so text and value are equal.
///
/// A function lies in a workspace: its path has at least three segments.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourcePath {
    text: Arc<str>,
    kind: Option<Kind>,
}

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A path starts with a slash, and no segment is empty.
    #[error("a path starts with a slash and has no empty segment")]
    Shape,
    /// Longer than [`MAX_PATH`] bytes.
    #[error("a path has at most {MAX_PATH} bytes")]
    TooLong,
    /// Deeper than [`MAX_DEPTH`] segments.
    #[error("a path has at most {MAX_DEPTH} segments")]
    TooDeep,
    /// A segment is not a code.
    #[error("{0:?} is not a code: a lower-case letter, then at most 48 letters, digits or underscores")]
    Segment(String),
    /// The ending is not a kind.
    #[error("{0:?} is not a kind: form, table, chart, docs or fn")]
    Kind(String),
    /// A kind in the namespace or the workspace.
    #[error("a function lies below a namespace and a workspace")]
    FunctionTooHigh,
    /// The namespace is one of [`RESERVED_NAMESPACES`].
    #[error("the namespace {0:?} is reserved")]
    Reserved(String),
}

impl ResourcePath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The kind of the function; `None` for a directory.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// The segments; the last one of a function without its kind.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text[1..].split('/').map(|segment| segment.split_once('.').map_or(segment, |(code, _)| code))
    }

    /// How many segments the path has, at least one.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.text[1..].split('/').count()
    }

    /// The first segment.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.segments().next().unwrap_or_default()
    }

    /// The last segment, without kind.
    #[must_use]
    pub fn code(&self) -> &str {
        self.segments().next_back().unwrap_or_default()
    }

    /// The path of the workspace this path is or lies in; `None` for a namespace.
    #[must_use]
    pub fn workspace(&self) -> Option<Self> {
        self.ancestors().nth(1)
    }

    /// The directory above; `None` for a namespace.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let cut = self.text.rfind('/').filter(|cut| *cut > 0)?;
        Some(Self { text: self.text[..cut].into(), kind: None })
    }

    /// The path and all above it, namespace first, the path itself last.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        let ends = self.text.match_indices('/').map(|(at, _)| at).skip(1).chain([self.text.len()]);
        ends.map(|end| {
            let whole = end == self.text.len();
            Self { text: self.text[..end].into(), kind: if whole { self.kind } else { None } }
        })
    }

    /// Whether the path is `above` or lies below it.
    #[must_use]
    pub fn is_within(&self, above: &Self) -> bool {
        let Some(rest) = self.text.strip_prefix(&*above.text) else { return false };
        rest.is_empty() || (above.kind.is_none() && rest.starts_with('/'))
    }

    /// The directory `code` in this directory.
    ///
    /// # Errors
    /// When `code` is not a code, or the result would be too deep or too long.
    pub fn directory(&self, code: &str) -> Result<Self, PathError> {
        format!("{self}/{code}").parse()
    }

    /// The function `code.kind` in this directory.
    ///
    /// # Errors
    /// When `code` is not a code, or the result would be too deep, too high or too long.
    pub fn function(&self, code: &str, kind: Kind) -> Result<Self, PathError> {
        format!("{self}/{code}.{kind}").parse()
    }

    /// What comes after the workspace, without a leading slash: `customer.table`, `hr/leave.form`, or nothing.
    #[must_use]
    pub fn in_workspace(&self) -> &str {
        self.text.match_indices('/').nth(2).map_or("", |(at, _)| &self.text[at + 1..])
    }
}

impl FromStr for ResourcePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        let body = text.strip_prefix('/').filter(|body| !body.is_empty()).ok_or(PathError::Shape)?;
        let mut kind = None;
        let mut depth = 0;
        for segment in body.split('/') {
            depth += 1;
            if kind.is_some() {
                return Err(PathError::Shape);
            }
            kind = check_segment(segment)?;
            if kind.is_some() && depth < 3 {
                return Err(PathError::FunctionTooHigh);
            }
            if depth == 1 && RESERVED_NAMESPACES.contains(&segment) {
                return Err(PathError::Reserved(segment.to_owned()));
            }
        }
        if depth > MAX_DEPTH {
            return Err(PathError::TooDeep);
        }
        Ok(Self { text: text.into(), kind })
    }
}

fn check_segment(segment: &str) -> Result<Option<Kind>, PathError> {
    let (code, kind) = match segment.split_once('.') {
        None => (segment, None),
        Some((code, ending)) => {
            let kind = Kind::parse(ending).ok_or_else(|| PathError::Kind(ending.to_owned()))?;
            (code, Some(kind))
        }
    };
    if code.is_empty() {
        return Err(PathError::Shape);
    }
    if !is_code(code) {
        return Err(PathError::Segment(code.to_owned()));
    }
    Ok(kind)
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for ResourcePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ResourcePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
