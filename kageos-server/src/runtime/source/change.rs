//! Changes of files, held against what the caller had read.

use std::collections::BTreeMap;

use kageos_core::{Code, Error, FieldError, Result};
use serde::Deserialize;

use super::{Repository, SourcePath, repository::Files};

/// Largest file, in bytes: source is written by hand, data belongs into tables and files.
pub(crate) const MAX_FILE: usize = 1024 * 1024;

/// A file as it shall be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileWrite {
    /// Where.
    pub(crate) path: String,
    /// Its text; `None` removes it.
    pub(crate) text: Option<String>,
    /// The hash of what was read there; `None` when nothing is to be there.
    pub(crate) expected: Option<String>,
}

/// A passage that is replaced.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// What is there exactly once.
    pub(crate) old: String,
    /// What comes in its place.
    pub(crate) new: String,
}

/// Contents by path; `None` for what goes.
pub(crate) type Changes = BTreeMap<SourcePath, Option<Vec<u8>>>;

/// Checks all that is to be written against what is there, and says all that is wrong.
pub(crate) fn check(there: &Files, writes: Vec<FileWrite>) -> Result<Changes> {
    let (mut wrong, mut stale) = (Vec::new(), Vec::new());
    let mut changes = Changes::new();
    for (index, write) in writes.into_iter().enumerate() {
        let at = |field: &str| format!("/files/{index}/{field}");
        let path = match SourcePath::read(&write.path, &at("path")) {
            Ok(path) => path,
            Err(error) => {
                wrong.push(error);
                continue;
            }
        };
        if there.get(&path) != write.expected.as_ref() {
            stale.push(changed(there.get(&path), at("expected"), &path));
        }
        let content = write.text.map(String::into_bytes);
        if content.as_ref().is_some_and(|content| content.len() > MAX_FILE) {
            wrong.push(field(at("text"), "too_large", format!("{path} has more than {MAX_FILE} bytes.")));
        }
        if changes.insert(path, content).is_some() {
            wrong.push(field(at("path"), "twice", "The same file is named twice.".to_owned()));
        }
    }
    wrong.extend(misplaced(there, &changes));
    if !wrong.is_empty() {
        return Err(Error::invalid(wrong));
    }
    if !stale.is_empty() {
        let message = "Some of these files are not what they were when they were read.";
        return Err(Error { fields: stale, ..Error::new(Code::Conflict, message) });
    }
    // What stays the same is no change.
    let mut same = Vec::new();
    for (path, content) in &changes {
        let hash = content.as_deref().map(Repository::hash).transpose()?;
        if there.get(path) == hash.as_ref() {
            same.push(path.clone());
        }
    }
    same.iter().for_each(|path| drop(changes.remove(path)));
    Ok(changes)
}

fn changed(there: Option<&String>, pointer: String, path: &SourcePath) -> FieldError {
    let message = match there {
        Some(hash) => format!("{path} is {hash} now."),
        None => format!("{path} is not there any more."),
    };
    field(pointer, "changed", message)
}

/// A file cannot lie in a file, nor be where a folder is.
fn misplaced(there: &Files, changes: &Changes) -> Vec<FieldError> {
    let stays = there.keys().filter(|path| changes.get(*path).is_none_or(Option::is_some));
    let comes = changes.iter().filter(|(_, content)| content.is_some()).map(|(path, _)| path);
    let mut after: Vec<&str> = stays.chain(comes).map(SourcePath::as_str).collect();
    after.sort_unstable();
    after.dedup();
    let mut wrong = Vec::new();
    let known: std::collections::HashSet<&str> = after.iter().copied().collect();
    for path in &after {
        let above = path.match_indices('/').map(|(end, _)| &path[..end]);
        if let Some(file) = above.into_iter().find(|above| known.contains(above)) {
            wrong.push(field("/files".to_owned(), "path", format!("{path} would lie in the file {file}.")));
        }
    }
    wrong.truncate(20);
    wrong
}

