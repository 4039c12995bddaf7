//! Where a page ended, in a text that nobody else can make.

use crate::table::Result;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use kageos_core::{Code, Error};
use sha2::Sha256;

use super::{cell::Cell, hash::sha256};

/// The first byte of a cursor: how the rest is read.
const VERSION: u8 = 1;
/// Bytes of the query's hash.
const HASH: usize = 8;
/// Bytes of the seal: 128 bits.
const SEAL: usize = 16;
/// Longest cursor: five short texts, their escapes, and the rest.
const MAX_CURSOR: usize = 16 * 1024;

/// Makes and reads the cursors of one installation.
#[derive(Clone)]
pub(crate) struct Cursors {
    key: [u8; 32],
}

impl std::fmt::Debug for Cursors {
    /// Leaves out the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursors").finish_non_exhaustive()
    }
}

impl Cursors {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The cursor after the row with these keys, for the query whose text is `query`.
    pub(crate) fn write(&self, query: &str, keys: &[Cell]) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&sha256(query)[..HASH]);
        let keys: Vec<serde_json::Value> = keys.iter().map(plain).collect();
        bytes.extend_from_slice(serde_json::Value::from(keys).to_string().as_bytes());
        let seal = self.seal(&bytes);
        bytes.extend_from_slice(&seal);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The `count` keys in a cursor.
    ///
    /// # Errors
    /// [`Code::InvalidCursor`] when it was not made here, [`Code::CursorMismatch`] when it belongs to another query.
    pub(crate) fn read(&self, query: &str, text: &str, count: usize) -> Result<Vec<Cell>> {
        let invalid = || Error::of(Code::InvalidCursor).at("/next");
        if text.len() > MAX_CURSOR {
            return Err(invalid());
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let at = bytes.len().checked_sub(SEAL).ok_or_else(invalid)?;
        let (body, seal) = bytes.split_at(at);
        let mut mac = self.mac();
        mac.update(body);
        mac.verify_truncated_left(seal).map_err(|_| invalid())?;
        let (&version, rest) = body.split_first().ok_or_else(invalid)?;
        let (hash, keys) = rest.split_at_checked(HASH).ok_or_else(invalid)?;
        if version != VERSION {
            return Err(invalid());
        }
        let keys: Vec<serde_json::Value> = serde_json::from_slice(keys).map_err(|_| invalid())?;
        if hash != &sha256(query)[..HASH] || keys.len() != count {
            return Err(Error::of(Code::CursorMismatch).at("/next"));
        }
        keys.into_iter().map(|key| cell(key).ok_or_else(invalid)).collect()
    }

    fn seal(&self, bytes: &[u8]) -> [u8; SEAL] {
        let mut mac = self.mac();
        mac.update(bytes);
        let full = mac.finalize().into_bytes();
        std::array::from_fn(|at| full[at])
    }

    fn mac(&self) -> Hmac<Sha256> {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.key);
        Hmac::new(&block.into())
    }
}

fn plain(cell: &Cell) -> serde_json::Value {
    match cell {
        Cell::Null => serde_json::Value::Null,
        Cell::Int(it) => (*it).into(),
        Cell::Text(it) => it.as_str().into(),
    }
}

fn cell(value: serde_json::Value) -> Option<Cell> {
    match value {
        serde_json::Value::Null => Some(Cell::Null),
        serde_json::Value::Number(it) => it.as_i64().map(Cell::Int),
        serde_json::Value::String(it) => Some(Cell::Text(it)),
        _ => None,
    }
}
