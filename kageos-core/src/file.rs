//! Files: what is known of one, and what a field lets in.

use serde::{Deserialize, Serialize};

use crate::{FileId, ResourcePath, Timestamp, UserId};

/// Longest name of a file, in bytes: what file systems take.
pub const MAX_FILE_NAME: usize = 255;

/// What is known of a file. Its bytes are read apart from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Its id, which says nothing about where its bytes lie.
    pub id: FileId,
    /// The function or directory that it belongs to: who may read there may read the file.
    pub path: ResourcePath,
    /// What people call it; never a path.
    pub name: String,
    /// Its media type, checked against its first bytes.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// When it came.
    pub created_at: Timestamp,
    /// Who brought it.
    pub created_by: Option<UserId>,
    /// Whether something names it; a file of a function that nothing names goes after a day.
    pub kept: bool,
}

/// A file that a function makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// What people call it.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Whether a field that lists `accept` takes a file: media types, `image/*`, or endings of names as `.csv`, with
/// commas between them.
#[must_use]
pub fn accepts(accept: &str, media_type: &str, name: &str) -> bool {
    let mut wishes = accept.split(',').map(str::trim).filter(|wish| !wish.is_empty());
    let name = name.to_ascii_lowercase();
    wishes.any(|wish| {
        let wish = wish.to_ascii_lowercase();
        match wish.strip_suffix('*') {
            _ if wish == "*/*" => true,
            Some(family) => family.ends_with('/') && media_type.starts_with(family),
            None if wish.starts_with('.') => name.ends_with(&wish),
            None => media_type == wish,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::accepts;

    #[test]
    fn a_field_says_what_it_takes() {
        assert!(accepts("image/*, .pdf", "image/png", "a.png"));
        assert!(accepts("image/*, .pdf", "application/octet-stream", "A.PDF"));
        assert!(accepts("*/*", "text/csv", "x"));
        assert!(!accepts("image/*", "imagex/png", "a.png"));
        assert!(!accepts("image/png", "image/pngx", "a.png"));
        assert!(!accepts("*", "image/png", "a"));
        assert!(!accepts("", "image/png", "a.png"));
    }
}
