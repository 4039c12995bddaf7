//! What an app declares that it reaches outside: origins, and the secrets that the platform puts into requests there.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::path::is_code;

/// Most origins that an app reaches.
pub const MAX_ORIGINS: usize = 50;
/// Most secrets that an app uses.
pub const MAX_SECRETS: usize = 20;
/// Longest host name, in bytes (RFC 1035).
const MAX_HOST: usize = 253;
/// Longest label of a host name, in bytes.
const MAX_LABEL: usize = 63;
/// Longest title of a secret, in bytes.
const MAX_TITLE: usize = 200;
/// Longest text beside a secret in a request, in bytes.
const MAX_BESIDE: usize = 200;

/// Headers that a request gets from the platform or the connection alone, or that make it another request than it looks,
/// lower-case.
pub const OWN_HEADERS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// What an app reaches outside, as part of its manifest. Nothing of it counts before an administrator has consented.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Egress {
    /// Where it sends requests to.
    #[serde(default)]
    pub origins: Vec<Origin>,
    /// The secrets that go into these requests.
    #[serde(default)]
    pub secrets: Vec<SecretUse>,
}

/// A secret of a workspace, and where the platform puts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretUse {
    /// Its name in the workspace, a code.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// It goes into requests to this origin, which the app declares too, and into no other one.
    pub origin: Origin,
    /// Where in a request it goes.
    pub place: SecretPlace,
}

/// Where in a request a secret goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    /// A header: the prefix, then the secret.
    Header {
        /// The header's name, lower-case.
        name: String,
        /// Text before the secret, for example `Bearer ` with its space.
        #[serde(default)]
        prefix: String,
    },
    /// A parameter of the query.
    Query {
        /// Its name.
        name: String,
    },
    /// The password of HTTP's basic authentication.
    Basic {
        /// The user.
        user: String,
    },
}

impl SecretPlace {
    /// The header that it sets; `None` for a parameter of the query.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Header { name, .. } => Some(name),
            Self::Basic { .. } => Some("authorization"),
            Self::Query { .. } => None,
        }
    }
}

impl Egress {
    /// Whether nothing outside is reached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty() && self.secrets.is_empty()
    }

    /// Whether everything here is there too, so that who has consented to that has consented to this.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.origins.iter().all(|origin| other.origins.contains(origin))
            && self.secrets.iter().all(|secret| other.secrets.iter().any(|it| it.reaches_as(secret)))
    }

    /// Whether an origin is one of those that are declared.
    #[must_use]
    pub fn allows(&self, origin: &Origin) -> bool {
        self.origins.iter().any(|declared| declared.covers(origin))
    }

    /// Everything that is wrong with it, a sentence each.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.origins.len() > MAX_ORIGINS {
            mistakes.push(format!("it reaches more than {MAX_ORIGINS} origins"));
        }
        if self.secrets.len() > MAX_SECRETS {
            mistakes.push(format!("it uses more than {MAX_SECRETS} secrets"));
        }
        let twice = |at: usize| self.origins[..at].contains(&self.origins[at]);
        let origins = (0..self.origins.len()).filter(|at| twice(*at));
        mistakes.extend(origins.map(|at| format!("{} stands twice", self.origins[at])));
        for (at, secret) in self.secrets.iter().enumerate() {
            let before = &self.secrets[..at];
            let said = secret.mistakes(&self.origins, before);
            mistakes.extend(said.into_iter().map(|it| format!("the secret {:?}: {it}", secret.name)));
        }
        mistakes
    }
}

impl SecretUse {
    /// Whether it is the same secret at the same place; its title may be another one.
    fn reaches_as(&self, other: &Self) -> bool {
        (&self.name, &self.origin, &self.place) == (&other.name, &other.origin, &other.place)
    }

