//! A request as an app asks for it, looked at before anything is sent.

use kageos_core::{
    Code, Error, FieldError, HttpMethod, HttpRequest, Origin, Result, SecretPlace,
    egress::{OWN_HEADERS, is_header},
    http::MAX_REQUEST,
};
use reqwest::{
    Method, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::Given;

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
    body: Vec<u8>,
}

impl Prepared {
    /// Looks at a request.
    ///
    /// # Errors
    /// All that is wrong with it, at once.
    pub(super) fn new(request: HttpRequest) -> Result<Self> {
        let HttpRequest { method, url, query, headers, timeout_ms, body } = request;
        if body.len() > MAX_REQUEST {
            let message = format!("The body of a request has at most {MAX_REQUEST} bytes.");
            return Err(Error::new(Code::PayloadTooLarge, message));
        }
        let mut wrong = Vec::new();
        let mut told = |pointer: &str, message: &str| {
            let (pointer, message) = (pointer.to_owned(), message.to_owned());
            wrong.push(FieldError { pointer, code: "request".into(), message });
        };
        if query.len() > MAX_PAIRS || headers.len() > MAX_PAIRS {
            told("", "A request has at most 100 headers and 100 parameters.");
        }
        let mut url = read_url(&url).map_err(|message| told("/url", message)).ok();
        if let Some(url) = url.as_mut().filter(|_| !query.is_empty()) {
            url.query_pairs_mut().extend_pairs(&query);
        }
        if url.as_ref().is_some_and(|url| url.as_str().len() > MAX_URL) {
            told("/query", "The address is too long.");
        }
        let mut read = HeaderMap::with_capacity(headers.len());
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
            Some(url) if wrong.is_empty() => Ok(Self { url, method, headers: read, timeout_ms, body }),
            _ => Err(Error::invalid(wrong)),
        }
    }

    pub(super) fn timeout_ms(&self) -> Option<u64> {
        self.timeout_ms
    }

    pub(super) fn method(&self) -> &'static str {
        self.method.as_str()
    }

    /// Where it goes, without what may be nobody's business.
    pub(super) fn shown(&self) -> String {
        let mut shown = self.url.clone();
        shown.set_query(None);
        shown.into()
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
    /// the app's headers than it needs.
    ///
    /// # Errors
    /// [`Code::EgressDenied`] when that is no address.
    pub(super) fn redirected(mut self, status: u16, location: &str) -> Result<Self> {
        let denied =
            || Error::new(Code::EgressDenied, "The answer leads on to something that is no address.");
        let to = self.url.join(location).map_err(|_| denied())?;
        let to = read_url(to.as_str()).map_err(|_| denied())?;
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
            self.body = Vec::new();
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
