//! What kind of file some bytes are: what was said, held against what the first bytes show.

use crate::{Code, Error, Result};

/// How many of the first bytes are looked at.
pub(super) const HEAD: usize = 1_024;
/// The type of bytes of which nothing is known.
pub const UNKNOWN: &str = "application/octet-stream";
/// Longest media type, in bytes.
const MAX_TYPE: usize = 127;

/// Where in a file which bytes stand, the type they mean, and starts of the types that are kept in the same container.
struct Mark {
    at: usize,
    bytes: &'static [u8],
    means: &'static str,
    also: &'static [&'static str],
}

const fn mark(at: usize, bytes: &'static [u8], means: &'static str, also: &'static [&'static str]) -> Mark {
    Mark { at, bytes, means, also }
}

const ZIPPED: &[&str] = &[
    "application/x-zip-compressed",
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
    "application/vnd.ms-",
    "application/epub+zip",
    "application/java-archive",
    "application/vnd.android.package-archive",
];
const OLE: &[&str] = &["application/msword", "application/vnd.ms-", "application/vnd.visio"];
const TIMED: &[&str] = &["video/", "audio/", "image/heic", "image/heif", "image/avif"];

/// The more particular before the more general.
const MARKS: [Mark; 25] = [
    mark(0, b"%PDF-", "application/pdf", &["application/x-pdf"]),
    mark(0, b"\x89PNG\r\n\x1a\n", "image/png", &["image/apng", "image/x-png"]),
    mark(0, b"\xff\xd8\xff", "image/jpeg", &["image/jpg", "image/pjpeg"]),
    mark(0, b"GIF87a", "image/gif", &[]),
    mark(0, b"GIF89a", "image/gif", &[]),
    mark(8, b"WEBP", "image/webp", &[]),
    mark(8, b"WAVE", "audio/wav", &["audio/x-wav", "audio/vnd.wave", "audio/wave"]),
    mark(8, b"AVI ", "video/x-msvideo", &["video/avi"]),
    mark(0, b"BM", "image/bmp", &["image/x-ms-bmp", "image/x-bmp"]),
    mark(0, b"II*\0", "image/tiff", &["image/"]),
    mark(0, b"MM\0*", "image/tiff", &["image/"]),
    mark(0, b"\0\0\x01\0", "image/x-icon", &["image/vnd.microsoft.icon"]),
    mark(4, b"ftyp", "video/mp4", TIMED),
    mark(0, b"\x1aE\xdf\xa3", "video/webm", &["video/x-matroska", "audio/webm"]),
    mark(0, b"OggS", "audio/ogg", &["video/ogg", "application/ogg"]),
    mark(0, b"ID3", "audio/mpeg", &["audio/mp3"]),
    mark(0, b"fLaC", "audio/flac", &["audio/x-flac"]),
    mark(0, b"PK\x03\x04", "application/zip", ZIPPED),
    mark(0, b"PK\x05\x06", "application/zip", ZIPPED),
    mark(0, b"\x1f\x8b", "application/gzip", &["application/x-gzip", "application/x-tar"]),
    mark(0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", &[]),
    mark(0, b"Rar!\x1a\x07", "application/vnd.rar", &["application/x-rar"]),
    mark(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage", OLE),
    mark(0, b"SQLite format 3\0", "application/vnd.sqlite3", &["application/x-sqlite3"]),
    mark(0, b"\x7fELF", "application/x-executable", &["application/x-sharedlib", "application/x-elf"]),
];

/// A media type in its one spelling, without parameters.
///
/// # Errors
/// [`Code::UnsupportedMediaType`] when it is none.
pub fn plain(given: &str) -> Result<String> {
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !part.is_empty() && part.bytes().all(plain)
    };
    match essence.split_once('/') {
        _ if essence.is_empty() => Ok(UNKNOWN.to_owned()),
        Some((family, kind)) if token(family) && token(kind) && essence.len() <= MAX_TYPE => Ok(essence),
        _ => Err(Error::new(Code::UnsupportedMediaType, "The type of the file is no media type.")),
    }
}

/// The type of a file that is said to be `said`, in its one spelling, and begins with `head`.
///
/// # Errors
/// [`Code::UnsupportedMediaType`] when the bytes are something else.
pub(super) fn checked(said: &str, head: &[u8]) -> Result<String> {
    if let Some(mark) = MARKS.iter().find(|mark| mark.stands_in(head)) {
        return match said {
            UNKNOWN => Ok(mark.means.to_owned()),
            said if mark.allows(said) => Ok(said.to_owned()),
            said => Err(differs(said, mark.means)),
        };
    }
    let text = is_text(head);
    let marked = MARKS.iter().any(|mark| mark.means == said) && !head.is_empty();
    match said {
        said if marked => Err(differs(said, "something else")),
        said if claims_text(said) && !text => Err(differs(said, "no text")),
        said => Ok(said.to_owned()),
    }
}

fn differs(said: &str, found: &str) -> Error {
    Error::new(
        Code::UnsupportedMediaType,
        format!("The file is said to be {said}, and its bytes are {found}."),
    )
}

impl Mark {
    fn stands_in(&self, head: &[u8]) -> bool {
        head.get(self.at..).is_some_and(|rest| rest.starts_with(self.bytes))
    }

    fn allows(&self, said: &str) -> bool {
        said == self.means || self.also.iter().any(|start| said.starts_with(start))
    }
}

/// Whether a type means text, in which nothing may stand that no text holds.
fn claims_text(said: &str) -> bool {
    said.starts_with("text/")
        || ["application/json", "application/xml", "image/svg+xml"].contains(&said)
        || said.ends_with("+json")
        || said.ends_with("+xml")
}

/// Text has no NUL, but for text in words of two bytes that says so at its start.
fn is_text(head: &[u8]) -> bool {
    head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || !head.contains(&0)
}

/// Whether a browser may show a file of this type in a page of ours: pictures and documents that run nothing.
#[must_use]
pub fn is_harmless(media_type: &str) -> bool {
    ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "application/pdf"]
        .contains(&media_type)
}