    fn mistakes(&self, origins: &[Origin], before: &[Self]) -> Vec<String> {
        let mut mistakes = Vec::new();
        if !is_code(&self.name) {
            mistakes.push("its name is no code: a lower-case letter, then letters, digits, _".to_owned());
        }
        if self.title.trim().is_empty() || self.title.len() > MAX_TITLE {
            mistakes.push(format!("its title has 1 to {MAX_TITLE} bytes"));
        }
        if !origins.contains(&self.origin) {
            mistakes.push(format!(
                "it goes to {0}, which the app does not reach; add `.reaches({0:?})`",
                self.origin.to_string()
            ));
        }
        if before.iter().any(|it| it.name == self.name) {
            mistakes.push("it stands twice; a secret goes to one origin".to_owned());
        }
        let meets = |it: &Self| it.origin.covers(&self.origin) || self.origin.covers(&it.origin);
        if before.iter().any(|it| meets(it) && it.place.collides(&self.place)) {
            mistakes.push("another secret has its place in requests to the same origin".to_owned());
        }
        mistakes.extend(self.place.mistake().map(ToOwned::to_owned));
        mistakes
    }
}

impl SecretPlace {
    fn collides(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Query { name }, Self::Query { name: other }) => name == other,
            _ => self.header().is_some() && self.header() == other.header(),
        }
    }

    fn mistake(&self) -> Option<&'static str> {
        let plain = |text: &str| text.len() <= MAX_BESIDE && text.bytes().all(|b| (b' '..=b'~').contains(&b));
        match self {
            Self::Header { name, .. } if !is_header(name) || OWN_HEADERS.contains(&name.as_str()) => {
                Some("its header is none that an app may set; names are lower-case")
            }
            Self::Header { name, .. } if name == "cookie" => Some("a secret is no cookie"),
            Self::Header { prefix, .. } if !plain(prefix) => Some("its prefix is short visible ASCII"),
            Self::Query { name } if !is_parameter(name) => {
                Some("its parameter has letters, digits, `-`, `_`, `.`")
            }
            Self::Basic { user } if user.is_empty() || user.contains(':') || !plain(user) => {
                Some("its user is short visible ASCII without a colon")
            }
            _ => None,
        }
    }
}

/// Whether a text is the name of a header, lower-case (RFC 9110, token).
#[must_use]
pub fn is_header(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= MAX_BESIDE && name.bytes().all(token)
}

fn is_parameter(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !name.is_empty() && name.len() <= MAX_BESIDE && name.bytes().all(plain)
}

/// Scheme, host and port of an address (RFC 6454), or with `*.` before the host all hosts below it:
/// `https://api.example.com`, `https://*.example.com:8443`, `http://10.1.2.3:9000`. It has one spelling.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    https: bool,
    /// Lower-case; an IPv6 address has its brackets.
    host: String,
    port: u16,
}

/// Why a text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no origin: {why}")]
pub struct OriginError {
    text: String,
    why: &'static str,
}

impl Origin {
    /// The origin with this scheme, host and port.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(https: bool, host: &str, port: u16) -> Result<Self, OriginError> {
        let scheme = if https { "https" } else { "http" };
        format!("{scheme}://{host}:{port}").parse()
    }

    /// Whether requests are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host; with `*.` before it for all below.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether `other`, which names one host, is this one or one of those that this one stands for.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if (self.https, self.port) != (other.https, other.port) {
            return false;
        }
        match self.host.strip_prefix('*') {
            None => self.host == other.host,
            Some(below) => other.host.len() > below.len() && other.host.ends_with(below),
        }
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let wrong = |why| OriginError { text: text.chars().take(MAX_HOST).collect(), why };
        let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong("it begins with https:// or http://")),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let digits = |port: &str| !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit());
        let port = match port {
            None => default_port(https),
            Some(port) => {
                let number = Some(port).filter(|port| digits(port)).and_then(|port| port.parse().ok());
                number.ok_or_else(|| wrong("its port is no number from 1 to 65535"))?
            }
        };
        let host = checked_host(host).map_err(wrong)?;
        Ok(Self { https, host, port })
    }
}

