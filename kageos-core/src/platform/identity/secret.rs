//! Secrets: passwords and tokens.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::Env;

/// A password or a token as text. It has no `Debug` and no `Display`, so it reaches no log by accident.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a secret must not reach a log")]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a text as a secret.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

/// SHA-256 of a text. Of a token it is what the database holds instead: a token has 256 random bits, so there
/// is nothing to guess and no need of a slow hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// As it stands in the database.
    pub(super) fn to_hex(self) -> String {
        crate::hex(&self.0)
    }

    /// Whether the database holds this digest here, in constant time.
    pub(super) fn matches(self, hex: &str) -> bool {
        self.to_hex().as_bytes().ct_eq(hex.as_bytes()).into()
    }
}

/// What every API token starts with, so that scanners find one that leaked.
pub const TOKEN_PREFIX: &str = "kgo_";
/// 256 random bits as base64url.
pub(super) const BODY_LEN: usize = 43;
/// 24 bits of the checksum as base64url: enough to tell a mistyped token without asking the database.
const CHECKSUM_LEN: usize = 4;

/// A new session token: 256 random bits.
pub(super) fn session_token(env: &Env) -> Secret {
    Secret::new(BASE64.encode(env.random::<32>()))
}

/// A new API token: the prefix, 256 random bits and a checksum.
pub(super) fn api_token(env: &Env) -> Secret {
    let body = BASE64.encode(env.random::<32>());
    let checksum = checksum(&body);
    Secret::new(format!("{TOKEN_PREFIX}{body}{checksum}"))
}

/// Whether a text has the form of an API token, checksum and all.
#[must_use]
pub fn is_api_token(text: &str) -> bool {
    let body = text.strip_prefix(TOKEN_PREFIX).filter(|rest| rest.is_ascii());
    let parts = body.filter(|rest| rest.len() == BODY_LEN + CHECKSUM_LEN).map(|rest| rest.split_at(BODY_LEN));
    parts.is_some_and(|(body, sum)| checksum(body) == sum)
}

fn checksum(body: &str) -> String {
    BASE64.encode(&Sha256::digest(body.as_bytes())[..3])
}
