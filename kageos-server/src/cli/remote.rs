//! A running server, asked over HTTP.

use std::time::Duration;

use hyper::{Method, StatusCode, header};
use kageos_core::{Code, Error, FieldError, LinkId, ResourcePath, Result, platform::identity::Secret};
use reqwest::{Client, RequestBuilder, Response, Upgraded, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::Context;
use crate::{
    extract::typed,
    routes::{LINK, PROTOCOL},
    state::{Running, Secrets, StateDir},
    wire::{Problem, Readiness},
};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Clone)]
pub(crate) struct Remote {
    /// Scheme, host and port.
    base: String,
    token: Secret,
    client: Client,
}

impl Remote {
    /// The one that works on a state folder now.
    pub(crate) fn find(state: &StateDir) -> Result<Self> {
        let running = Running::find(state).context("run/lock")?;
        let address = running.and_then(|running| running.address).ok_or_else(|| {
            Error::new(Code::Unavailable, "No server runs on this state folder; `kagectl serve` starts it.")
        })?;
        Self::at(&address, Secrets::local_token(state).context("secrets/local.token")?)
    }

    /// The one at an address, `https://kageos.example.com`, that lets in who shows a token.
    pub(crate) fn at(base: &str, token: Secret) -> Result<Self> {
        // One provider for the process; the first one stays, whoever set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("kagectl/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .http1_only()
            // Each question has a connection of its own: the server may have begun anew meanwhile.
            .pool_max_idle_per_host(0);
        // Where nothing is encrypted no certificate is needed, and a machine may have none.
        let client = if base.to_ascii_lowercase().starts_with("https://") {
            client
        } else {
            client.tls_certs_only([])
        };
        let base = base.trim_end_matches('/').to_owned();
        let client = client.build().map_err(|error| {
            Error::new(Code::Unavailable, format!("Requests cannot be sent here: {}.", deepest(&error)))
        })?;
        Ok(Self { base, token, client })
    }

    /// Scheme, host and port.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Brings a link to a workspace: its bytes, and its id.
    pub(crate) async fn link(&self, path: &ResourcePath) -> Result<(Upgraded, LinkId)> {
        let request = self.request(Method::GET, &format!("/api/v1/link{path}"), None);
        let request = request.header(header::CONNECTION, "upgrade").header(header::UPGRADE, PROTOCOL);
        let response = sent(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let (status, answer) = read(response).await?;
            return Err(refused(status, answer));
        }
        let id = response.headers().get(LINK).and_then(|id| id.to_str().ok()?.parse().ok());
        let id =
            id.ok_or_else(|| Error::new(Code::Unavailable, "The server does not say which link it is."))?;
        Ok((response.upgrade().await.context("the link")?, id))
    }

    /// What the server depends on; it answers that also when it is not ready.
    pub(crate) async fn readiness(&self) -> Result<Readiness> {
        let (_, body) = self.send(Method::GET, "/readyz", None).await?;
        typed(body)
    }

    /// Asks and reads the answer; a problem becomes the error that it was.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        let (status, answer) = self.send(method, path, body).await?;
        if status.is_success() { typed(answer) } else { Err(refused(status, answer)) }
    }

    /// Calls without waiting for the end: `202` and the call's state when it runs on.
    pub(crate) async fn begin(&self, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
        let response = self.exchange(Method::POST, path, Some(body), Some("respond-async, wait=1")).await?;
        let (status, answer) = read(response).await?;
        if status.is_success() { Ok((status, answer)) } else { Err(refused(status, answer)) }
    }

    /// Asks, and hands over each line of the answer as it comes.
    pub(crate) async fn follow<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        mut line: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let response = self.exchange(Method::POST, path, Some(body), None).await?;
        let status = response.status();
        let (mut response, mut read) = (response, Vec::new());
        while let Some(bytes) = response.chunk().await.context("the server")? {
            read.extend_from_slice(&bytes);
            while let Some(end) = read.iter().position(|byte| *byte == b'\n').filter(|_| status.is_success())
            {
                let text: Vec<u8> = read.drain(..=end).collect();
                line(serde_json::from_slice(&text).context("the server's answer")?)?;
            }
        }
        if status.is_success() { Ok(()) } else { Err(refused(status, value(&read)?)) }
    }

    /// Listens to what happens from now on.
    pub(crate) async fn events(&self) -> Result<Events> {
        let response = self.exchange(Method::GET, "/api/v1/events", None, None).await?;
        if response.status().is_success() {
            return Ok(Events { response, read: Vec::new() });
        }
        let (status, answer) = read(response).await?;
        Err(refused(status, answer))
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        read(self.exchange(method, path, body, None).await?).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        prefer: Option<&str>,
    ) -> Result<Response> {
        let request = self.request(method, path, body);
        sent(prefer.into_iter().fold(request, |request, how| request.header("prefer", how))).await
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request =
            request.bearer_auth(self.token.expose()).header(header::CONTENT_TYPE, "application/json");
        body.into_iter().fold(request, |request, body| request.body(body.to_string()))
    }
}

async fn sent(request: RequestBuilder) -> Result<Response> {
    request.send().await.map_err(|error| {
        // The address stands in what the command says; what is behind the error tells why.
        let why = deepest(&error);
        let error = error.without_url();
        if error.is_builder() {
            return Error::new(Code::InvalidInput, format!("The server cannot be asked: {why}."))
                .caused_by(error);
        }
        let what = if error.is_connect() { "does not answer" } else { "closed the connection" };
        Error::new(Code::Unavailable, format!("The server {what}: {why}.")).caused_by(error)
    })
}

fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), deepest)
}

/// Events as they come.
pub(crate) struct Events {
    response: Response,
    read: Vec<u8>,
}

impl Events {
    /// The name and the data of the next event; `None` when there are no more.
    pub(crate) async fn next(&mut self) -> Result<Option<(String, Value)>> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.read.drain(..end + 2).collect();
                let text = String::from_utf8_lossy(&block);
                let field =
                    |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                // A block without either only says that the stream lives.
                if let (Some(name), Some(data)) = (field("event"), field("data")) {
                    return Ok(Some((name.to_owned(), value(data.as_bytes())?)));
                }
                continue;
            }
            let Some(bytes) = self.response.chunk().await.context("the server")? else { return Ok(None) };
            self.read.extend_from_slice(&bytes);
        }
    }
}

async fn read(response: Response) -> Result<(StatusCode, Value)> {
    let status = response.status();
    let bytes = response.bytes().await.context("the server")?;
    Ok((status, value(&bytes)?))
}

fn value(bytes: &[u8]) -> Result<Value> {
    if bytes.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_slice(bytes).context("the server's answer")
    }
}

fn refused(status: StatusCode, answer: Value) -> Error {
    match serde_json::from_value(answer) {
        Ok(problem) => problem_as_error(problem),
        Err(_) => Error::new(Code::Internal, format!("The server answered {status}.")),
    }
}

/// The error that a problem was.
pub(crate) fn problem_as_error(problem: Problem) -> Error {
    let code = serde_json::from_value(Value::String(problem.code)).unwrap_or(Code::Internal);
    let fields = problem.fields.into_iter();
    let fields = fields.map(|f| FieldError { pointer: f.pointer, code: f.code.into(), message: f.message });
    Error { fields: fields.collect(), ..Error::new(code, format!("{} [{}]", problem.detail, problem.trace)) }
}