#[cfg(test)]
mod tests {
    use super::{checked, is_harmless, plain};
    use crate::Code;

    #[test]
    fn what_the_bytes_show_counts() {
        let png = b"\x89PNG\r\n\x1a\n....";
        assert_eq!(checked("image/png", png).unwrap(), "image/png");
        assert_eq!(checked("application/octet-stream", png).unwrap(), "image/png");
        assert_eq!(checked("text/plain", png).unwrap_err().code, Code::UnsupportedMediaType);
        assert_eq!(checked("image/png", b"<html>").unwrap_err().code, Code::UnsupportedMediaType);
        let sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        assert_eq!(checked(sheet, b"PK\x03\x04rest").unwrap(), sheet);
        assert_eq!(checked("application/pdf", b"PK\x03\x04").unwrap_err().code, Code::UnsupportedMediaType);
        assert_eq!(checked("text/csv", b"a,b\n1,2").unwrap(), "text/csv");
        assert_eq!(checked("text/csv", b"a\0b").unwrap_err().code, Code::UnsupportedMediaType);
        assert_eq!(checked("text/csv", b"\xff\xfea\0").unwrap(), "text/csv");
        assert_eq!(checked("text/html", b"<script>").unwrap(), "text/html");
        assert_eq!(checked("application/x-own", b"\0\x02").unwrap(), "application/x-own");
    }

    #[test]
    fn a_type_has_one_spelling() {
        assert_eq!(plain("Text/CSV; charset=utf-8").unwrap(), "text/csv");
        assert_eq!(plain("").unwrap(), "application/octet-stream");
        for wrong in
            ["text", "text/", "/x", "te xt/a", "a/b/c", "text/a\nb", &format!("a/{}", "b".repeat(200))]
        {
            assert_eq!(plain(wrong).unwrap_err().code, Code::UnsupportedMediaType, "{wrong}");
        }
    }

    #[test]
    fn nothing_that_runs_is_shown() {
        assert!(is_harmless("image/png") && is_harmless("application/pdf"));
        assert!(!is_harmless("text/html") && !is_harmless("image/svg+xml") && !is_harmless("text/xml"));
    }
}
