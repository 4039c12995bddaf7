//! Secrets as they lie in the database: sealed with a key that is not in it.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use super::identity::Secret;
use crate::hex;
use crate::{Code, Env, Error, Result};

/// Random bytes before each sealed text: enough that none ever comes twice.
const NONCE_LEN: usize = 24;
/// Hexadecimal digits that name a key.
const KEY_ID_LEN: usize = 16;

/// The key that seals secrets; kept outside the database. It has a name, so that what an older key sealed is known.
#[derive(Clone)]
pub struct SealKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SealKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        let digest = hex(&Sha256::new().chain_update("kageos.seal.key.1").chain_update(bytes).finalize());
        let id = digest.chars().take(KEY_ID_LEN).collect();
        Self { id, cipher: XChaCha20Poly1305::new(&Key::from(*bytes)) }
    }

    /// Its name, which tells nothing about it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals a secret for one `place`: it opens nowhere else.
    ///
    /// # Errors
    /// Never for secrets of a length that fits memory.
    pub fn seal(&self, env: &Env, place: &str, secret: &Secret) -> Result<String> {
        let nonce = env.random::<NONCE_LEN>();
        let payload = Payload { msg: secret.expose().as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| broken(place))?;
        Ok(BASE64.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what the key called `key_id` sealed for `place`.
    ///
    /// # Errors
    /// [`Code::Conflict`] when that was another key, or the text was changed or sealed for another place.
    pub fn open(&self, key_id: &str, place: &str, sealed: &str) -> Result<Secret> {
        if key_id != self.id {
            let message = format!(
                "{place} is sealed with the key {key_id}, and the key here is {}: bring back secrets/seal.key.",
                self.id
            );
            return Err(Error::new(Code::Conflict, message));
        }
        let bytes = BASE64.decode(sealed).map_err(|_| broken(place))?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or_else(|| broken(place))?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let opened = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| broken(place))?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| broken(place))
    }
}

fn broken(place: &str) -> Error {
    Error::new(Code::Conflict, format!("{place} does not open: it was changed, or belongs elsewhere."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_at_its_place_only() {
        let (env, key) = (Env::system(), SealKey::new(&[1; 32]));
        let sealed = key.seal(&env, "here", &Secret::new("hunter2")).unwrap();
        assert!(!sealed.contains("hunter2"));
        assert_ne!(sealed, key.seal(&env, "here", &Secret::new("hunter2")).unwrap());
        assert_eq!(key.open(key.id(), "here", &sealed).unwrap().expose(), "hunter2");
        let refused = |key: &SealKey, id: &str, place: &str, sealed: &str| {
            key.open(id, place, sealed).err().map(|error| error.code)
        };
        let other = SealKey::new(&[2; 32]);
        assert_ne!(key.id(), other.id());
        assert_eq!(refused(&other, key.id(), "here", &sealed), Some(Code::Conflict));
        assert_eq!(refused(&other, other.id(), "here", &sealed), Some(Code::Conflict));
        assert_eq!(refused(&key, key.id(), "there", &sealed), Some(Code::Conflict));
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(refused(&key, key.id(), "here", &changed), Some(Code::Conflict), "{at}");
        }
        assert_eq!(refused(&key, key.id(), "here", ""), Some(Code::Conflict));
    }
}
