//! `kagectl runtime`, and how a server comes to its runtime.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use kageos_core::{
    Code, Error, Result,
    platform::{self, Platform, SealKey, release::RuntimePlaces, workspace::Databases},
};
use serde::Serialize;

use super::{Session, failure::Context};
use crate::{
    config::{Config, EgressConfig, Name, PlaceConfig, PythonConfig, SandboxConfig},
    egress::{Egress, EgressOptions},
    runtime::{
        self, Containers, Crates, Driver, Groups, Ingredients, Layer, NodeOptions, Nodes, NodesOptions,
        PythonOptions, Runtime, RuntimeOptions, Sandbox, Supply,
    },
    state::{Secrets, StateDir},
    wire::Finding,
};

/// Where programs are looked for when the environment does not say.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Where a system has its Python.
const PYTHON: &str = "/usr/bin/python3";
/// This program as it runs, also when an update has taken its place.
const PROGRAM: &str = "/proc/self/exe";
/// What a folder with the sources of Kageos has.
pub(super) const SDK: &str = "kageos-sdk/Cargo.toml";

#[derive(Serialize)]
struct Prepared {
    layer: String,
    rustc: String,
}

#[derive(Serialize)]
struct Packed {
    program: PathBuf,
    supply: String,
}

/// `kagectl runtime prepare`
pub(super) async fn prepare(session: &Session, sources: Option<&Path>, crates: Option<&Path>) -> Result<()> {
    session.state.init(&*session.env.entropy).context("the state folder")?;
    let layer = layer(session, &supply(sources, crates)?, sandbox(session, false)?.as_ref()).await?;
    let prepared = Prepared { layer: layer.key().to_owned(), rustc: layer.rustc().to_owned() };
    session.output.result(&prepared, || format!("apps can be built, with {}", prepared.rustc));
    Ok(())
}

/// `kagectl runtime pack`
pub(super) async fn pack(session: &Session, sources: &Path, crates: Option<&Path>, to: &Path) -> Result<()> {
    session.output.progress("apps: collecting the SDK and its crates");
    let packed = Supply::pack(Path::new(PROGRAM), (sources, &allowed(crates)?), to).await?;
    let packed = Packed { program: to.to_owned(), supply: packed.id() };
    session.output.result(&packed, || {
        format!("{} carries what apps are built with; it is all that a server needs of Kageos", to.display())
    });
    Ok(())
}

/// What apps are built with: the sources that are named, else what this program carries, else the sources around here.
pub(super) fn supply(sources: Option<&Path>, crates: Option<&Path>) -> Result<Supply> {
    if let Some(sources) = sources {
        return Ok(Supply::Sources(sources.to_owned(), allowed(crates)?));
    }
    if let Some(packed) = runtime::Packed::find(Path::new(PROGRAM))? {
        return Ok(Supply::Packed(packed));
    }
    let here = Path::new(".");
    if here.join(SDK).exists() {
        return Ok(Supply::Sources(here.to_owned(), Crates::default()));
    }
    let message = "This kagectl carries no SDK: it was not packed (`kagectl runtime pack`), or its file was cut off. \
                   Name the sources of Kageos with --sources.";
    Err(Error::new(Code::Unavailable, message))
}

/// The crates that a file allows.
fn allowed(file: Option<&Path>) -> Result<Crates> {
    let Some(file) = file else { return Ok(Crates::default()) };
    Crates::read(&fs::read_to_string(file).context(&file.display().to_string())?)
}

/// Makes the layer that apps are built on.
pub(super) async fn layer(session: &Session, supply: &Supply, sandbox: Option<&Sandbox>) -> Result<Layer> {
    let config = session.config()?;
    let sandbox = sandbox.ok_or_else(|| {
        let message = "nothing keeps builds apart here: install bubblewrap";
        Error::new(Code::Unavailable, message)
    })?;
    let told = |line: &str| session.output.progress(&format!("apps: {line}"));
    let restrict = restrict(session)?;
    let ingredients = Ingredients { supply, sandbox, restrict: &restrict };
    Layer::prepare(&layers(session, &config)?, &ingredients, told).await
}

