//! `kagectl audit verify`: reads the log itself, so that it works without a server and does not trust one.

use std::io::ErrorKind;

use kageos_core::{
    Code, Error, Result,
    platform::oplog::{SigningKey, read_heads, verify},
    sql::{Db, DbOptions},
};

use super::{Session, failure::Context, serve};

pub(super) async fn run(session: &Session) -> Result<()> {
    if !session.state.exists() {
        return Err(Error::new(Code::NotFound, "There is no state folder; `kagectl init --dev` makes one."));
    }
    let secrets = session.state.init(&*session.env.entropy).context("the state folder")?;
    let heads = match read_heads(&session.state.heads_file()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        read => read.context("the signed heads")?,
    };
    let db = Db::open(&DbOptions::new(serve::database_url(session, &session.config()?)))
        .await
        .context("the database")?;
    let key = SigningKey::from_bytes(&secrets.log_key).verifying_key();
    let report = verify(&db, &heads, &key).await.context("the operation log")?;
    session.output.result(&report, || {
        let places = report
            .places
            .iter()
            .map(|place| format!("\n{} {}: {:?}", place.stream, place.seq, place.finding));
        let (records, streams, unanchored) = (report.records, report.streams, report.unanchored);
        format!(
            "{records} records in {streams} streams, {unanchored} of them unanchored, {} findings",
            report.findings
        ) + &places.collect::<String>()
    });
    if report.is_sound() {
        Ok(())
    } else {
        Err(Error::new(Code::Conflict, "The operation log was tampered with."))
    }
}
