//! Requests to what lies outside, through the platform.

use std::{fmt::Display, time::Duration};

use kageos_core::{
    Code, Error, HttpMethod, HttpRequest, HttpResponse, Result,
    http::{MAX_REQUEST, MAX_RESPONSE},
};
use serde::{Serialize, de::DeserializeOwned};

use super::Ctx;

/// Sends requests to the origins that the app declares ([`App::reaches`](crate::App::reaches)). The platform makes them:
/// it puts the app's secrets in, follows redirects to declared origins, and bounds size, time and number.
#[derive(Debug, Clone, Copy)]
pub struct HttpClient<'a> {
    ctx: &'a Ctx,
}

/// A request that is being made.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'a> {
    ctx: &'a Ctx,
    request: HttpRequest,
    problem: Option<Error>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response(HttpResponse);

impl Ctx {
    /// What lies outside: `ctx.http().get("https://api.example.com/rates").query("base", "EUR").send().await?.json()?`.
    #[must_use]
    pub fn http(&self) -> HttpClient<'_> {
        HttpClient { ctx: self }
    }
}

impl<'a> HttpClient<'a> {
    /// A request with this method. All but `GET` and `HEAD` are for actions that declare the effect `external`.
    pub fn request(self, method: HttpMethod, url: impl Into<String>) -> Request<'a> {
        let (url, query, headers) = (url.into(), Vec::new(), Vec::new());
        let request = HttpRequest { method, url, query, headers, timeout_ms: None, body: Vec::new() };
        Request { ctx: self.ctx, request, problem: None }
    }

    /// `GET`
    pub fn get(self, url: impl Into<String>) -> Request<'a> {
        self.request(HttpMethod::Get, url)
    }

    /// `POST`
    pub fn post(self, url: impl Into<String>) -> Request<'a> {
        self.request(HttpMethod::Post, url)
    }

    /// `PUT`
    pub fn put(self, url: impl Into<String>) -> Request<'a> {
        self.request(HttpMethod::Put, url)
    }

    /// `PATCH`
    pub fn patch(self, url: impl Into<String>) -> Request<'a> {
        self.request(HttpMethod::Patch, url)
    }

    /// `DELETE`
    pub fn delete(self, url: impl Into<String>) -> Request<'a> {
        self.request(HttpMethod::Delete, url)
    }
}

impl Request<'_> {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        self.request.headers.push((name.to_ascii_lowercase(), value.to_string()));
        self
    }

    /// Adds a parameter to the address's query.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.request.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// The body, as JSON.
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body("application/json", bytes),
            Err(error) => {
                self.problem = Some(Error::internal(error));
                self
            }
        }
    }

    /// The body, as fields of a form of HTML.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body.into_bytes())
    }

    /// The body, with its media type.
    pub fn body(mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.request.body = bytes.into();
        self.header("content-type", media_type)
    }

    /// How long it may take in all; thirty seconds when nothing is said, and never longer than the call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Sends it. Whatever was answered is a response, also that something went wrong there:
    /// [`Response::error_for_status`] makes an error of it.
    ///
    /// # Errors
    /// As [`kageos_core::Http::send`]; [`Code::Unavailable`] where the app runs without a way outside.
    pub async fn send(self) -> Result<Response> {
        let Self { ctx, request, problem } = self;
        if let Some(problem) = problem {
            return Err(problem);
        }
        request.method.check(ctx.external, ctx.dry_run())?;
        if request.body.len() > MAX_REQUEST {
            let message = format!("The body of a request has at most {MAX_REQUEST} bytes.");
            return Err(Error::new(Code::PayloadTooLarge, message));
        }
        let http = ctx.ports.http.as_ref();
        let http = http.ok_or_else(|| Error::new(Code::Unavailable, "nothing outside is reached here"))?;
        let response = http.send(&ctx.call, request).await?;
        if response.body.len() > MAX_RESPONSE {
            return Err(Error::of(Code::PayloadTooLarge));
        }
        Ok(Response(response))
    }
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Whether the status says that it went well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.0.status)
    }

    /// Who answered, after redirects.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.0.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.body
    }

    /// The body as text.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.0.body).map_err(|error| self.strange("no text", error))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.0.body)
            .map_err(|error| self.strange("something else than expected", error))
    }

    /// The response, when its status says that it went well.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the status.
    pub fn error_for_status(self) -> Result<Self> {
        if self.is_success() {
            return Ok(self);
        }
        Err(Error::new(
            Code::Unavailable,
            format!("{} answered with status {}.", self.origin(), self.status()),
        ))
    }

    fn strange(&self, what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::new(Code::Unavailable, format!("{} answered {what}.", self.origin())).caused_by(error)
    }

    /// Whom people know it by; the rest of an address may hold what is nobody's business.
    fn origin(&self) -> &str {
        let url = self.url();
        let host = url.find("://").map_or(0, |at| at + 3);
        let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
        &url[..end]
    }
}
