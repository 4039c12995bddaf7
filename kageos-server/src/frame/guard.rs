//! One request cannot take the server down: a bound on all of them, a deadline and a net for each.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use axum::response::Response;
use futures_util::FutureExt;
use kageos_core::{Code, Error, Result};
use tokio::sync::Semaphore;

/// Runs a request if there is room, until its deadline; a panic in it becomes [`Code::Internal`].
pub(super) async fn run(
    permits: &Semaphore,
    timeout: Duration,
    work: impl Future<Output = Response>,
) -> Result<Response> {
    let busy = || Error::new(Code::Unavailable, "The server works on as many requests as it may; try again.");
    let _permit = permits.try_acquire().map_err(|_| busy())?;
    match tokio::time::timeout(timeout, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(panic)) => Err(Error::internal(Panicked(text(&*panic)))),
        Err(_) => Err(Error::of(Code::DeadlineExceeded)),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a handler panicked: {0}")]
struct Panicked(String);

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let known = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    known.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn code(permits: usize, work: impl Future<Output = Response>) -> Code {
        run(&Semaphore::new(permits), Duration::from_millis(1), work).await.map(drop).unwrap_err().code
    }

    #[tokio::test]
    async fn what_panics_hangs_or_has_no_room_is_refused() {
        assert_eq!(code(1, async { panic!("on purpose") }).await, Code::Internal);
        assert_eq!(code(1, std::future::pending()).await, Code::DeadlineExceeded);
        assert_eq!(code(0, std::future::pending()).await, Code::Unavailable);
    }

    #[tokio::test]
    async fn a_place_is_given_back() {
        let permits = Semaphore::new(1);
        let panics = run(&permits, Duration::from_secs(1), async { panic!("on purpose") }).await;
        assert!(panics.is_err());
        assert!(run(&permits, Duration::from_secs(1), async { Response::default() }).await.is_ok());
    }
}
