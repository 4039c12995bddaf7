//! `kagectl bootstrap --dev`

use std::path::Path;

use kageos_core::Result;
use serde::Serialize;

use super::{Session, failure::Context, runtime, serve, web_build};

/// Where the sources of the web application lie in a clone.
const WEB: &str = "web";

#[derive(Serialize)]
struct Ready<'a> {
    address: &'a str,
    user: &'static str,
    password: &'a str,
}

pub(super) async fn run(session: &Session, sources: &Path) -> Result<()> {
    session.state.init(&*session.env.entropy).context("the state folder")?;
    web_build::run(session, Path::new(WEB)).await?;
    let sandbox = runtime::sandbox(session, true)?;
    let given = sources.join(runtime::SDK).exists().then_some(sources);
    let prepared = async { runtime::layer(session, &runtime::supply(given, None)?, sandbox.as_ref()).await };
    // A server without apps is of use too: accounts, files, the tree.
    if let Err(error) = prepared.await {
        session.output.progress(&format!("apps: they cannot be built here: {}", error.message));
    }
    let started = serve::start(session, sandbox, Some(sources)).await?;
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
