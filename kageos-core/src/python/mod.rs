//! Scripts in Python that the platform runs for a call of an app.
//!
//! A script finds what it is given in `input` and the files in its working folder; what it assigns to `output` is what it
//! gives, and each file that it makes in the folder `out`. What it prints is its text. It reaches no network, besides these
//! files only programs of the system, and nothing of it stays.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Code, Error, FieldError, HostCall, Result};

/// Largest script, in bytes.
pub const MAX_SOURCE: usize = 256 * 1024;
/// Largest input and output of a script, in bytes of JSON.
pub const MAX_JSON: usize = 4 * 1024 * 1024;
/// Most files that a script is given, and that it gives.
pub const MAX_FILES: usize = 64;
/// Bytes of these files, all together.
pub const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of what a script prints that are kept, the last ones.
pub const MAX_TEXT: usize = 64 * 1024;
/// Characters of its error that callers are told; `run.py` gives less.
const MAX_TOLD: usize = 600;
/// What its working folder has already.
const RESERVED: [&str; 2] = ["out", ".script.py"];
/// Bytes of the names and sizes of all files that it gives.
const MAX_HEADS: usize = 256 * 1024;
/// How long a script may run that says nothing, in milliseconds; the call's deadline ends it before.
pub const SCRIPT_TIMEOUT_MS: u64 = 30_000;
/// How long any script may run, in milliseconds.
pub const MAX_SCRIPT_TIMEOUT_MS: u64 = 300_000;
/// The arguments of Python with which it runs one script: [`PythonScript::head`] and the bytes of the files come to its
/// standard input, what [`PythonDone::of`] reads from its standard output, text from its standard error.
pub const ARGUMENTS: [&str; 6] = ["-I", "-B", "-X", "utf8", "-c", include_str!("run.py")];

/// Runs an app's scripts.
#[async_trait]
pub trait Python: Send + Sync + fmt::Debug {
    /// Runs a script for a call.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] when it is not well formed or names an environment that is not there,
    /// [`Code::ScriptFailed`] when it ends with an error or gives too much, [`Code::TooManyRequests`] when too many wait,
    /// [`Code::DeadlineExceeded`] when it took too long, [`Code::Cancelled`] when nobody waits for the call any more,
    /// [`Code::Unavailable`] where no scripts run.
    async fn run(&self, call: &HostCall, script: PythonScript) -> Result<PythonDone>;
}

/// A script and what it is given.
#[derive(Debug, Clone)]
pub struct PythonScript {
    /// Its text.
    pub source: String,
    /// What it finds in `input`.
    pub input: Arc<RawValue>,
    /// What it finds in its working folder.
    pub files: Vec<PythonFile>,
    /// The environment with the packages that it imports; without a name only what comes with Python.
    pub environment: Option<String>,
    /// How long it may run, in milliseconds, at most [`MAX_SCRIPT_TIMEOUT_MS`]; [`SCRIPT_TIMEOUT_MS`] when it says nothing.
    pub timeout_ms: Option<u64>,
}

/// What a script gives.
#[derive(Debug, Clone)]
pub struct PythonDone {
    /// What it assigned to `output`, or null.
    pub output: Arc<RawValue>,
    /// What it printed, at most [`MAX_TEXT`] bytes.
    pub text: String,
    /// What it made in the folder `out`.
    pub files: Vec<PythonFile>,
}

/// A file of a script.
#[derive(Clone, PartialEq, Eq)]
pub struct PythonFile {
    /// Its name, without a folder.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for PythonFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonFile").field("name", &self.name).field("bytes", &self.bytes.len()).finish()
    }
}

/// A script without the bytes of its files, which follow it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ScriptHead {
    source: String,
    input: Arc<RawValue>,
    files: Vec<FileHead>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
}

/// What a script gave, without the bytes of its files, which follow it.
#[derive(Debug, Serialize, Deserialize)]
pub struct DoneHead {
    output: Arc<RawValue>,
    #[serde(default)]
    text: String,
    files: Vec<FileHead>,
}

/// What `run.py` says.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    output: Option<Arc<RawValue>>,
    #[serde(default)]
    files: Vec<FileHead>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FileHead {
    name: String,
    size: usize,
}

