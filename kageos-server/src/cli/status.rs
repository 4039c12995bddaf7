//! `kagectl status`

use kageos_core::{Code, Error, Result};
use serde::Serialize;

use super::{Session, failure::Context, remote::Remote};
use crate::{state::Running, wire::Dependency};

#[derive(Serialize)]
struct Status {
    #[serde(flatten)]
    running: Running,
    dependencies: Vec<Dependency>,
}

pub(super) async fn run(session: &Session) -> Result<()> {
    let running = Running::find(&session.state).context("run/lock")?;
    let Some(running) = running else {
        return Err(Error::new(Code::Unavailable, "No server runs on this state folder."));
    };
    let dependencies = Remote::find(&session.state)?.readiness().await?.dependencies;
    let status = Status { running, dependencies };
    session.output.result(&status, || words(&status));
    Ok(())
}

fn words(status: &Status) -> String {
    let address = status.running.address.as_deref().unwrap_or("starting");
    let lines = status.dependencies.iter().map(|dependency| {
        format!(
            "\n{:<9} {} {}",
            dependency.name,
            if dependency.ok { "ok" } else { "FAILED" },
            dependency.detail
        )
    });
    format!("process   {}\naddress   {address}", status.running.pid) + &lines.collect::<String>()
}
