//! A request as an app asks for it, looked at before anything is sent.

use axum::body::Bytes;
use kageos_core::{
    Code, Error, FieldError, HttpMethod, HttpRequest, Origin, Result, SecretPlace,
    egress::{OWN_HEADERS, is_header},
    http::MAX_REQUEST,
};
use reqwest::{
    Method, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::{Given, scrub::Scrub};

/// Longest address, in bytes.
const MAX_URL: usize = 8 * 1024;
/// Most headers and most parameters.
const MAX_PAIRS: usize = 100;
/// Longest headers together, in bytes.
const MAX_HEADERS: usize = 32 * 1024;
/// What of an app's headers goes on to another origin.
const GOES_ON: &[&str] = &["accept", "accept-language", "content-type", "user-agent"];

/// A request that is well formed.
#[derive(Debug)]
pub(super) struct Prepared {
    url: Url,
    method: HttpMethod,
    headers: HeaderMap,
    timeout_ms: Option<u64>,
    body: Bytes,
}

impl Prepared {
    /// Whether it only reads.
    pub(super) fn is_safe(&self) -> bool {
        self.method.is_safe()
    }

    /// Looks at a request.
    ///
    /// # Errors
    /// All that is wrong with it, at once.
    pub(super) fn new(request: HttpRequest) -> Result<Self> {
        let HttpRequest { method, url, query, headers, timeout_ms, body } = request;
        if query.len() > MAX_PAIRS || headers.len() > MAX_PAIRS {
            let message = format!("A request has at most {MAX_PAIRS} headers and {MAX_PAIRS} parameters.");
            return Err(Error::field("", "request", message));
        }
        if body.len() > MAX_REQUEST {
            let message = format!("The body of a request has at most {MAX_REQUEST} bytes.");
            return Err(Error::new(Code::PayloadTooLarge, message));
        }
        let mut wrong = Vec::new();
        let mut told = |pointer: &str, message: &str| {
            let (pointer, message) = (pointer.to_owned(), message.to_owned());
            wrong.push(FieldError { pointer, code: "request".into(), message });
        };
        let mut url = read_url(&url).map_err(|message| told("/url", message)).ok();
        if let Some(url) = url.as_mut().filter(|_| !query.is_empty()) {
            url.query_pairs_mut().extend_pairs(&query);
        }
        if url.as_ref().is_some_and(|url| url.as_str().len() > MAX_URL) {
            told("/query", "The address is too long.");
        }
        let mut read = HeaderMap::new();
        let mut bytes = 0;
        for (at, (name, value)) in headers.iter().enumerate() {
            bytes += name.len() + value.len();
            let pointer = format!("/headers/{at}");
            if !is_header(name) || OWN_HEADERS.contains(&name.as_str()) {
                told(&pointer, "This is no header that an app may set; names are lower-case.");
                continue;
            }
            match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                (Ok(name), Ok(value)) => {
                    read.append(name, value);
                }
                _ => told(&pointer, "The value of a header is one line of visible ASCII."),
            }
        }
        if bytes > MAX_HEADERS {
            told("/headers", "The headers are too long.");
        }
        match url {
            Some(url) if wrong.is_empty() => {
                Ok(Self { url, method, headers: read, timeout_ms, body: body.into() })
            }
            _ => Err(Error::invalid(wrong)),
        }
    }

    pub(super) fn timeout_ms(&self) -> Option<u64> {
        self.timeout_ms
    }

    /// The address, without secrets.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Scheme, host and port.
    ///
    /// # Errors
    /// [`Code::EgressDenied`] for one that cannot be declared.
    pub(super) fn origin(&self) -> Result<Origin> {
        origin_of(&self.url)
    }

    /// The request with its secrets, as it is sent.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] when the app has set what the platform sets.
    pub(super) fn with(&self, given: &Given, client: &reqwest::Client) -> Result<reqwest::RequestBuilder> {
        let (mut url, mut headers) = (self.url.clone(), self.headers.clone());
        let taken = |what: &str| {
            Error::field("/headers", "secret", format!("{what} is set by the platform, from a secret."))
        };
        for (place, secret) in given {
            match place {
                SecretPlace::Query { name } => {
                    if url.query_pairs().any(|(given, _)| given == name.as_str()) {
                        return Err(taken(name));
                    }
                    url.query_pairs_mut().append_pair(name, secret.expose());
                }
                SecretPlace::Header { .. } | SecretPlace::Basic { .. } => {
                    let name = HeaderName::from_bytes(place.header().unwrap_or_default().as_bytes());
                    let name = name.map_err(Error::internal)?;
                    if headers.contains_key(&name) {
                        return Err(taken(name.as_str()));
                    }
                    let mut value = HeaderValue::from_str(&super::scrub::header(place, secret))
                        .map_err(Error::internal)?;
                    value.set_sensitive(true);
                    headers.insert(name, value);
                }
            }
        }
        let method = Method::from_bytes(self.method.as_str().as_bytes()).map_err(Error::internal)?;
        Ok(client.request(method, url).headers(headers).body(self.body.clone()))
    }

    /// Where it goes on to; `status` says whether it is still the same request. To another origin it takes no more of
    /// the app's headers than it needs. A secret that the answer has copied from the address goes nowhere: where it
    /// belongs it is put in again.
    ///
    /// # Errors
    /// [`Code::EgressDenied`] when that is no address.
    pub(super) fn redirected(mut self, status: u16, location: &str, scrub: &Scrub) -> Result<Self> {
        let denied =
            || Error::new(Code::EgressDenied, "The answer leads on to something that is no address.");
        let mut to = self.url.join(location).map_err(|_| denied())?;
        if to.query_pairs().any(|(_, value)| scrub.is_secret(&value)) {
            let kept = to.query_pairs().filter(|(_, value)| !scrub.is_secret(value));
            let kept: Vec<_> = kept.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            to.set_query(None);
            if !kept.is_empty() {
                to.query_pairs_mut().extend_pairs(kept);
            }
        }
        let to = read_url(&scrub.text(to.as_str())).map_err(|_| denied())?;
        if origin_of(&to)? != self.origin()? {
            let names: Vec<_> =
                self.headers.keys().filter(|name| !GOES_ON.contains(&name.as_str())).cloned().collect();
            for name in names {
                self.headers.remove(name);
            }
        }
        let becomes_get = status == 303 || (matches!(status, 301 | 302) && self.method == HttpMethod::Post);
        if becomes_get && self.method != HttpMethod::Head {
            self.method = HttpMethod::Get;
            self.body = Bytes::new();
            self.headers.remove("content-type");
        }
        Ok(Self { url: to, ..self })
    }
}

fn read_url(text: &str) -> Result<Url, &'static str> {
    if text.len() > MAX_URL {
        return Err("The address is too long.");
    }
    let mut url: Url = text.parse().map_err(|_| "This is no address like https://api.example.com/path.")?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err("An address begins with https:// or http://.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("An address names no user; secrets are put in by the platform.");
    }
    url.set_fragment(None);
    Ok(url)
}

fn origin_of(url: &Url) -> Result<Origin> {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    Origin::new(url.scheme() == "https", host, port)
        .map_err(|error| Error::new(Code::EgressDenied, format!("{error}.")))
}
