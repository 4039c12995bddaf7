//! `kagectl runtime`, and how a server comes to its runtime.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use kageos_core::{
    Result,
    platform::{self, Platform, SealKey, workspace::Databases},
};
use serde::Serialize;

use super::{Session, failure::Context};
use crate::{
    config::{Config, EgressConfig, SandboxConfig},
    egress::{Egress, EgressOptions},
    runtime::{Ingredients, Layer, Limits, Runtime, RuntimeOptions, Sandbox},
    state::{Secrets, StateDir},
};

/// Where programs are looked for when the environment does not say.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

#[derive(Serialize)]
struct Prepared {
    layer: String,
    rustc: String,
}

/// `kagectl runtime prepare`
pub(super) async fn prepare(session: &Session, sources: &Path) -> Result<()> {
    session.state.init(&*session.env.entropy).context("the state folder")?;
    let layer = layer(session, sources, sandbox(session, false)?.as_ref()).await?;
    let prepared = Prepared { layer: layer.key().to_owned(), rustc: layer.rustc().to_owned() };
    session.output.result(&prepared, || format!("apps can be built, with {}", prepared.rustc));
    Ok(())
}

/// Makes the layer that apps are built on, from the sources of Kageos.
pub(super) async fn layer(session: &Session, sources: &Path, sandbox: Option<&Sandbox>) -> Result<Layer> {
    let config = session.config()?;
    let sandbox = sandbox.ok_or_else(|| {
        let message = "nothing keeps builds apart here: install bubblewrap";
        kageos_core::Error::new(kageos_core::Code::Unavailable, message)
    })?;
    let told = |line: &str| session.output.progress(&format!("apps: {line}"));
    let (restrict, servers) = (restrict(session)?, config.workspaces.admin_url.is_some());
    let ingredients = Ingredients { sources, sandbox, restrict: &restrict, servers };
    Layer::prepare(&layers(session, &config)?, &ingredients, told).await
}

/// What keeps apps apart on this machine. A server for development does without when there is nothing, and says so.
pub(super) fn sandbox(session: &Session, development: bool) -> Result<Option<Sandbox>> {
    let path = session.vars.get("PATH").map_or(OsStr::new(PATH), |path| OsStr::new(path.as_str()));
    Ok(match session.config()?.runtime.sandbox {
        SandboxConfig::None => Some(Sandbox::Open),
        SandboxConfig::Required => match Sandbox::find(path) {
            None if development => {
                session.output.progress(
                    "apps: bubblewrap is not installed, so in this development server apps run without a sandbox",
                );
                Some(Sandbox::Open)
            }
            found => found,
        },
    })
}

/// The runtime of a server.
pub(super) async fn open(
    session: &Session,
    platform: &Platform,
    secrets: &Secrets,
    databases: Option<Databases>,
    sandbox: Option<Sandbox>,
) -> Result<Runtime> {
    let config = session.config()?;
    let options = RuntimeOptions {
        // Programs with folders of their own to work in are told of these.
        state: StateDir::at(std::path::absolute(session.state.root()).context("the state folder")?),
        sandbox,
        restrict: restrict(session)?,
        layers: layers(session, &config)?,
        limits: Limits::default(),
        idle: config.runtime.idle,
        keep: config.runtime.keep_releases,
        databases,
        cursor_key: secrets.server_key,
        egress: egress(&config, platform, secrets)?,
    };
    Runtime::open(platform, options).await
}

/// What apps reach outside, as the configuration has it.
fn egress(config: &Config, platform: &Platform, secrets: &Secrets) -> Result<Egress> {
    let EgressConfig { networks, origins, ca_file, requests_per_minute } = config.egress.clone();
    let ca_file = ca_file.map(std::path::absolute).transpose().context("egress.ca_file")?;
    let options = EgressOptions { networks, origins, ca_file, per_minute: requests_per_minute };
    let key = SealKey::new(&secrets.seal_key);
    let of_workspaces = platform::secrets::Secrets::new(platform.db().clone(), platform.env().clone(), key);
    Ok(Egress::new(options, of_workspaces))
}

fn layers(session: &Session, config: &Config) -> Result<PathBuf> {
    let folder = config.runtime.layers.clone().unwrap_or_else(|| session.state.layers_dir());
    std::path::absolute(folder).context("runtime.layers")
}

/// This program sets the limits of what it starts: as it is now, for while a server runs an update may take its place.
fn restrict(session: &Session) -> Result<Vec<OsString>> {
    let program = std::env::current_exe().context("this program")?;
    let folder = session.state.layers_dir();
    session.state.make_dir(&folder).context("runtime")?;
    let (kept, beside) = (folder.join("kagectl"), folder.join("kagectl.new"));
    let _ = fs::remove_file(&beside);
    fs::hard_link(&program, &beside)
        .or_else(|_| fs::copy(&program, &beside).map(drop))
        .context("runtime/kagectl")?;
    fs::rename(&beside, &kept).context("runtime/kagectl")?;
    let kept = std::path::absolute(kept).context("runtime/kagectl")?;
    Ok(vec![kept.into(), "restrict".into()])
}