impl PythonScript {
    /// Whether it can be run at all; everything that is wrong with it, at once.
    ///
    /// # Errors
    /// [`Code::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        let mut wrong = Vec::new();
        let mut field = |pointer: String, code: &'static str, message: String| {
            wrong.push(FieldError { pointer, code: code.into(), message });
        };
        if self.source.len() > MAX_SOURCE {
            field("/source".into(), "maxLength", format!("at most {MAX_SOURCE} bytes"));
        }
        if self.input.get().len() > MAX_JSON {
            field("/input".into(), "maxLength", format!("at most {MAX_JSON} bytes of JSON"));
        }
        if self.files.len() > MAX_FILES {
            field("/files".into(), "maxItems", format!("at most {MAX_FILES} files"));
        }
        if self.files.iter().map(|file| file.bytes.len()).sum::<usize>() > MAX_FILE_BYTES {
            field(
                "/files".into(),
                "maxLength",
                format!("at most {MAX_FILE_BYTES} bytes, all files together"),
            );
        }
        let mut names = HashSet::new();
        for (at, file) in self.files.iter().enumerate() {
            let pointer = format!("/files/{at}/name");
            if !is_name(&file.name) || RESERVED.contains(&file.name.as_str()) {
                field(pointer, "pattern", "the name of a file, without a folder".into());
            } else if !names.insert(&file.name) {
                field(pointer, "uniqueItems", "another file has this name".into());
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::invalid(wrong)) }
    }

    /// How long it may run.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(SCRIPT_TIMEOUT_MS).min(MAX_SCRIPT_TIMEOUT_MS))
    }

    /// Its bytes, with all that it is given.
    #[must_use]
    pub fn size(&self) -> usize {
        let files: usize = self.files.iter().map(|file| file.bytes.len()).sum();
        self.source.len() + self.input.get().len() + files
    }

    /// The line of JSON that comes before the bytes of the files.
    ///
    /// # Errors
    /// [`Code::Internal`] when it cannot be written.
    pub fn head(&self) -> Result<Vec<u8>> {
        let mut line = serde_json::to_vec(&self.to_head()).map_err(Error::internal)?;
        line.push(b'\n');
        Ok(line)
    }

    fn to_head(&self) -> ScriptHead {
        ScriptHead {
            source: self.source.clone(),
            input: Arc::clone(&self.input),
            files: heads(&self.files),
            environment: self.environment.clone(),
            timeout_ms: self.timeout_ms,
        }
    }

    #[cfg(any(feature = "link", test))]
    pub(crate) fn apart(self) -> (ScriptHead, Vec<u8>) {
        (self.to_head(), joined(self.files))
    }

    #[cfg(any(feature = "link", test))]
    pub(crate) fn joined(head: ScriptHead, bytes: &[u8]) -> Result<Self> {
        let ScriptHead { source, input, files, environment, timeout_ms } = head;
        let wrong = || Error::of(Code::InvalidInput).at("/files");
        Ok(Self { source, input, files: split(files, bytes).ok_or_else(wrong)?, environment, timeout_ms })
    }
}

impl PythonDone {
    /// What Python has written, a line of JSON and the bytes of files, and printed. `ended` says how it ended, when that is
    /// not as it should.
    ///
    /// # Errors
    /// [`Code::ScriptFailed`] when the script failed, or gives too much.
    pub fn of(ended: Option<&dyn fmt::Display>, written: &[u8], text: String) -> Result<Self> {
        let failed = |message: String| Error::new(Code::ScriptFailed, message);
        let line = written.iter().position(|byte| *byte == b'\n').map(|end| written.split_at(end + 1));
        let answer = line.and_then(|(line, bytes)| {
            let short = line.len() <= MAX_JSON + MAX_HEADS;
            Some((serde_json::from_slice::<Answer>(line).ok().filter(|_| short)?, bytes))
        });
        match (answer, ended) {
            (Some((Answer { error: Some(error), .. }, _)), _) => {
                let told = error.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TOLD);
                Err(failed(format!("The script failed: {}", told.collect::<String>())))
            }
            (_, Some(how)) => Err(failed(format!("The script was ended: {how}."))),
            (None, None) => Err(failed("The script gives no answer, or too much.".to_owned())),
            (Some((Answer { output, files, error: None }, bytes)), None) => {
                let output = output.unwrap_or_else(|| Arc::from(RawValue::NULL.to_owned()));
                if output.get().len() > MAX_JSON {
                    return Err(failed(format!("The script gives more than {MAX_JSON} bytes of JSON.")));
                }
                Self::joined(DoneHead { output, text: last(text, MAX_TEXT), files }, bytes)
            }
        }
    }

    #[cfg(any(feature = "link", test))]
    pub(crate) fn apart(self) -> (DoneHead, Vec<u8>) {
        let Self { output, text, files } = self;
        (DoneHead { output, text, files: heads(&files) }, joined(files))
    }

    pub(crate) fn joined(head: DoneHead, bytes: &[u8]) -> Result<Self> {
        let DoneHead { output, text, files } = head;
        let failed = |message: String| Err(Error::new(Code::ScriptFailed, message));
        if !files.iter().all(|file| is_name(&file.name)) {
            return failed("The script makes a file with a name that is none.".into());
        }
        match split(files, bytes) {
            Some(files) => Ok(Self { output, text, files }),
            None => {
                failed(format!("The script makes more than {MAX_FILES} files or {MAX_FILE_BYTES} bytes."))
            }
        }
    }
}

/// The end of a text, at most so many bytes.
#[must_use]
pub fn last(mut text: String, most: usize) -> String {
    let start = (text.len().saturating_sub(most)..=text.len()).find(|at| text.is_char_boundary(*at));
    text.drain(..start.unwrap_or_default());
    text
}

