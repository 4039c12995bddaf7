//! The running server, asked over HTTP from its own machine.

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use kageos_core::{Code, Error, FieldError, Result, platform::identity::Secret};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;

use super::failure::Context;
use crate::{
    extract::typed,
    state::{Running, Secrets, StateDir},
    wire::{Problem, Readiness},
};

/// The server that works on a state folder.
pub(crate) struct Remote {
    authority: String,
    token: Secret,
}

impl Remote {
    /// The one that runs now.
    pub(crate) fn find(state: &StateDir) -> Result<Self> {
        let running = Running::find(state).context("run/lock")?;
        let address = running.and_then(|running| running.address).ok_or_else(|| {
            Error::new(Code::Unavailable, "No server runs on this state folder; `kagectl serve` starts it.")
        })?;
        let authority = address.trim_start_matches("http://").to_owned();
        Ok(Self { authority, token: Secrets::local_token(state).context("secrets/local.token")? })
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
        let (mut body, mut read) = (response.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            read.extend_from_slice(frame.context("the server")?.data_ref().map_or(&[], |data| data));
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
            return Ok(Events { body: response.into_body(), read: Vec::new() });
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
    ) -> Result<Response<Incoming>> {
        let stream = TcpStream::connect(&self.authority).await.context("the server")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake::<_, Body>(TokioIo::new(stream))
            .await
            .context("the server")?;
        // It ends with the answer or the server, and both show in what is read.
        tokio::spawn(connection);
        let request =
            prefer.into_iter().fold(Request::builder(), |request, how| request.header("prefer", how));
        let request = request
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .context("the request")?;
        sender.send_request(request).await.map_err(|error| {
            Error::new(Code::Unavailable, "The server closed the connection.").caused_by(error)
        })
    }
}

/// Events as they come.
pub(crate) struct Events {
    body: Incoming,
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
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            self.read.extend_from_slice(frame.context("the server")?.data_ref().map_or(&[], |data| data));
        }
    }
}

async fn read(response: Response<Incoming>) -> Result<(StatusCode, Value)> {
    let status = response.status();
    let bytes = response.into_body().collect().await.context("the server")?.to_bytes();
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
