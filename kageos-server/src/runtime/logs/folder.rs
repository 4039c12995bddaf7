//! The files of a log.
//!
//! A file is called by the millisecond in which it was begun, or by the number after the one before, and ends when it is
//! full or its day (UTC) is over. The oldest ones go.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use kageos_core::Timestamp;

use crate::state::StateDir;

/// Files that share what is kept of a log.
const FILES: u64 = 8;
/// Smallest file, in bytes.
const MIN_FILE: u64 = 4 * 1024;
const FILE_MODE: u32 = 0o600;
const ENDING: &str = ".jsonl";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How much of a log is kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::runtime) struct Kept {
    /// Bytes of all files of one log.
    pub(in crate::runtime) bytes: u64,
    /// Days that are kept whole.
    pub(in crate::runtime) days: u32,
}

/// A file of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its name.
    pub(super) number: u64,
    /// Its length, in bytes.
    pub(super) length: u64,
}

/// The folder of a log.
#[derive(Debug, Clone)]
pub(in crate::runtime) struct Folder(PathBuf);

impl Folder {
    /// The log of the workspace with this id.
    pub(in crate::runtime) fn of(state: &StateDir, workspace: &str) -> Self {
        Self(state.workspace_dir(workspace).join("logs"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, number: u64) -> PathBuf {
        self.0.join(format!("{number:013}{ENDING}"))
    }

    /// Opens a file for reading; `None` when it has gone.
    pub(super) fn open(&self, number: u64) -> io::Result<Option<File>> {
        match File::open(self.file(number)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// The files, the oldest first; none when there is no folder yet.
    pub(super) fn segments(&self) -> io::Result<Vec<Segment>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse().ok());
            // One that goes meanwhile is gone.
            if let (Some(number), Ok(about)) = (number, entry.metadata()) {
                found.push(Segment { number, length: about.len() });
            }
        }
        found.sort_by_key(|segment| segment.number);
        Ok(found)
    }

    /// Appends lines, each with its end, and lets go of what is too old or too much.
    pub(super) fn append(
        &self,
        state: &StateDir,
        lines: &[Vec<u8>],
        kept: Kept,
        now: Timestamp,
    ) -> io::Result<()> {
        state.make_dir(&self.0)?;
        let (most, now_ms) = ((kept.bytes / FILES).max(MIN_FILE), millis(now));
        let mut last = self.segments()?.pop();
        let mut lines = lines.iter().peekable();
        let mut begun = false;
        while let Some(next) = lines.peek() {
            let fits = |it: &Segment| it.length == 0 || it.length + next.len() as u64 <= most;
            let current = match last.filter(|it| fits(it) && it.number / DAY_MS >= now_ms / DAY_MS) {
                Some(current) => current,
                None => {
                    begun = true;
                    let after = last.map_or(0, |last| last.number + 1);
                    Segment { number: now_ms.max(after), length: 0 }
                }
            };
            let mut bytes = self.torn(current)?;
            let mut length = current.length;
            while let Some(line) = lines.next_if(|line| length == 0 || length + line.len() as u64 <= most) {
                length += line.len() as u64;
                bytes.extend_from_slice(line);
            }
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(FILE_MODE)
                .open(self.file(current.number))?;
            file.write_all(&bytes)?;
            last = Some(Segment { length, ..current });
        }
        if begun { self.prune(kept, now) } else { Ok(()) }
    }

    /// Ends a line that was not written whole, so that it spoils no other one.
    fn torn(&self, segment: Segment) -> io::Result<Vec<u8>> {
        let Some(file) = self.open(segment.number)?.filter(|_| segment.length > 0) else {
            return Ok(Vec::new());
        };
        let mut last = [0];
        file.read_exact_at(&mut last, segment.length - 1)?;
        Ok(if last == *b"\n" { Vec::new() } else { b"\n".to_vec() })
    }

    /// Removes the files that are older than the days that are kept, and the oldest ones of too many bytes.
    pub(super) fn prune(&self, kept: Kept, now: Timestamp) -> io::Result<()> {
        let segments = self.segments()?;
        let oldest = millis(now).saturating_sub((u64::from(kept.days) + 1) * DAY_MS);
        let mut bytes: u64 = segments.iter().map(|segment| segment.length).sum();
        let newest = segments.last().map(|segment| segment.number);
        for segment in segments {
            let much = bytes > kept.bytes && Some(segment.number) != newest;
            if !much && segment.number >= oldest {
                break;
            }
            match fs::remove_file(self.file(segment.number)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => bytes -= segment.length,
            }
        }
        Ok(())
    }
}

pub(super) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_micros() / 1000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, time::Duration};

    use super::*;

    const KEPT: Kept = Kept { bytes: 8 * MIN_FILE, days: 2 };
    const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn log() -> (tempfile::TempDir, StateDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        let folder = Folder::of(&state, "w");
        (dir, state, folder)
    }

    fn lines(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|at| format!("{at:0>99}\n").into_bytes()).collect()
    }

    #[test]
    fn files_rotate_by_size_and_the_oldest_go() {
        let (_dir, state, folder) = log();
        folder.append(&state, &lines(500), KEPT, START).unwrap();
        let segments = folder.segments().unwrap();
        assert!(segments.iter().all(|it| it.length <= MIN_FILE), "{segments:?}");
        let bytes: u64 = segments.iter().map(|it| it.length).sum();
        assert!(bytes <= KEPT.bytes && bytes > KEPT.bytes - 2 * MIN_FILE, "{segments:?}");
        let mode = fs::metadata(folder.file(segments[0].number)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A clock that goes back makes no older name.
        let newest = segments.last().unwrap().number;
        folder.append(&state, &lines(100), KEPT, START.minus(Duration::from_secs(3600))).unwrap();
        assert!(folder.segments().unwrap().last().unwrap().number > newest);
    }

    #[test]
    fn days_end_files_and_old_ones_go() {
        let (_dir, state, folder) = log();
        let day = |days: u64| START.plus(Duration::from_millis(days * DAY_MS));
        for at in 0..3 {
            folder.append(&state, &lines(1), KEPT, day(at)).unwrap();
        }
        assert_eq!(folder.segments().unwrap().len(), 3);
        folder.append(&state, &lines(1), KEPT, day(4)).unwrap();
        let numbers: Vec<_> = folder.segments().unwrap().iter().map(|it| it.number).collect();
        assert_eq!(numbers, [day(1), day(2), day(4)].map(millis));
        folder.prune(KEPT, day(30)).unwrap();
        assert_eq!(folder.segments().unwrap(), []);
    }

    #[test]
    fn a_torn_line_is_ended() {
        let (_dir, state, folder) = log();
        folder.append(&state, &lines(1), KEPT, START).unwrap();
        let file = folder.file(millis(START));
        let mut text = fs::read(&file).unwrap();
        text.extend(b"{\"at\":\"2026");
        fs::write(&file, &text).unwrap();
        folder.append(&state, &lines(1), KEPT, START).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().nth(1).unwrap().ends_with("2026"));
    }
}
