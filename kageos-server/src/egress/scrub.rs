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
pub(super) struct Scrub {
    forms: Vec<Vec<u8>>,
    plain: Vec<String>,
}

impl Scrub {
    pub(super) fn new() -> Self {
        Self { forms: Vec::new(), plain: Vec::new() }
    }

    /// From now on these are taken out too.
    pub(super) fn add(&mut self, given: &Given) {
        for (place, secret) in given {
            let plain = secret.expose();
            let mut forms = vec![plain.to_owned()];
            if let SecretPlace::Basic { user } = place {
                forms.push(basic(user, secret));
            }
            let escaped: Vec<String> = forms.iter().flat_map(|form| written(form)).collect();
            self.forms.extend(forms.into_iter().chain(escaped).map(String::into_bytes));
            self.plain.push(plain.to_owned());
        }
        // The longest first, or a part would be taken out of it.
        self.forms.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        self.forms.dedup();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Whether a text is one of the secrets.
    pub(super) fn is_secret(&self, text: &str) -> bool {
        self.plain.iter().any(|plain| plain == text)
    }

    /// A text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes().to_vec())).into_owned()
    }

    /// Bytes without secrets.
    pub(super) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut bytes = bytes;
        for form in &self.forms {
            if let Cow::Owned(clean) = without(&bytes, form) {
                bytes = clean;
            }
        }
        bytes
    }
}

/// A text as it is written in an address and in JSON.
fn written(text: &str) -> [String; 5] {
    let query: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let json = serde_json::to_string(text).unwrap_or_default();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let (spaced, slashed) = (query.replace('+', "%20"), json.replace('/', "\\/"));
    let lower = lower_escapes(&spaced);
    [query, spaced, lower, json, slashed]
}

/// With the digits of its escapes in lower case.
fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut all, part| {
        let (digits, rest) = part.split_at(part.floor_char_boundary(2));
        all.push('%');
        all.push_str(&digits.to_ascii_lowercase());
        all.push_str(rest);
        all
    })
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
