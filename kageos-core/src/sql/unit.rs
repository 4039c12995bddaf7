//! Units: async closures that commit as a whole.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{SqlError, Tx};

/// What a unit's closure returns: `Box::pin(async move { … })`.
pub type UnitFuture<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// Runs a unit on a connection whose statements complete at once, so that it is ready at the first poll.
pub(crate) fn run_now<D, T, E: From<SqlError>>(
    input: &D,
    unit: &impl for<'t> Fn(&'t D, &'t mut Tx) -> UnitFuture<'t, T, E>,
    tx: &mut Tx,
) -> Result<T, E> {
    tx.reset();
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let mut future = unit(input, tx);
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }));
    match polled {
        Ok(Poll::Ready(Ok(_))) if tx.doomed() => Err(SqlError::Aborted.into()),
        Ok(Poll::Ready(outcome)) => outcome,
        Ok(Poll::Pending) => Err(SqlError::UnitSuspended.into()),
        Err(panic) => Err(panicked(panic.as_ref()).into()),
    }
}

/// Runs a unit that waits for a database server.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) async fn run<D, T, E: From<SqlError>>(
    input: &D,
    unit: &impl for<'t> Fn(&'t D, &'t mut Tx) -> UnitFuture<'t, T, E>,
    tx: &mut Tx,
) -> Result<T, E> {
    let outcome = run_all(input, unit, tx).await;
    if tx.doomed() && outcome.is_ok() { Err(SqlError::Aborted.into()) } else { outcome }
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn run_all<'t, D, T, E: From<SqlError>>(
    input: &'t D,
    unit: &impl Fn(&'t D, &'t mut Tx) -> UnitFuture<'t, T, E>,
    tx: &'t mut Tx,
) -> Result<T, E> {
    let start = move || {
        let tx = tx;
        unit(input, tx)
    };
    let mut future = match catch_unwind(AssertUnwindSafe(start)) {
        Ok(future) => future,
        Err(panic) => return Err(panicked(panic.as_ref()).into()),
    };
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(panic) => Poll::Ready(Err(panicked(panic.as_ref()).into())),
    })
    .await
}

fn panicked(panic: &(dyn Any + Send)) -> SqlError {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    SqlError::UnitPanicked { message: text.unwrap_or_else(|| "no message".to_owned()) }
}
