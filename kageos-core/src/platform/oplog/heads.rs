//! Signed heads: what makes a cut or rewritten log show.
//!
//! A plain chain cannot show that its end was cut off or rewritten. So the place and hash of the last record
//! are signed with a key that is not in the database and appended to a file that is not in it either.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::hex;
use crate::{StreamId, Timestamp};

/// A head is signed at the latest after so many records …
const EVERY_RECORDS: i64 = 1_000;
/// … or so long after the first record that none covers.
const EVERY: Duration = Duration::from_secs(60);

/// Longest line of the file, in bytes, with room to spare.
const MAX_LINE: u64 = 4_096;

/// Where a stream stood at a time, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    /// The stream.
    pub stream: StreamId,
    /// The last place.
    pub seq: i64,
    /// The hash of the record there.
    pub hash: String,
    /// When it was signed.
    pub at: Timestamp,
    /// Ed25519 over the other members, hexadecimal.
    pub signature: String,
}

impl SignedHead {
    fn message(stream: StreamId, seq: i64, hash: &str, at: Timestamp) -> String {
        format!("kageos.oplog.head.1\n{stream}\n{seq}\n{hash}\n{}", at.as_micros())
    }

    /// Whether the signature is the key's.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let message = Self::message(self.stream, self.seq, &self.hash, self.at);
        let signature = unhex(&self.signature).and_then(|bytes| Signature::from_slice(&bytes).ok());
        signature.is_some_and(|signature| key.verify(message.as_bytes(), &signature).is_ok())
    }
}

/// The file of signed heads, one JSON object a line, only ever appended to.
#[derive(Debug)]
pub struct Heads {
    key: SigningKey,
    file: PathBuf,
    signed_seq: i64,
    due_at: Option<Instant>,
}

impl Heads {
    /// Appends to `file`, signing with `key`.
    #[must_use]
    pub fn new(key: SigningKey, file: PathBuf) -> Self {
        Self { key, file, signed_seq: 0, due_at: None }
    }

    /// Another stream begins.
    pub(super) fn begin(&mut self) {
        (self.signed_seq, self.due_at) = (0, None);
    }

    /// When the next head is due though nothing more is written.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// Whether a head is due now that the stream has come to `seq`.
    pub(super) fn is_due(&mut self, seq: i64) -> bool {
        let behind = seq - self.signed_seq;
        if behind > 0 && self.due_at.is_none() {
            self.due_at = Some(Instant::now() + EVERY);
        }
        behind >= EVERY_RECORDS || self.due_at.is_some_and(|at| at <= Instant::now())
    }

    /// Signs a head and appends it, synced; the same place is not signed twice.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&mut self, stream: StreamId, seq: i64, hash: &str, at: Timestamp) -> io::Result<()> {
        self.due_at = None;
        if seq == self.signed_seq {
            return Ok(());
        }
        let message = SignedHead::message(stream, seq, hash, at);
        let signature = hex(&self.key.sign(message.as_bytes()).to_bytes());
        let line = serde_json::to_string(&SignedHead { stream, seq, hash: hash.to_owned(), at, signature })?;
        write_line(&self.file, &line)?;
        self.signed_seq = seq;
        Ok(())
    }
}

fn write_line(file: &Path, line: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).read(true).append(true).open(file)?;
    cut_torn_line(&mut file)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}

/// Takes away the end of a line that a crash or a full disk cut short.
fn cut_torn_line(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(MAX_LINE);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(from, |at| from + at as u64 + 1);
    if whole < length { file.set_len(whole) } else { Ok(()) }
}

/// The heads in a file. A last line that a crash cut short is left out; any other damage is an error.
///
/// # Errors
/// When the file cannot be read, or a line before the last is no head.
pub fn read_heads(file: &Path) -> io::Result<Vec<SignedHead>> {
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