/// What apps would be run and built with, for the doctor of a server that does not run.
pub(super) async fn finding(session: &Session) -> Finding {
    let Ok((config, sandbox)) = session.config().and_then(|it| Ok((it, sandbox(session, false)?))) else {
        return Finding::bad("runtime", "unknown without a configuration", "mend the configuration first");
    };
    let runs = match (&config.runtime.container_engine, sandbox) {
        (Some(engine), _) => format!("containers of {}", engine.display()),
        (None, Some(sandbox)) => format!("sandbox {}", sandbox.as_str()),
        (None, None) => {
            return Finding::bad("runtime", "nothing keeps apps apart on this server", "install bubblewrap");
        }
    };
    let built = match layers(session, &config) {
        Ok(layers) => runtime::outlook(&layers, Path::new(PROGRAM)).await,
        Err(error) => error.message,
    };
    Finding::good("runtime", format!("{runs}, {built}"))
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
    // Programs with folders of their own to work in are told of these.
    let state = std::path::absolute(session.state.root()).context("the state folder")?;
    let (mark, restrict) = (runtime::mark(&state), restrict(session)?);
    let engine = config.runtime.container_engine.as_deref();
    let layers = layers(session, &config)?;
    let files = config.files.url.as_deref().and_then(|url| url.strip_prefix("file://")).map(PathBuf::from);
    let hidden = [Some(state.clone()), Some(layers.clone()), files].into_iter().flatten().collect();
    let depot = config.files.url.is_some().then(|| platform.files().objects().clone());
    let options = RuntimeOptions {
        depot,
        nodes: nodes(config.clone(), platform).await?,
        state: StateDir::at(state),
        sandbox,
        groups: Groups::find(&mark),
        containers: engine.map(|socket| Containers::at(socket, &mark, restrict.clone())),
        restrict,
        layers,
        program: PROGRAM.into(),
        limits: config.runtime.limits.clone(),
        builds: config.runtime.builds.clone(),
        idle: config.runtime.idle,
        drain: config.runtime.drain,
        keep: config.runtime.keep_releases,
        build_cache: config.runtime.build_cache_bytes,
        keep_deleted: config.runtime.keep_deleted,
        quotas: config.runtime.quotas,
        log_bytes: config.runtime.log_bytes,
        log_days: config.runtime.log_days,
        databases,
        cursor_key: secrets.server_key,
        egress: egress(&config, platform, secrets)?,
        python: python(&config, hidden)?,
    };
    Runtime::open(platform, options).await
}

/// The runtime nodes of a server, when its apps run there.
async fn nodes(config: Config, platform: &Platform) -> Result<Option<Nodes>> {
    let (PlaceConfig::Nodes, Some(url)) = (config.runtime.place, config.bus.url) else {
        return Ok(None);
    };
    let options = NodesOptions {
        url,
        prefix: config.bus.prefix,
        labels: words(config.runtime.labels),
        lease: config.node.lease,
        places: RuntimePlaces::new(platform.db().clone(), platform.seat().map_or("", |seat| &seat.node)),
    };
    Nodes::open(platform.env(), options).await.map(Some)
}

/// What a runtime node works with.
pub(super) fn node(session: &Session) -> Result<NodeOptions> {
    let config = session.config()?;
    let state = std::path::absolute(session.state.root()).context("the state folder")?;
    let (mark, restrict) = (runtime::mark(&state), restrict(session)?);
    let engine = config.runtime.container_engine.as_deref();
    let containers = engine.map(|socket| Containers::at(socket, &mark, restrict.clone()));
    let state = StateDir::at(state);
    let driver = match &containers {
        Some(containers) => Driver::containers(containers.clone()),
        None => {
            let missing =
                || Error::new(Code::Unavailable, "nothing keeps apps apart here: install bubblewrap");
            Driver::processes(
                sandbox(session, false)?.ok_or_else(missing)?,
                restrict.clone(),
                Groups::find(&mark),
            )
        }
    };
    let driver = match restrict.into_iter().next() {
        Some(program) => driver.measured(program.into(), state.run_file("probe")),
        None => driver,
    };
    let own = || session.state.node(&*session.env.entropy).context("the state folder");
    Ok(NodeOptions {
        url: config.bus.url.clone().unwrap_or_default(),
        prefix: config.bus.prefix.clone(),
        name: config.node.name.map_or_else(own, |name| Ok(name.into_string()))?,
        labels: words(config.node.labels),
        capacity: config.node.capacity,
        driver,
        containers,
        limits: config.runtime.limits.clone(),
        state,
        cache: config.runtime.build_cache_bytes,
        env: session.env.clone(),
    })
}

fn words(names: Vec<Name>) -> Vec<String> {
    names.into_iter().map(Name::into_string).collect()
}

/// What scripts of apps are run with.
fn python(config: &Config, hidden: Vec<PathBuf>) -> Result<PythonOptions> {
    let PythonConfig { enabled, program, environments } = config.python.clone();
    if program.as_ref().is_some_and(|program| !program.is_absolute()) {
        return Err(Error::new(Code::InvalidInput, "python.program: an absolute path."));
    }
    let system = Some(PathBuf::from(PYTHON)).filter(|program| program.is_file());
    let environments = environments.into_iter().map(|it| (it.name, it.folder)).collect();
    Ok(match enabled {
        true => PythonOptions { program: program.or(system), environments, hidden },
        false => PythonOptions { program: None, environments: BTreeMap::new(), hidden },
    })
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

pub(super) fn layers(session: &Session, config: &Config) -> Result<PathBuf> {
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
