//! One spelling of JSON, for hashes.

use kageos_core::Change;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// JSON without blanks, the keys of every object in the order of their bytes.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

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

/// The bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            list('[', ']', items, out, write);
        }
        Value::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| key.as_bytes());
            list('{', '}', &sorted, out, |(key, value), out| {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(value, out);
            });
        }
        plain => out.push_str(&plain.to_string()),
    }
}

fn list<T>(open: char, close: char, items: &[T], out: &mut String, item: impl Fn(&T, &mut String)) {
    out.push(open);
    for (at, it) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        item(it, out);
    }
    out.push(close);
}
