//! Requests that the platform makes outside for a call of an app.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Code, Error, HostCall, Result};

/// Largest body of a request, in bytes.
pub const MAX_REQUEST: usize = 8 * 1024 * 1024;
/// Largest body of a response, in bytes.
pub const MAX_RESPONSE: usize = 16 * 1024 * 1024;
/// How long a request may take that says nothing, in milliseconds; the call's deadline ends it before.
pub const REQUEST_TIMEOUT_MS: u64 = 30_000;

/// Sends an app's requests.
#[async_trait]
pub trait Http: Send + Sync + std::fmt::Debug {
    /// Sends a request for a call that runs, and answers what came back, whatever its status.
    ///
    /// # Errors
    /// [`Code::EgressDenied`] when it may not go there, [`Code::SecretMissing`] when a secret is not set,
    /// [`Code::InvalidInput`] when the request is malformed, [`Code::DryRunUnsupported`] when it would change something
    /// in a call that only shows, [`Code::PayloadTooLarge`], [`Code::TooManyRequests`], [`Code::DeadlineExceeded`] when
    /// it took too long, [`Code::Unavailable`] when nobody answered.
    async fn send(&self, call: &HostCall, request: HttpRequest) -> Result<HttpResponse>;
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// Reads.
    Get,
    /// Reads the headers.
    Head,
    /// Does something.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl HttpMethod {
    /// The method as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether it only reads (RFC 9110, safe).
    #[must_use]
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }

    /// Whether a call may send it: what does something outside is for actions that declare the effect `external`, and
    /// never for a dry run.
    ///
    /// # Errors
    /// [`Code::EgressDenied`], [`Code::DryRunUnsupported`].
    pub fn check(self, external: bool, dry_run: bool) -> Result<()> {
        if self.is_safe() {
            return Ok(());
        }
        if dry_run {
            return Err(Error::of(Code::DryRunUnsupported));
        }
        if external {
            return Ok(());
        }
        let message = format!(
            "A {} request does something outside, and the action does not declare that: add `external` to its effect(…).",
            self.as_str()
        );
        Err(Error::new(Code::EgressDenied, message))
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// What is done.
    pub method: HttpMethod,
    /// Where, `https://…` or `http://…` without a user or a fragment.
    pub url: String,
    /// Parameters that are added to the address's query.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    /// Headers, names lower-case; secrets are put in by the platform.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// How long it may take in all, in milliseconds; [`REQUEST_TIMEOUT_MS`] when it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The body, at most [`MAX_REQUEST`] bytes.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Who answered, after redirects.
    pub url: String,
    /// Headers, names lower-case.
    pub headers: Vec<(String, String)>,
    /// The body, at most [`MAX_RESPONSE`] bytes.
    #[serde(skip)]
    pub body: Vec<u8>,
}