/// The host in its one spelling.
fn checked_host(host: &str) -> Result<String, &'static str> {
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address: std::net::Ipv6Addr = inner.parse().map_err(|_| "its address is none of IPv6")?;
        return Ok(format!("[{address}]"));
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        plain && (1..=MAX_LABEL).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if host.len() > MAX_HOST || !name.split('.').all(is_label) {
        return Err("its host has lower-case letters, digits and hyphens between dots, nothing after it");
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if numeric && (name.parse::<IpAddr>().is_err() || name != host) {
        return Err("its host ends with a number and is no address");
    }
    if name != host && !name.contains('.') {
        return Err("`*.` stands before a name of two parts or more");
    }
    Ok(host.to_owned())
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.host)?;
        if self.port == default_port(self.https) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn an_origin_has_one_spelling() {
        for (text, is) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://api.example.com:443", "https://api.example.com"),
            ("http://api.example.com:443", "http://api.example.com:443"),
            ("https://*.example.com:8443", "https://*.example.com:8443"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:9000", "http://[::1]:9000"),
            ("http://[0:0::1]", "http://[::1]"),
            ("http://localhost", "http://localhost"),
        ] {
            assert_eq!(origin(text).to_string(), is, "{text}");
            assert_eq!(origin(&origin(text).to_string()), origin(text), "{text}");
        }
        for text in [
            "",
            "api.example.com",
            "ftp://a.b",
            "https://",
            "https://A.b",
            "https://a.b/",
            "https://a.b?c",
            "https://user@a.b",
            "https://a..b",
            "https://.a",
            "https://a.",
            "https://-a.b",
            "https://a_b.c",
            "https://*",
            "https://*.com",
            "https://a.*.b",
            "https://*.1.2.3.4",
            "https://1.2.3",
            "https://a.0x7f",
            "https://2130706433",
            "https://127.1",
            "https://a.b:0",
            "https://a.b:",
            "https://a.b:065",
            "https://a.b:65536",
            "https://[::1",
            "https://[a]",
            "https://a b",
            "https://bücher.de",
            "HTTPS://a.b",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_covers_itself_and_with_a_star_what_is_below() {
        let covers = |one: &str, other: &str| origin(one).covers(&origin(other));
        assert!(covers("https://a.b.c", "https://a.b.c") && !covers("https://b.c", "https://a.b.c"));
        assert!(covers("https://*.b.c", "https://a.b.c") && covers("https://*.b.c", "https://x.a.b.c"));
        assert!(!covers("https://*.b.c", "https://b.c") && !covers("https://*.b.c", "https://ab.c"));
        assert!(!covers("https://a.b", "http://a.b") && !covers("https://a.b", "https://a.b:444"));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let secret = |name: &str, to: &str, place| SecretUse {
            name: name.to_owned(),
            title: name.to_owned(),
            origin: origin(to),
            place,
        };
        let header = |name: &str| SecretPlace::Header { name: name.to_owned(), prefix: String::new() };
        let good = Egress {
            origins: vec![origin("https://a.b"), origin("https://*.c.d")],
            secrets: vec![
                secret("one", "https://a.b", header("x-key")),
                secret("two", "https://*.c.d", SecretPlace::Basic { user: "me".to_owned() }),
            ],
        };
        assert_eq!(good.mistakes(), Vec::<String>::new());
        let bad = Egress {
            origins: vec![origin("https://a.b"), origin("https://a.b")],
            secrets: vec![
                secret("One", "https://a.b", header("Host")),
                secret("two", "https://x.y", header("host")),
                secret("three", "https://a.b", header("authorization")),
                secret("four", "https://a.b", SecretPlace::Basic { user: "a:b".to_owned() }),
                secret("five", "https://a.b", SecretPlace::Query { name: "a b".to_owned() }),
                secret("five", "https://a.b", header("cookie")),
            ],
        };
        assert_eq!(bad.mistakes().len(), 10, "{:#?}", bad.mistakes());
    }

    #[test]
    fn consent_to_more_is_consent_to_less() {
        let of = |origins: &[&str], secret: Option<&str>| Egress {
            origins: origins.iter().map(|it| origin(it)).collect(),
            secrets: secret
                .into_iter()
                .map(|user| SecretUse {
                    name: "key".to_owned(),
                    title: "Key".to_owned(),
                    origin: origin("https://a.b"),
                    place: SecretPlace::Basic { user: user.to_owned() },
                })
                .collect(),
        };
        let wide = of(&["https://a.b", "https://c.d"], Some("me"));
        assert!(of(&["https://a.b"], None).is_within(&wide) && wide.is_within(&wide));
        assert!(!of(&["https://a.b"], Some("you")).is_within(&wide));
        assert!(!of(&["https://e.f"], None).is_within(&wide) && !wide.is_within(&Egress::default()));
    }
}
