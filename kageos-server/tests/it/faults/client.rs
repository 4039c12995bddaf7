//! A caller over HTTP who notices when the server is gone.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// Longer than any call may take, the pause of the server included.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the server answers and who asks; each [`Client`] made from it has a connection of its own.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) authority: String,
    pub(super) cookie: String,
}

/// Why there is no answer.
type Lost = Box<dyn std::error::Error + Send + Sync>;

/// One kept connection.
pub(super) struct Client {
    door: Door,
    sender: Option<http1::SendRequest<Body>>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Ok(Value),
    Refused {
        status: u16,
        code: String,
    },
    /// The connection broke, so nobody knows whether it took effect.
    Lost,
}

impl Answer {
    /// Refused because its deadline had passed, which changed nothing.
    pub(super) fn is_late(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "deadline_exceeded")
    }

    #[track_caller]
    pub(super) fn ok(self) -> Value {
        match self {
            Self::Ok(value) => value,
            other => panic!("{other:?}"),
        }
    }
}

impl Door {
    pub(super) fn client(&self) -> Client {
        Client { door: self.clone(), sender: None }
    }

    /// Signs in as the user `system`.
    pub(super) async fn login(authority: &str, password: &str) -> Self {
        let mut door = Self { authority: authority.to_owned(), cookie: String::new() };
        let body = json!({ "login": "system", "password": password });
        let mut client = door.client();
        let request = client.request("POST", "/api/v1/session", Some(&body));
        let response = client.connected().await.unwrap().send_request(request).await.unwrap();
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        door.cookie = cookie.split(';').next().unwrap().to_owned();
        door
    }
}

impl Client {
    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// Calls an action of a function of the example.
    pub(super) async fn call(
        &mut self,
        path: &str,
        action: &str,
        input: &Value,
        key: Option<&str>,
    ) -> Answer {
        let body = json!({ "action": action, "input": input, "idempotency_key": key });
        self.send("POST", &format!("/api/v1/call/demo/crm/{path}"), Some(&body)).await
    }

    /// Calls an action of a directory.
    pub(super) async fn act(&mut self, path: &str, action: &str, input: &Value) -> Answer {
        let body = json!({ "action": action, "input": input });
        self.send("POST", &format!("/api/v1/call{path}"), Some(&body)).await
    }

    async fn send(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path, body);
        let answer =
            tokio::time::timeout(PATIENCE, self.exchange(request)).await.expect("an answer, or none");
        answer.unwrap_or_else(|_| {
            self.sender = None;
            Answer::Lost
        })
    }

    async fn exchange(&mut self, request: Request<Body>) -> Result<Answer, Lost> {
        let response = self.connected().await?.send_request(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        let value: Value = serde_json::from_slice(&bytes)?;
        if status.is_success() {
            return Ok(Answer::Ok(value));
        }
        let code = value["code"].as_str().unwrap_or_default().to_owned();
        Ok(Answer::Refused { status: status.as_u16(), code })
    }

    async fn connected(&mut self) -> Result<&mut http1::SendRequest<Body>, Lost> {
        if self.sender.as_ref().is_none_or(http1::SendRequest::is_closed) {
            let stream = TcpStream::connect(&self.door.authority).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        let sender = self.sender.as_mut().unwrap();
        sender.ready().await?;
        Ok(sender)
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.door.authority)
            .header(header::COOKIE, &self.door.cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .unwrap()
    }
}
