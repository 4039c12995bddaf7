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
    let mut report = Report::default();
    let mut anchors = BTreeMap::<String, BTreeMap<i64, &str>>::new();
    for head in heads {
        let stream = head.stream.to_string();
        if head.is_signed_by(key) {
            anchors.entry(stream).or_default().insert(head.seq, &head.hash);
        } else {
            report.add(&stream, head.seq, Finding::Forged);
        }
    }
    for stream in store::record_streams(db).await? {
        let anchors = anchors.remove(&stream).unwrap_or_default();
        verify_stream(db, &stream, anchors, &mut report).await?;
    }
    for (stream, anchors) in anchors {
        anchors.keys().for_each(|seq| report.add(&stream, *seq, Finding::Truncated));
    }
    Ok(report)
}

async fn verify_stream(
    db: &Db,
    stream: &str,
    mut anchors: BTreeMap<i64, &str>,
    report: &mut Report,
) -> Result<(), SqlError> {
    let last_anchor = anchors.last_key_value().map_or(0, |(seq, _)| *seq);
    let mut link = Link { seq: 0, hash: GENESIS.to_owned() };
    // Places start at one; a record put before that is found too.
    let mut after = i64::MIN;
    report.streams += 1;
    loop {
        let block = store::records_after(db, stream, after, BLOCK).await?;
        let Some(last) = block.last() else { break };
        after = last.seq;
        for record in &block {
            link.check(record, report);
            if anchors.remove(&record.seq).is_some_and(|hash| hash != record.sealed.hash) {
                report.add(stream, record.seq, Finding::Rewritten);
            }
            report.unanchored += u64::from(record.seq > last_anchor);
        }
        report.records += block.len() as u64;
    }
    anchors.keys().for_each(|seq| report.add(stream, *seq, Finding::Truncated));
    Ok(())
}

/// The record before.
struct Link {
    seq: i64,
    hash: String,
}

impl Link {
    fn check(&mut self, record: &Stored, report: &mut Report) {
        let Stored { stream, seq, sealed } = record;
        let header = serde_json::from_str::<Header>(&sealed.header).ok();
        let header = header.filter(|header| header.seq == *seq && header.stream.to_string() == *stream);
        match header {
            None => report.add(stream, *seq, Finding::Edited),
            Some(_) if hash_header(&sealed.header) != sealed.hash => report.add(stream, *seq, Finding::Edited),
            Some(_) if *seq != self.seq + 1 => report.add(stream, *seq, Finding::Gap),
            Some(header) if header.prev != self.hash => report.add(stream, *seq, Finding::Broken),
            Some(header) if header.payload_hash != sealed.payload.as_deref().map(hash_payload) => {
                report.add(stream, *seq, Finding::Payload);
            }
            Some(_) => {}
        }
        *self = Self { seq: *seq, hash: sealed.hash.clone() };
    }
}
