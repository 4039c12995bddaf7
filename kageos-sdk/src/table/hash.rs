//! Hashes of what was changed and asked.

use kageos_core::{Change, hex, json::canonical};
use sha2::{Digest, Sha256};

/// SHA-256 of the canonical JSON of `changes`, hexadecimal.
#[must_use]
pub fn changes_hash(changes: &[Change]) -> String {
    let mut hash = Sha256::new();
    for change in changes {
        let value = serde_json::to_value(change).unwrap_or_default();
        hash.update(canonical(&value));
        hash.update(b"\n");
    }
    hex(&hash.finalize())
}

/// SHA-256 of `text`.
pub(crate) fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}
