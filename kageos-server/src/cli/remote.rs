//! The running server, asked over HTTP from its own machine.

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Method, Request, StatusCode, header};
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

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        let stream = TcpStream::connect(&self.authority).await.context("the server")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake::<_, Body>(TokioIo::new(stream))
            .await
            .context("the server")?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .context("the request")?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
        };
        let (status, bytes) = tokio::select! {
            exchanged = exchange => exchanged.context("the server")?,
            _ = connection => return Err(Error::new(Code::Unavailable, "The server closed the connection.")),
        };
        let value = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        Ok((status, value.context("the server's answer")?))
    }
}

fn refused(status: StatusCode, answer: Value) -> Error {
    let Ok(problem) = serde_json::from_value::<Problem>(answer) else {
        return Error::new(Code::Internal, format!("The server answered {status}."));
    };
    let code = serde_json::from_value(Value::String(problem.code)).unwrap_or(Code::Internal);
    let fields = problem.fields.into_iter();
    let fields = fields.map(|f| FieldError { pointer: f.pointer, code: f.code.into(), message: f.message });
    Error { fields: fields.collect(), ..Error::new(code, format!("{} [{}]", problem.detail, problem.trace)) }
}
