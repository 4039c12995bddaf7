//! `kagectl bootstrap --dev`

use std::path::Path;

use kageos_core::Result;
use serde::Serialize;

use super::{Session, failure::Context, serve, web_build};

/// Where the sources of the web application lie in a clone.
const WEB: &str = "web";

#[derive(Serialize)]
struct Ready<'a> {
    address: &'a str,
    user: &'static str,
    password: &'a str,
}

pub(super) async fn run(session: &Session) -> Result<()> {
    session.state.init(&*session.env.entropy).context("the state folder")?;
    web_build::run(session, Path::new(WEB)).await?;
    let started = serve::start(session, true).await?;
    let ready = Ready {
        address: &started.address,
        user: "system",
        password: started.secrets.system_password.expose(),
    };
    session.output.result(&ready, || {
        format!(
            "Kageos answers at {}\nuser      {}\npassword  {}\nCtrl-C stops it.",
            ready.address, ready.user, ready.password
        )
    });
    serve::answer(started).await
}
