//! `kagectl verify`

use kageos_core::{Code, Error, Result};

use super::{Session, remote::Remote};
use crate::wire::Dependency;

pub(super) async fn run(session: &Session) -> Result<()> {
    let readiness = Remote::find(&session.state)?.readiness().await?;
    session.output.result(&readiness, || {
        let lines = readiness.dependencies.iter().map(line);
        lines.chain([readiness.status.clone()]).collect::<Vec<_>>().join("\n")
    });
    if readiness.dependencies.iter().all(|dependency| dependency.ok) {
        Ok(())
    } else {
        Err(Error::new(Code::Unavailable, "Something that the server depends on is out of reach."))
    }
}

fn line(dependency: &Dependency) -> String {
    format!("{:<9} {} {}", dependency.name, if dependency.ok { "ok" } else { "FAILED" }, dependency.detail)
}
