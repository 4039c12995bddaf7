//! `kagectl down`

use std::time::Duration;

use kageos_core::{Code, Error, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{Session, failure::Context};
use crate::state::Running;

/// How often it is looked whether the process has ended.
const POLL: Duration = Duration::from_millis(50);
/// How much longer than its own bound a stopping server is waited for.
const GRACE: Duration = Duration::from_secs(5);

pub(super) async fn run(session: &Session) -> Result<()> {
    let Some(running) = Running::find(&session.state).context("run/lock")? else {
        session.output.result(&json!({ "stopped": false }), || "no server runs".to_owned());
        return Ok(());
    };
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