fn heads(files: &[PythonFile]) -> Vec<FileHead> {
    files.iter().map(|file| FileHead { name: file.name.clone(), size: file.bytes.len() }).collect()
}

#[cfg(any(feature = "link", test))]
fn joined(files: Vec<PythonFile>) -> Vec<u8> {
    let mut all = Vec::with_capacity(files.iter().map(|file| file.bytes.len()).sum());
    for file in files {
        all.extend(file.bytes);
    }
    all
}

/// The files that follow their heads; `None` when they are too many, too large or of another size than is said.
fn split(heads: Vec<FileHead>, mut bytes: &[u8]) -> Option<Vec<PythonFile>> {
    if heads.len() > MAX_FILES || bytes.len() > MAX_FILE_BYTES {
        return None;
    }
    let mut files = Vec::with_capacity(heads.len());
    for FileHead { name, size } in heads {
        let (own, rest) = bytes.split_at_checked(size)?;
        files.push(PythonFile { name, bytes: own.to_vec() });
        bytes = rest;
    }
    bytes.is_empty().then_some(files)
}

fn is_name(name: &str) -> bool {
    let plain = !name.chars().any(|c| c == '/' || c.is_control());
    plain && (1..=255).contains(&name.len()) && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(files: &[(&str, usize)]) -> PythonScript {
        let file =
            |(name, size): &(&str, usize)| PythonFile { name: (*name).to_owned(), bytes: vec![7; *size] };
        PythonScript {
            source: "output = input".into(),
            input: serde_json::value::to_raw_value(&1).unwrap().into(),
            files: files.iter().map(file).collect(),
            environment: None,
            timeout_ms: None,
        }
    }

    #[test]
    fn everything_wrong_with_a_script_is_told_at_once() {
        script(&[("a.csv", 3), ("ä b.txt", 0)]).check().unwrap();
        let mut wrong =
            script(&[("a/b", 1), ("", 1), ("..", 1), ("out", 1), ("a", MAX_FILE_BYTES), ("a", 1)]);
        wrong.source = " ".repeat(MAX_SOURCE + 1);
        let error = wrong.check().unwrap_err();
        let told: Vec<_> = error.fields.iter().map(|it| (it.pointer.as_str(), &*it.code)).collect();
        let expected = [
            ("/source", "maxLength"),
            ("/files", "maxLength"),
            ("/files/0/name", "pattern"),
            ("/files/1/name", "pattern"),
            ("/files/2/name", "pattern"),
            ("/files/3/name", "pattern"),
            ("/files/5/name", "uniqueItems"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_taken_apart_is_whole_again_and_liars_are_found_out() {
        let (head, bytes) = script(&[("a", 3), ("b", 2)]).apart();
        assert_eq!(bytes.len(), 5);
        let head = serde_json::to_vec(&head).unwrap();
        let again = |bytes: &[u8]| PythonScript::joined(serde_json::from_slice(&head).unwrap(), bytes);
        assert_eq!(again(&bytes).unwrap().files, script(&[("a", 3), ("b", 2)]).files);
        assert_eq!(again(&bytes[1..]).unwrap_err().code, Code::InvalidInput);
        assert_eq!(again(&[7; 6]).unwrap_err().code, Code::InvalidInput);
        let of = |ended: Option<&str>, written: &str| {
            let ended = ended.as_ref().map(|it| it as &dyn fmt::Display);
            PythonDone::of(ended, written.as_bytes(), String::new()).map_err(|error| error.message)
        };
        let done = of(None, "{\"output\":1,\"files\":[{\"name\":\"a\",\"size\":2}]}\nxy").unwrap();
        assert_eq!((done.output.get(), done.files[0].bytes.as_slice()), ("1", &b"xy"[..]));
        assert_eq!(of(None, "{\"output\":null,\"files\":[]}\n").unwrap().output.get(), "null");
        let much = "The script makes more than 64 files or 16777216 bytes.";
        for (ended, written, told) in [
            (None, "{\"output\":1,\"files\":[{\"name\":\"a\",\"size\":18446744073709551615}]}\nxy", much),
            (None, "{\"output\":1,\"files\":[{\"name\":\"a\",\"size\":1}]}\nxy", much),
            (
                None,
                "{\"files\":[{\"name\":\"../a\",\"size\":2}]}\nxy",
                "The script makes a file with a name that is none.",
            ),
            (None, "{\"output\":1", "The script gives no answer, or too much."),
            (None, "", "The script gives no answer, or too much."),
            (Some("SIGKILL"), "{\"output\":1,\"files\":[]}\n", "The script was ended: SIGKILL."),
            (Some("exit status 1"), "{\"error\":\"E: a\\u001bb\"}\n", "The script failed: E: a b"),
        ] {
            assert_eq!(of(ended, written).err().as_deref(), Some(told));
        }
        let heads = format!(
            "{{\"files\":[{}{{\"name\":\"a\",\"size\":0}}]}}\n",
            "{\"name\":\"a\",\"size\":0},".repeat(64)
        );
        assert_eq!(of(None, &heads).err().as_deref(), Some(much));
    }
}
