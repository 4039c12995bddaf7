//! `kagectl init --dev`

use kageos_core::Result;
use serde::Serialize;

use super::{Session, failure::Context};

#[derive(Serialize)]
struct Made {
    state: String,
    user: &'static str,
    password: String,
}

pub(super) fn run(session: &Session) -> Result<()> {
    let secrets = session.state.init(&*session.env.entropy).context("the state folder")?;
    let made = Made {
        state: session.state.root().display().to_string(),
        user: "system",
        password: secrets.system_password.expose().to_owned(),
    };
    session.output.result(&made, || {
        format!("state     {}\nuser      {}\npassword  {}", made.state, made.user, made.password)
    });
    Ok(())
}
