//! Finding lines again: newest first, or oldest first to follow.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    ops::ControlFlow,
    os::unix::fs::FileExt,
    str::FromStr,
};

use kageos_core::{CallId, Error, LogLevel, LogSource, ResourcePath, Result, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Folder, Line,
    folder::{Segment, millis},
};

/// Most lines of one answer.
pub(in crate::runtime) const MAX_LINES: u32 = 200;
/// Lines when nothing is said.
const LINES: usize = 100;
/// Bytes of lines that one answer holds, about.
const MAX_BYTES: usize = 512 * 1024;
/// Bytes that are looked at for one answer.
const MAX_SCANNED: u64 = 4 * 1024 * 1024;
/// Longest line that is read, in bytes; no line that was written is that long.
const MAX_LINE: usize = 256 * 1024;
/// Bytes that are read at once.
const BLOCK: u64 = 256 * 1024;
/// Lines between two looks at the time.
const STEPS: u32 = 256;
/// How far the times of lines and of files may be apart: lines wait to be written, and clocks are set.
const SLACK_MS: u64 = 60_000;

/// Which lines, and from where on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::runtime) struct Query {
    /// At least this level.
    pub(super) level: Option<LogLevel>,
    pub(super) source: Option<LogSource>,
    pub(super) call: Option<CallId>,
    pub(super) trace: Option<String>,
    pub(super) release: Option<u32>,
    /// At this path, or below.
    pub(super) path: Option<ResourcePath>,
    /// In the message or a field, in any case.
    pub(super) text: Option<String>,
    pub(super) from: Option<Timestamp>,
    /// Before this moment.
    pub(super) to: Option<Timestamp>,
    #[serde(default)]
    pub(super) order: Order,
    pub(super) limit: Option<usize>,
    pub(super) next: Option<String>,
}

/// In which order lines are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::runtime) enum Order {
    #[default]
    Newest,
    Oldest,
}

/// A place in a log: before the byte `offset` of the file `number`. As text `number-offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    number: u64,
    offset: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.number, self.offset)
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = |text: &str| text.parse::<u64>().ok();
        let place = text
            .split_once('-')
            .and_then(|(number, offset)| Some(Self { number: read(number)?, offset: read(offset)? }));
        place.ok_or_else(|| Error::field("/next", "cursor", "This is no place in a log."))
    }
}

impl Query {
    /// Whether a line is one of those that are looked for; `text` is in lower case.
    fn matches(&self, line: &Line, text: Option<&str>) -> bool {
        self.level.is_none_or(|level| line.level >= level)
            && self.source.is_none_or(|source| line.source == source)
            && self.call.is_none_or(|call| line.call == Some(call))
            && self.trace.as_ref().is_none_or(|trace| line.trace.as_ref() == Some(trace))
            && self.release.is_none_or(|release| line.release == Some(release))
            && self.path.as_ref().is_none_or(|path| is_below(&line.path, path))
            && self.from.is_none_or(|from| line.at >= from)
            && self.to.is_none_or(|to| line.at < to)
            && text.is_none_or(|text| holds(line, text))
    }

    /// Whether a file can hold such lines: what is in it was logged after it was begun and before the next one was.
    fn may_hold(&self, segment: Segment, after: Option<Segment>) -> bool {
        let ends = after.map_or(u64::MAX, |after| after.number.saturating_add(SLACK_MS));
        self.to.is_none_or(|to| segment.number <= millis(to).saturating_add(SLACK_MS))
            && self.from.is_none_or(|from| ends >= millis(from))
    }
}

fn is_below(path: &ResourcePath, above: &ResourcePath) -> bool {
    path.as_str().strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn holds(line: &Line, text: &str) -> bool {
    let has = |value: &str| value.to_lowercase().contains(text);
    let field = |(name, value): (&String, &Value)| {
        has(name) || value.as_str().map_or_else(|| has(&value.to_string()), has)
    };
    has(&line.message) || line.fields.iter().any(field)
}

/// What was found so far, and whether to go on.
struct Search<'a, L: Fn() -> bool> {
    query: &'a Query,
    text: Option<String>,
    /// Whether it takes too long.
    late: L,
    limit: usize,
    lines: Vec<Value>,
    bytes: usize,
    scanned: u64,
    steps: u32,
}

