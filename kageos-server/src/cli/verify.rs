//! `kagectl verify`: what the running server says of each layer, and the store of files.

use kageos_core::{Code, Error, Result};

use super::{Session, doctor};

pub(super) async fn run(session: &Session) -> Result<()> {
    let mut findings = doctor::asked(session).await?;
    findings.push(doctor::files(session).await);
    session.output.result(&findings, || findings.iter().map(doctor::line).collect::<Vec<_>>().join("\n"));
    if findings.iter().all(|finding| finding.ok) {
        Ok(())
    } else {
        Err(Error::new(
            Code::Unavailable,
            "Something that the server depends on is not well; the list says what to do.",
        ))
    }
}
