//! Secrets on their way out, and out of what comes back.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kageos_core::{SecretPlace, platform::identity::Secret};

use super::Given;

/// What stands where a secret stood.
const GONE: &[u8] = b"[secret]";

/// The value of the header that a secret sets.
pub(super) fn header(place: &SecretPlace, secret: &Secret) -> String {
    match place {
        SecretPlace::Header { prefix, .. } => format!("{prefix}{}", secret.expose()),
        SecretPlace::Basic { user } => format!("Basic {}", basic(user, secret)),
        SecretPlace::Query { .. } => String::new(),
    }
}

fn basic(user: &str, secret: &Secret) -> String {
    BASE64_STANDARD.encode(format!("{user}:{}", secret.expose()))
}

/// The forms in which secrets were sent: who echoes a request echoes them. Who wants to give one away in another form
/// has it already.
pub(super) struct Scrub(Vec<Vec<u8>>);

impl Scrub {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// From now on these are taken out too.
    pub(super) fn add(&mut self, given: &Given) {
        for (place, secret) in given {
            let escaped: String = encoded(secret.expose());
            let mut forms = vec![secret.expose().as_bytes().to_vec(), escaped.into_bytes()];
            if let Ok(json) = serde_json::to_string(secret.expose()) {
                forms.push(json.trim_matches('"').as_bytes().to_vec());
            }
            if let SecretPlace::Basic { user } = place {
                forms.push(basic(user, secret).into_bytes());
            }
            self.0.extend(forms);
        }
        // The longest first, or a part would be taken out of it.
        self.0.sort_unstable_by_key(|form| std::cmp::Reverse(form.len()));
        self.0.dedup();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes().to_vec())).into_owned()
    }

    /// Bytes without secrets.
    pub(super) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut bytes = bytes;
        for form in &self.0 {
            if let Cow::Owned(clean) = without(&bytes, form) {
                bytes = clean;
            }
        }
        bytes
    }
}

/// As a parameter of a query is written.
fn encoded(text: &str) -> String {
    let mut url = reqwest::Url::parse("https://x/").ok();
    if let Some(url) = &mut url {
        url.query_pairs_mut().append_pair("", text);
    }
    let query = url.as_ref().and_then(|url| url.query()).unwrap_or_default();
    query.trim_start_matches('=').to_owned()
}

fn without<'a>(bytes: &'a [u8], form: &[u8]) -> Cow<'a, [u8]> {
    let mut found = memchr::memmem::find_iter(bytes, form).peekable();
    if found.peek().is_none() {
        return Cow::Borrowed(bytes);
    }
    let (mut clean, mut from) = (Vec::with_capacity(bytes.len()), 0);
    for at in found {
        clean.extend_from_slice(&bytes[from..at]);
        clean.extend_from_slice(GONE);
        from = at + form.len();
    }
    clean.extend_from_slice(&bytes[from..]);
    Cow::Owned(clean)
}