impl<L: Fn() -> bool> Search<'_, L> {
    /// Looks at a line that begins at a place. What is no line is passed over: it was torn.
    fn see(&mut self, at: Place, bytes: &[u8]) -> ControlFlow<()> {
        self.scanned += bytes.len() as u64 + 1;
        self.steps += 1;
        if let Ok(line) = serde_json::from_slice::<Line>(bytes)
            && self.query.matches(&line, self.text.as_deref())
            && let Ok(mut shown) = serde_json::to_value(&line)
        {
            shown["id"] = at.to_string().into();
            self.bytes += bytes.len();
            self.lines.push(shown);
        }
        let full = self.lines.len() >= self.limit || self.bytes >= MAX_BYTES || self.scanned >= MAX_SCANNED;
        if full || self.steps.is_multiple_of(STEPS) && (self.late)() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Lines of a log, as the action `read_logs` answers them: `lines`, `next`, `more`, `end`. `late` tells when it takes too
/// long; what was found until then is answered.
///
/// # Errors
/// [`kageos_core::Code::InvalidInput`] for a place that is none, or what the disk answers.
pub(in crate::runtime) fn read(folder: &Folder, query: &Query, late: impl Fn() -> bool) -> Result<Value> {
    let segments = folder.segments().map_err(Error::internal)?;
    let end = end(folder, &segments).map_err(Error::internal)?;
    let from = query.next.as_deref().map(str::parse::<Place>).transpose()?;
    let mut search = Search {
        query,
        text: query.text.as_ref().map(|text| text.to_lowercase()),
        late,
        limit: query.limit.unwrap_or(LINES).clamp(1, MAX_LINES as usize),
        lines: Vec::new(),
        bytes: 0,
        scanned: 0,
        steps: 0,
    };
    let (next, more) = match query.order {
        Order::Newest => {
            let next = newest(folder, &segments, from.unwrap_or(end), &mut search);
            let next = next.map_err(Error::internal)?;
            (next, next.is_some())
        }
        Order::Oldest => {
            let from = from.unwrap_or(Place { number: 0, offset: 0 });
            let (next, more) = oldest(folder, &segments, from, &mut search).map_err(Error::internal)?;
            (Some(next), more)
        }
    };
    let next = next.map(|next| next.to_string());
    Ok(json!({ "lines": search.lines, "next": next, "more": more, "end": end.to_string() }))
}

/// The place after the last whole line.
fn end(folder: &Folder, segments: &[Segment]) -> io::Result<Place> {
    for segment in segments.iter().rev() {
        let Some(file) = folder.open(segment.number)? else { continue };
        let mut offset = segment.length;
        let mut byte = [0];
        while offset > 0 && file.read_at(&mut byte, offset - 1)? == 1 && byte != *b"\n" {
            offset -= 1;
        }
        return Ok(Place { number: segment.number, offset });
    }
    Ok(Place { number: 0, offset: 0 })
}

/// Looks at lines before a place, the newest first; answers the place before the last one that was looked at, `None` when
/// nothing is older.
fn newest(
    folder: &Folder,
    segments: &[Segment],
    from: Place,
    search: &mut Search<'_, impl Fn() -> bool>,
) -> io::Result<Option<Place>> {
    for (at, segment) in segments.iter().enumerate().rev() {
        if segment.number > from.number || !search.query.may_hold(*segment, segments.get(at + 1).copied()) {
            continue;
        }
        let Some(file) = folder.open(segment.number)? else { continue };
        let before = if segment.number == from.number { from.offset } else { u64::MAX };
        let mut stopped = None;
        backward(&file, before.min(segment.length), |offset, line| {
            let place = Place { number: segment.number, offset };
            let flow = search.see(place, line);
            if flow.is_break() {
                stopped = Some(place);
            }
            flow
        })?;
        if let Some(place) = stopped {
            return Ok((place.offset > 0 || at > 0).then_some(place));
        }
    }
    Ok(None)
}

/// Looks at lines after a place, the oldest first; answers the place after the last one that was looked at, and whether
/// there are more.
fn oldest(
    folder: &Folder,
    segments: &[Segment],
    from: Place,
    search: &mut Search<'_, impl Fn() -> bool>,
) -> io::Result<(Place, bool)> {
    let mut place = from;
    for (at, segment) in segments.iter().enumerate() {
        if segment.number < from.number || !search.query.may_hold(*segment, segments.get(at + 1).copied()) {
            continue;
        }
        let Some(file) = folder.open(segment.number)? else { continue };
        let after = if segment.number == from.number { from.offset.min(segment.length) } else { 0 };
        let mut stopped = false;
        place = Place { number: segment.number, offset: after };
        forward(file, after, |offset, line| {
            let flow = search.see(Place { number: segment.number, offset }, line);
            place.offset = offset + line.len() as u64 + 1;
            stopped = flow.is_break();
            flow
        })?;
        if stopped {
            let last = at + 1 == segments.len() && place.offset >= segment.length;
            return Ok((place, !last));
        }
    }
    Ok((place, false))
}

/// The whole lines that end at or before a byte, the last first, each with the byte at which it begins.
fn backward(file: &File, end: u64, mut see: impl FnMut(u64, &[u8]) -> ControlFlow<()>) -> io::Result<()> {
    // What was read and not seen yet, from `low` on; `whole` when it ends with a line.
    let (mut low, mut tail, mut whole) = (end, Vec::new(), false);
    while low > 0 {
        let from = low.saturating_sub(BLOCK);
        let mut block = vec![0; (low - from) as usize];
        file.read_exact_at(&mut block, from)?;
        block.append(&mut tail);
        (low, tail) = (from, block);
        if !whole {
            let after = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            tail.truncate(after);
            whole = after > 0;
        }
        while let Some(last) = tail.len().checked_sub(1) {
            let Some(before) = tail[..last].iter().rposition(|byte| *byte == b'\n') else { break };
            if see(low + before as u64 + 1, &tail[before + 1..last]).is_break() {
                return Ok(());
            }
            tail.truncate(before + 1);
        }
        if tail.len() > MAX_LINE {
            (tail, whole) = (Vec::new(), false);
        }
    }
    if let Some(last) = tail.len().checked_sub(1) {
        let _ = see(0, &tail[..last]);
    }
    Ok(())
}

/// The whole lines that begin at or after a byte, each with the byte at which it begins.
fn forward(mut file: File, start: u64, mut see: impl FnMut(u64, &[u8]) -> ControlFlow<()>) -> io::Result<()> {
    // From the byte before: a line begins where it is the end of another one.
    let mut at = start.saturating_sub(1);
    file.seek(SeekFrom::Start(at))?;
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let (mut line, mut passed) = (Vec::new(), start > 0);
    loop {
        line.clear();
        let read = (&mut reader).take(MAX_LINE as u64).read_until(b'\n', &mut line)? as u64;
        if line.last() != Some(&b'\n') {
            // It is not written whole yet, or it is none.
            if read < MAX_LINE as u64 {
                return Ok(());
            }
            (at, passed) = (at + read, true);
            continue;
        }
        let begun = at;
        at += read;
        if std::mem::take(&mut passed) {
            continue;
        }
        if see(begun, &line[..line.len() - 1]).is_break() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use kageos_core::{Env, LogCall, LogEntry};

    use super::*;
    use crate::{runtime::logs::Kept, state::StateDir};

    struct Log {
        _dir: tempfile::TempDir,
        state: StateDir,
        folder: Folder,
        env: Env,
    }

    const KEPT: Kept = Kept { bytes: 64 * 1024, days: 7 };
    const LARGE: Kept = Kept { bytes: 1 << 30, days: 7 };

    fn log() -> Log {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        let folder = Folder::of(&state, "w");
        Log { _dir: dir, state, folder, env: Env::system() }
    }

    impl Log {
        fn add(&self, numbers: std::ops::Range<u32>) {
            let lines: Vec<_> = numbers.map(|number| self.line(number, None).bytes()).collect();
            self.append(&lines, KEPT);
        }

        fn append(&self, lines: &[Vec<u8>], kept: Kept) {
            self.folder.append(&self.state, lines, kept, self.env.now()).unwrap();
        }

        fn line(&self, number: u32, call: Option<LogCall>) -> Line {
            let level = LogLevel::ALL[number as usize % 4];
            let entry = LogEntry::new(level, format!("Line {number}")).with("number", number);
            let from = (LogSource::App, Some(number % 3));
            Line::new(self.env.now(), from, call, || "/demo/app".parse().unwrap(), entry)
        }

        fn read(&self, query: Value) -> Value {
            read(&self.folder, &serde_json::from_value(query).unwrap(), || false).unwrap()
        }
    }

    fn numbers(page: &Value) -> Vec<u64> {
        let lines = page["lines"].as_array().unwrap();
        lines.iter().map(|line| line["fields"]["number"].as_u64().unwrap()).collect()
    }

    #[test]
    fn every_line_comes_once_in_either_order_across_files() {
        let log = log();
        assert_eq!(log.read(json!({})), json!({ "lines": [], "next": null, "more": false, "end": "0-0" }));
        log.add(0..300);
        assert!(log.folder.segments().unwrap().len() > 3);
        let (mut down, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut query = json!({ "limit": 7 });
            if !next.is_null() {
                query["next"] = next;
            }
            let page = log.read(query);
            down.extend(numbers(&page));
            next = page["next"].clone();
            if next.is_null() {
                break;
            }
        }
        let expected: Vec<u64> = (0..300).rev().collect();
        assert_eq!(down, expected);
        let (mut up, mut page) = (Vec::new(), log.read(json!({ "order": "oldest", "limit": 7 })));
        loop {
            up.extend(numbers(&page));
            if page["more"] == false {
                break;
            }
            page = log.read(json!({ "order": "oldest", "limit": 7, "next": page["next"] }));
        }
        assert_eq!(up, (0..300).collect::<Vec<u64>>());
        assert_eq!(page["next"], page["end"]);
    }

    #[test]
    fn a_place_stays_while_files_rotate() {
        let log = log();
        log.add(0..50);
        let page = log.read(json!({ "limit": 10 }));
        assert_eq!(numbers(&page), (40..50).rev().collect::<Vec<_>>());
        log.add(50..200);
        // Older lines go on where they were, and what came since follows the end without a gap.
        assert_eq!(numbers(&log.read(json!({ "limit": 1, "next": page["next"] }))), [39]);
        let since = log.read(json!({ "order": "oldest", "limit": 200, "next": page["end"] }));
        assert_eq!(numbers(&since), (50..200).collect::<Vec<_>>());
        // Where what followed has gone, it goes on with what there is.
        log.add(200..2000);
        let late = numbers(&log.read(json!({ "order": "oldest", "limit": 3, "next": page["end"] })));
        assert!(late[0] > 200 && late[2] == late[0] + 2, "{late:?}");
        assert_eq!(log.read(json!({ "next": page["next"] }))["lines"], json!([]));
    }

    #[test]
    fn lines_are_found_by_what_they_are() {
        let log = log();
        log.add(0..40);
        let host: kageos_core::CallId = kageos_core::CallId::new(&log.env);
        let trace = log.env.trace();
        let path: ResourcePath = "/demo/app/pay.form".parse().unwrap();
        let line = log.line(40, Some(LogCall { id: host, path, trace }));
        log.append(&[line.bytes()], KEPT);
        let found = |query: Value| numbers(&log.read(query));
        assert!(found(json!({ "level": "warn" })).iter().all(|number| number % 4 >= 2));
        assert_eq!(found(json!({ "level": "error" })).len(), 10);
        assert_eq!(found(json!({ "release": 2 })).len(), 13);
        assert_eq!(found(json!({ "source": "stdout" })), [0; 0]);
        assert_eq!(found(json!({ "call": host })), [40]);
        assert_eq!(found(json!({ "trace": trace.id() })), [40]);
        assert_eq!(found(json!({ "path": "/demo/app/pay.form" })), [40]);
        assert_eq!(found(json!({ "path": "/demo/app" })).len(), 41);
        assert_eq!(found(json!({ "path": "/demo/ap" })), [0; 0]);
        assert_eq!(found(json!({ "text": "LINE 7" })), [7]);
        assert_eq!(found(json!({ "to": line.at })).len(), 40);
        assert_eq!(found(json!({ "from": line.at })), [40]);
    }

    #[test]
    fn what_is_torn_or_strange_is_passed_over() {
        let log = log();
        log.add(0..3);
        let number = log.folder.segments().unwrap()[0].number;
        let file = log.folder.path().join(format!("{number:013}.jsonl"));
        let whole = std::fs::read(&file).unwrap();
        let with = |text: &[u8]| std::fs::write(&file, [&whole, text].concat()).unwrap();
        with(b"{\"at\":");
        assert_eq!(numbers(&log.read(json!({}))), [2, 1, 0]);
        let page = log.read(json!({ "order": "oldest" }));
        assert_eq!(
            (numbers(&page), &page["next"]),
            (vec![0, 1, 2], &json!(format!("{number}-{}", whole.len())))
        );
        with(&[b"\xff\x00{}\n".as_slice(), &vec![b'x'; 3 * MAX_LINE], b"\n"].concat());
        let more: Vec<_> = (3..5).map(|number| log.line(number, None).bytes()).collect();
        log.append(&more, LARGE);
        assert_eq!(numbers(&log.read(json!({}))), [4, 3, 2, 1, 0]);
        assert_eq!(numbers(&log.read(json!({ "order": "oldest" }))), [0, 1, 2, 3, 4]);
        // A place inside a line is before the next one, or after the one before.
        let inside = format!("{number}-{}", whole.len() / 2);
        assert_eq!(numbers(&log.read(json!({ "next": inside }))), [0]);
        assert_eq!(numbers(&log.read(json!({ "next": inside, "order": "oldest" }))), [2, 3, 4]);
        let far = format!("{}-{}", u64::MAX, u64::MAX);
        assert_eq!(numbers(&log.read(json!({ "next": far }))).len(), 5);
        assert_eq!(numbers(&log.read(json!({ "next": far, "order": "oldest" }))).len(), 0);
        let past = format!("{number}-{}", u64::MAX);
        assert_eq!(numbers(&log.read(json!({ "next": past, "order": "oldest" }))).len(), 0);
        for strange in ["", "x", "1", "-", "1-2-3", "-1-2"] {
            let query = serde_json::from_value(json!({ "next": strange })).unwrap();
            assert!(read(&log.folder, &query, || false).is_err(), "{strange}");
        }
    }

    #[test]
    fn an_answer_is_bounded_and_goes_on() {
        let log = log();
        log.add(0..1000);
        let query: Query = serde_json::from_value(json!({ "text": "nothing like it" })).unwrap();
        let page = read(&log.folder, &query, || true).unwrap();
        assert!(page["lines"] == json!([]) && page["more"] == true && page["next"].is_string(), "{page}");
        let query = Query { next: page["next"].as_str().map(str::to_owned), ..query };
        assert_ne!(read(&log.folder, &query, || true).unwrap()["next"], page["next"]);
        let lines: Vec<_> = (0..100)
            .map(|number| {
                let mut line = log.line(number, None);
                line.message = "\u{1}".repeat(8000);
                line.bytes()
            })
            .collect();
        log.append(&lines, LARGE);
        let page = log.read(json!({ "limit": 200 }));
        assert!(page.to_string().len() < MAX_BYTES + 2 * MAX_LINE && page["more"] == true);
    }
}
