//! Checks a log against itself and against its signed heads.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use serde::Serialize;

use super::heads::SignedHead;
use super::record::{GENESIS, Header, hash_header, hash_payload};
use super::store::{self, Stored};
use crate::sql::{Db, SqlError};

/// Records read at a time.
const BLOCK: i64 = 2_000;
/// Most findings that a report lists; all are counted.
const MAX_FINDINGS: usize = 100;

/// What is wrong at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The record is not what was hashed.
    Edited,
    /// Records are missing before this place, or it stands out of order.
    Gap,
    /// The record does not follow from the one before.
    Broken,
    /// The payload is not what was hashed, or is gone.
    Payload,
    /// A signed head names a record that is not there.
    Truncated,
    /// A signed head names another hash than the record's.
    Rewritten,
    /// A head whose signature is not the key's.
    Forged,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The stream.
    pub stream: String,
    /// The place in it.
    pub seq: i64,
    /// What is wrong.
    pub finding: Finding,
}

/// What a check of the whole log found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records that were read.
    pub records: u64,
    /// Streams that were read.
    pub streams: u64,
    /// Records after the last signed head of their stream: a cut there would not show.
    pub unanchored: u64,
    /// How many findings there are.
    pub findings: u64,
    /// The first findings.
    pub places: Vec<Place>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings == 0
    }

    fn add(&mut self, stream: &str, seq: i64, finding: Finding) {
        self.findings += 1;
        if self.places.len() < MAX_FINDINGS {
            self.places.push(Place { stream: stream.to_owned(), seq, finding });
        }
    }
}

/// Reads the whole log in blocks.
///
/// # Errors
/// What the database answers.
pub async fn verify(db: &Db, heads: &[SignedHead], key: &VerifyingKey) -> Result<Report, SqlError> {
    let mut checker = Checker::new(heads, key);
    for stream in store::record_streams(db).await? {
        // Places start at one; a record put before that is found too.
        let mut after = i64::MIN;
        loop {
            let block = store::records_after(db, &stream, after, BLOCK).await?;
            let Some(last) = block.last() else { break };
            after = last.seq;
            block.iter().for_each(|record| checker.feed(record));
        }
    }
    Ok(checker.finish())
}

/// Checks records as they come, those of a stream together and in the order of their places.
#[derive(Debug)]
pub struct Checker {
    /// Signed places not met yet, by stream.
    anchors: BTreeMap<String, BTreeMap<i64, String>>,
    /// The last signed place of each stream.
    anchored: BTreeMap<String, i64>,
    before: Option<Before>,
    report: Report,
}

/// The record before.
#[derive(Debug)]
struct Before {
    stream: String,
    seq: i64,
    hash: String,
}

impl Checker {
    /// Checks against these heads, which have to be signed by `key`.
    #[must_use]
    pub fn new(heads: &[SignedHead], key: &VerifyingKey) -> Self {
        let mut report = Report::default();
        let mut anchors = BTreeMap::<String, BTreeMap<i64, String>>::new();
        for head in heads {
            let stream = head.stream.to_string();
            if head.is_signed_by(key) {
                anchors.entry(stream).or_default().insert(head.seq, head.hash.clone());
            } else {
                report.add(&stream, head.seq, Finding::Forged);
            }
        }
        let last = |(stream, places): (&String, &BTreeMap<i64, String>)| {
            Some((stream.clone(), *places.last_key_value()?.0))
        };
        Self { anchored: anchors.iter().filter_map(last).collect(), anchors, before: None, report }
    }

    /// Checks the next record.
    pub fn feed(&mut self, record: &Stored) {
        let Stored { stream, seq, sealed } = record;
        self.report.records += 1;
        if self.before.as_ref().is_none_or(|before| before.stream != *stream) {
            self.report.streams += 1;
            self.before = Some(Before { stream: stream.clone(), seq: 0, hash: GENESIS.to_owned() });
        }
        if let Some(finding) = self.finding(record) {
            self.report.add(stream, *seq, finding);
        }
        let anchor = self.anchors.get_mut(stream).and_then(|places| places.remove(seq));
        if anchor.is_some_and(|hash| hash != sealed.hash) {
            self.report.add(stream, *seq, Finding::Rewritten);
        }
        let anchored = self.anchored.get(stream).copied().unwrap_or(0);
        self.report.unanchored += u64::from(*seq > anchored);
        self.before = Some(Before { stream: stream.clone(), seq: *seq, hash: sealed.hash.clone() });
    }

    fn finding(&self, record: &Stored) -> Option<Finding> {
        let Stored { stream, seq, sealed } = record;
        let before = self.before.as_ref()?;
        let header = serde_json::from_str::<Header>(&sealed.header).ok();
        let placed = |header: &Header| header.seq == *seq && header.stream.to_string() == *stream;
        let Some(header) = header.filter(placed) else { return Some(Finding::Edited) };
        if hash_header(&sealed.header) != sealed.hash {
            return Some(Finding::Edited);
        }
        if *seq != before.seq + 1 {
            return Some(Finding::Gap);
        }
        if header.prev != before.hash {
            return Some(Finding::Broken);
        }
        (header.payload_hash != sealed.payload.as_deref().map(hash_payload)).then_some(Finding::Payload)
    }

    /// What was found: signed places that were never met show where records were cut off.
    #[must_use]
    pub fn finish(mut self) -> Report {
        for (stream, places) in std::mem::take(&mut self.anchors) {
            places.keys().for_each(|seq| self.report.add(&stream, *seq, Finding::Truncated));
        }
        self.report
    }
}