/// A text after its edits, each of which has to fit exactly once.
pub(crate) fn edited(text: &str, edits: &[Edit]) -> Result<String> {
    let mut text = text.to_owned();
    let mut wrong = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        let pointer = format!("/edits/{index}/old");
        match text.matches(&edit.old).take(if edit.old.is_empty() { 0 } else { 2 }).count() {
            1 => text = text.replacen(&edit.old, &edit.new, 1),
            2 => wrong.push(field(pointer, "ambiguous", "This is there more than once.".to_owned())),
            _ => wrong.push(field(pointer, "not_found", "This is not there.".to_owned())),
        }
    }
    if wrong.is_empty() { Ok(text) } else { Err(Error::invalid(wrong)) }
}

fn field(pointer: String, code: &'static str, message: String) -> FieldError {
    FieldError { pointer, code: code.into(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &str, text: Option<&str>, expected: Option<&str>) -> FileWrite {
        FileWrite {
            path: path.to_owned(),
            text: text.map(str::to_owned),
            expected: expected.map(|text| Repository::hash(text.as_bytes()).unwrap()),
        }
    }

    fn there() -> Files {
        let file =
            |path: &str, text: &str| (path.parse().unwrap(), Repository::hash(text.as_bytes()).unwrap());
        Files::from([file("src/main.rs", "fn main() {}"), file("README.md", "Hello")])
    }

    #[track_caller]
    fn refused(writes: Vec<FileWrite>, code: Code, pointers: &[&str]) {
        let error = check(&there(), writes).unwrap_err();
        let found: Vec<_> = error.fields.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!((error.code, found.as_slice()), (code, pointers), "{error:?}");
    }

    #[test]
    fn a_file_is_written_only_over_what_was_read() {
        let fine = vec![
            write("src/main.rs", Some("fn main() { }"), Some("fn main() {}")),
            write("src/lib.rs", Some(""), None),
            write("README.md", None, Some("Hello")),
        ];
        let changes = check(&there(), fine).unwrap();
        assert_eq!(changes.len(), 3);
        let same = vec![write("README.md", Some("Hello"), Some("Hello"))];
        assert!(check(&there(), same).unwrap().is_empty());
        refused(vec![write("README.md", Some("x"), None)], Code::Conflict, &["/files/0/expected"]);
        refused(vec![write("gone.md", Some("x"), Some("y"))], Code::Conflict, &["/files/0/expected"]);
        refused(vec![write("README.md", None, Some("Hi"))], Code::Conflict, &["/files/0/expected"]);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = vec![
            write("../x", Some(""), None),
            write("a.rs", Some(&"x".repeat(MAX_FILE + 1)), None),
            write("b.rs", Some(""), None),
            write("b.rs", Some(""), None),
        ];
        let pointers = ["/files/0/path", "/files/1/text", "/files/3/path"];
        refused(wrong, Code::InvalidInput, &pointers);
        refused(vec![write("README.md/x", Some(""), None)], Code::InvalidInput, &["/files"]);
        refused(vec![write("src", Some(""), None)], Code::InvalidInput, &["/files"]);
    }

    #[test]
    fn an_edit_fits_exactly_once() {
        let edit = |old: &str, new: &str| Edit { old: old.to_owned(), new: new.to_owned() };
        assert_eq!(edited("a b c", &[edit("b", "x"), edit("x c", "y")]).unwrap(), "a y");
        let error = edited("a a", &[edit("a", "x"), edit("z", ""), edit("", "")]).unwrap_err();
        let found: Vec<_> = error.fields.iter().map(|it| (it.pointer.as_str(), it.code.as_ref())).collect();
        let expected =
            [("/edits/0/old", "ambiguous"), ("/edits/1/old", "not_found"), ("/edits/2/old", "not_found")];
        assert_eq!(found, expected);
    }
}
