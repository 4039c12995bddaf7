//! What lies outside, in a test.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kageos_core::{
    Code, Egress, Error, HostCall, Http, HttpMethod, HttpRequest, HttpResponse, Origin, Result,
};
use serde_json::Value;

/// Answers requests as a test says, and keeps them. As a platform does, it refuses what the app does not declare; secrets
/// it has none.
#[derive(Debug, Default)]
pub struct TestHttp(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    declared: Egress,
    answers: Vec<(HttpMethod, String, HttpResponse)>,
    sent: Vec<HttpRequest>,
}

impl TestHttp {
    /// From now on answers requests to `url`, whose query does not count.
    pub fn answer(&self, method: HttpMethod, url: &str, status: u16, body: impl Into<Vec<u8>>) {
        let (url, headers, body) = (url.to_owned(), Vec::new(), body.into());
        let response = HttpResponse { status, url: url.clone(), headers, body };
        let mut state = self.lock();
        state.answers.retain(|(of, at, _)| (*of, at) != (method, &url));
        state.answers.push((method, url, response));
    }

    /// The same with JSON.
    pub fn answer_json(&self, method: HttpMethod, url: &str, status: u16, body: &Value) {
        self.answer(method, url, status, body.to_string());
    }

    /// What was sent so far, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<HttpRequest> {
        self.lock().sent.clone()
    }

    pub(super) fn declared(&self, egress: Egress) {
        self.lock().declared = egress;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Http for TestHttp {
    async fn send(&self, _: &HostCall, request: HttpRequest) -> Result<HttpResponse> {
        let mut state = self.lock();
        let from = request.url.find("://").map_or(0, |at| at + 3);
        let end = request.url[from..].find(['/', '?', '#']).map_or(request.url.len(), |at| from + at);
        let origin = &request.url[..end];
        let declared = origin.parse::<Origin>().is_ok_and(|origin| state.declared.allows(&origin));
        if !declared {
            let message =
                format!("The app does not declare that it reaches {origin}; add `.reaches({origin:?})`.");
            return Err(Error::new(Code::EgressDenied, message));
        }
        let address = request.url.split(['?', '#']).next().unwrap_or_default();
        let found = state.answers.iter().find(|(of, at, _)| *of == request.method && at == address);
        let response = found.map(|(_, _, response)| response.clone()).ok_or_else(|| {
            let message = format!("The test has no answer to {} {address}.", request.method.as_str());
            Error::new(Code::Unavailable, message)
        });
        state.sent.push(request);
        response
    }
}
