//! `kagectl secret`: what the apps of a workspace use without seeing it, and the key that seals it.

use std::io::{self, BufRead, IsTerminal};

use kageos_core::{
    Code, Error, Result,
    platform::{SealKey, secrets::Secrets},
    sql::{Db, DbOptions},
};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};

use super::{
    Session,
    args::Secret,
    failure::Context,
    remote::Remote,
    serve,
    workspace::{Asking, Caller},
};
use crate::state::{Rotation, RunLock};

pub(super) async fn run(session: &Session, command: Secret) -> Result<()> {
    if matches!(command, Secret::Rotate) {
        return rotate(session).await;
    }
    let caller = Asking(session, Remote::find(&session.state)?);
    let (done, shown): (Value, fn(&Value) -> String) = match command {
        Secret::Set { path, name, origin } => {
            let mut input = json!({ "name": name, "value": read_value(session, &name)? });
            if let Some(origin) = origin {
                input["origin"] = origin.into();
            }
            (caller.call(&path.parse()?, "set_secret", input).await?, |set| {
                format!("{} is set, for requests to {}", text(set, "name"), text(set, "origin"))
            })
        }
        Secret::List { path } => (caller.call(&path.parse()?, "list_secrets", json!({})).await?, table),
        Secret::Remove { path, name } => {
            let input = json!({ "name": name });
            (caller.call(&path.parse()?, "remove_secret", input).await?, |gone| {
                format!("{} is forgotten", text(gone, "name"))
            })
        }
        Secret::Rotate => return Ok(()),
    };
    session.output.result(&done, || shown(&done));
    Ok(())
}

/// A secret from the standard input; a terminal does not show it.
fn read_value(session: &Session, name: &str) -> Result<String> {
    let input = io::stdin();
    let mut line = String::new();
    let mut read = || input.lock().read_line(&mut line).context("the standard input");
    if input.is_terminal() {
        session.output.progress(&format!("{name}: type it, it is not shown, and press Enter"));
        let shown = tcgetattr(&input).context("the terminal")?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Now, &hidden).context("the terminal")?;
        let done = read();
        tcsetattr(&input, OptionalActions::Now, &shown).context("the terminal")?;
        done?;
    } else {
        read()?;
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Seals every secret in the database with a new key. A rotation that was cut off goes on where it was; until it has ended
/// no server starts.
async fn rotate(session: &Session) -> Result<()> {
    if !session.state.exists() {
        return Err(Error::new(Code::NotFound, "There is no state folder; `kagectl init --dev` makes one."));
    }
    let _lock = RunLock::acquire(&session.state).context("the state folder")?;
    let rotation = Rotation::of(&session.state, &*session.env.entropy).context("secrets/seal.key")?;
    let (old, new) = (SealKey::new(&rotation.old), SealKey::new(&rotation.new));
    let url = serve::database_url(session, &session.config()?);
    let db = Db::open(&DbOptions::new(url)).await.context("the database")?;
    let secrets = Secrets::new(db.clone(), session.env.clone(), old.clone());
    let strange = secrets.keys().await?.into_iter().find(|key| key != old.id() && key != new.id());
    if let Some(key) = strange {
        let message =
            format!("Something is sealed with the key {key}, and secrets/seal.key is {}.", old.id());
        return Err(Error::new(Code::Conflict, message));
    }
    rotation.begin(&session.state).context("secrets/seal.key.next")?;
    let sealed = secrets.seal_anew(&new).await;
    db.close().await;
    let sealed = sealed?;
    rotation.end(&session.state).context("secrets/seal.key")?;
    session.output.result(&json!({ "sealed": sealed }), || {
        format!(
            "{sealed} secrets are sealed with a new key; other servers on this database need the new secrets/seal.key, \
             and a backup from before needs the old one, which it holds"
        )
    });
    Ok(())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn table(found: &Value) -> String {
    let line = |it: &Value| {
        let set = &it["set"];
        let state = match (set.is_null(), set["origin"] == it["origin"]) {
            (true, _) => "not set".to_owned(),
            (false, true) => format!("set by {} at {}", text(&set["by"], "name"), text(set, "at")),
            (false, false) => format!("set for {}, not for this origin", text(set, "origin")),
        };
        let used = if it["declared"] == true { "" } else { "  (the live release does not use it)" };
        format!("{:<24} {:<40} {state}{used}", text(it, "name"), text(it, "origin"))
    };
    found["secrets"].as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}
