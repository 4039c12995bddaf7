//! `kagectl down`

use std::time::Duration;

use kageos_core::{Code, Error, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{Session, failure::Context, remote::Remote};
use crate::state::Running;

/// How often it is looked whether the process has ended.
const POLL: Duration = Duration::from_millis(50);
/// Longest wait for the server to say that it is one.
const ANSWER: Duration = Duration::from_secs(5);
/// How much longer than its own bound a stopping server is waited for.
const GRACE: Duration = Duration::from_secs(5);

pub(super) async fn run(session: &Session) -> Result<()> {
    let Some(running) = Running::find(&session.state).context("run/lock")? else {
        session.output.result(&json!({ "stopped": false }), || "no server runs".to_owned());
        return Ok(());
    };
    // A backup holds the lock too, and is not to be ended: only who answers as a server is.
    let answers = tokio::time::timeout(ANSWER, async { Remote::find(&session.state)?.readiness().await });
    if !answers.await.is_ok_and(|answer| answer.is_ok()) {
        let message =
            format!("Process {} works on the state folder and does not answer as a server.", running.pid);
        return Err(Error::new(Code::Unavailable, message));
    }
    let pid = i32::try_from(running.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::new(Code::Unavailable, "The server is only starting; try again."))?;
    // The process holds the lock, so the number is not another's.
    kill_process(pid, Signal::TERM).context("the server")?;
    let patience = session.config()?.server.shutdown_timeout + GRACE;
    let gone = async {
        while Running::find(&session.state).context("run/lock")?.is_some() {
            tokio::time::sleep(POLL).await;
        }
        Ok::<_, Error>(())
    };
    match tokio::time::timeout(patience, gone).await {
        Ok(ended) => ended?,
        Err(_) => return Err(Error::new(Code::DeadlineExceeded, "The server has not stopped yet.")),
    }
    session.output.result(&json!({ "stopped": true, "pid": running.pid }), || "stopped".to_owned());
    Ok(())
}
