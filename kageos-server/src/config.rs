//! What a deployment decides: defaults, then a file, then the environment.
//!
//! The file is `config.toml` of the state folder; the environment is `KAGEOS_<SECTION>__<KEY>`. A key that nobody
//! knows is a mistake like any other, and all mistakes are told at once.

mod node;
mod reader;

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use config::{Environment, File, FileFormat, Value};
use kageos_core::{Audit, Origin, sql::Synchronous};
pub use node::{Name, NodeConfig, PlaceConfig, Role};
use reader::Reader;

use crate::{
    network::Network,
    runtime::{BuildLimits, Limits, Quotas},
};

/// The configuration of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// HTTP.
    pub server: ServerConfig,
    /// The platform's database.
    pub database: DatabaseConfig,
    /// The databases of workspaces.
    pub workspaces: WorkspacesConfig,
    /// Apps.
    pub runtime: RuntimeConfig,
    /// What apps reach outside.
    pub egress: EgressConfig,
    /// `[python]`
    pub python: PythonConfig,
    /// Files.
    pub files: FilesConfig,
    /// The way to other servers.
    pub bus: BusConfig,
    /// This server among others.
    pub node: NodeConfig,
    /// The web application.
    pub web: WebConfig,
    /// Logs.
    pub log: LogConfig,
    /// The operation log.
    pub audit: AuditConfig,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `address`: where it listens.
    pub address: SocketAddr,
    /// `public_url`: what browsers call it, when that is not the address; with `https` cookies are `Secure`.
    pub public_url: Option<String>,
    /// `max_body_bytes`
    pub max_body_bytes: usize,
    /// `max_import_bytes`
    pub max_import_bytes: usize,
    /// `max_concurrent_requests`
    pub max_concurrent_requests: usize,
    /// `request_timeout_ms`
    pub request_timeout: Duration,
    /// `body_timeout_ms`: the longest wait for the next part of a body.
    pub body_timeout: Duration,
    /// `trusted_proxies`: whose `X-Forwarded-For` counts; a list, or one text with commas.
    pub trusted_proxies: Vec<Network>,
    /// `shutdown_timeout_ms`
    pub shutdown_timeout: Duration,
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// `url`: `sqlite:…`, `postgres://…` or `mysql://…`; `None` for the file of the state folder.
    pub url: Option<String>,
    /// `synchronous`: `full` (an acknowledged write survives a power cut) or `normal`; of SQLite files only.
    pub synchronous: Synchronous,
}

/// `[workspaces]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspacesConfig {
    /// `admin_url`: where each workspace gets a database and an account of its own, `postgres://…` or `mysql://…` of an
    /// account that may make both; `None` for a SQLite file each in the state folder.
    pub admin_url: Option<String>,
}

/// `[runtime]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// `place`: `here`, or `nodes`, with rows on a database server.
    pub place: PlaceConfig,
    /// `labels`: what a runtime node must have to be used.
    pub labels: Vec<Name>,
    /// `sandbox`: `required` refuses apps where nothing keeps them apart, `none` runs them as the server itself.
    pub sandbox: SandboxConfig,
    /// `container_engine`: the socket of Docker or Podman, which runs apps in containers then.
    pub container_engine: Option<PathBuf>,
    /// `layers`: where what apps are built on lies; `None` for the folder `runtime` of the state folder.
    pub layers: Option<PathBuf>,
    /// `idle_ms`: how long an app is kept when nobody calls.
    pub idle: Duration,
    /// `drain_ms`: how long the calls of a release that is replaced, or of a server that ends, may take until they are cut
    /// off.
    pub drain: Duration,
    /// `keep_releases`: how many programs are kept besides the live one, of releases that were live and of others each.
    pub keep_releases: u32,
    /// `build_cache_bytes`: what was compiled for workspaces may take so much; what was used longest ago goes.
    pub build_cache_bytes: u64,
    /// `max_source_bytes`, `max_source_files` and `max_data_bytes`: what each workspace may keep.
    pub quotas: Quotas,
    /// `max_memory_bytes`, `max_file_bytes`, `max_processes` and `max_cpu_percent`: what each app may use.
    pub limits: Limits,
    /// `max_build_memory_bytes`, `max_build_processes` and `build_timeout_ms`: what one build may use.
    pub builds: BuildLimits,
    /// `keep_deleted_days`: how long a deleted workspace can be restored.
    pub keep_deleted: Duration,
    /// `log_bytes`: how much is kept of the log of one workspace.
    pub log_bytes: u64,
    /// `log_days`: how many days of it.
    pub log_days: u32,
}

/// Whether apps need a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxConfig {
    /// Without one none runs.
    Required,
    /// They may do what the server may.
    None,
}

/// `[egress]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressConfig {
    /// `networks`: what apps may reach besides the public Internet, and the only ones without encryption; a list, or one
    /// text with commas.
    pub networks: Vec<Network>,
    /// `origins`: the only ones that apps may reach, for example `https://*.example.com`; without any, all that releases
    /// declare and administrators consent to.
    pub origins: Vec<Origin>,
    /// `ca_file`: certificates, PEM, of authorities that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// `requests_per_minute`: of the app of one workspace.
    pub requests_per_minute: u32,
}

/// `[python]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonConfig {
    /// `enabled`: whether scripts of apps run at all.
    pub enabled: bool,
    /// `program`: the Python of scripts that name no environment, an absolute path; `None` for that of the system, where
    /// there is one.
    pub program: Option<PathBuf>,
    /// `environments`: names and folders of virtual environments, `science=/opt/python/science`; a list, or one text with
    /// commas.
    pub environments: Vec<PythonEnvironment>,
}

/// A virtual environment that scripts may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonEnvironment {
    /// What scripts call it.
    pub name: String,
    /// Where it lies, an absolute path.
    pub folder: PathBuf,
}

impl FromStr for PythonEnvironment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, folder)) = text.split_once('=') else {
            return Err(format!("{text}: a name and a folder, science=/opt/python/science"));
        };
        let is_name =
            !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it));
        let folder = PathBuf::from(folder);
        match is_name && folder.is_absolute() {
            true => Ok(Self { name: name.to_owned(), folder }),
            false => Err(format!("{text}: letters, digits, - _ . and an absolute path")),
        }
    }
}

/// `[files]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesConfig {
    /// `url`: `s3://bucket/prefix` or `file:///folder`; `None` for the folder `objects` of the state folder.
    pub url: Option<String>,
    /// `endpoint`: the address of the S3 server; `None` for Amazon's.
    pub endpoint: Option<String>,
    /// `region`
    pub region: String,
    /// `access_key_id`
    pub access_key_id: Option<String>,
    /// `secret_access_key`
    pub secret_access_key: Option<Hidden>,
    /// `max_bytes`: the largest file.
    pub max_bytes: u64,
}

/// A secret in a configuration: it is compared and not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// `[bus]`
#[derive(Clone, PartialEq, Eq)]
pub struct BusConfig {
    /// `url`: `nats://…` or `tls://…`, several with commas; `None` for events inside this process.
    pub url: Option<String>,
    /// `prefix`: a code before the names that events have there; for each platform on one NATS its own.
    pub prefix: String,
}

impl fmt::Debug for BusConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        let url = self.url.as_ref().map(|_| "…");
        f.debug_struct("BusConfig").field("url", &url).field("prefix", &self.prefix).finish()
    }
}

/// `[web]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// `dir`: the built web application.
    pub dir: PathBuf,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// `filter`: what is logged, for example `info,kageos_server=debug`.
    pub filter: String,
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditConfig {
    /// `reads`: `none`, `summary` or `full`: how much is recorded at least of calls that only read, whatever their
    /// actions say.
    pub reads: Audit,
}

impl Default for Config {
    fn default() -> Self {
        Reader::default().config()
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// One sentence each, with the key's name.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} mistake(s): {}", self.problems.len(), self.problems.join("; "))
    }
}

impl Config {
    /// Reads `file`, when it is there, and then `environment`, of which it takes `KAGEOS_<SECTION>__<KEY>`.
    ///
    /// # Errors
    /// Every unknown key and every value that does not fit, at once.
    pub fn load(file: &Path, environment: HashMap<String, String>) -> Result<Self, ConfigError> {
        let sections = environment.into_iter().filter(|(name, _)| name.contains("__")).collect();
        let merged = config::Config::builder()
            .add_source(File::from(file).format(FileFormat::Toml).required(false))
            .add_source(
                Environment::with_prefix("KAGEOS")
                    .prefix_separator("_")
                    .separator("__")
                    .source(Some(sections)),
            )
            .build()
            .and_then(|merged| merged.try_deserialize::<HashMap<String, Value>>())
            .map_err(|error| ConfigError { problems: vec![error.to_string()] })?;
        let mut reader = Reader::default();
        merged.into_iter().for_each(|(section, value)| reader.add(section, value));
        let config = reader.config();
        reader.problems.extend(config.contradictions().into_iter().map(str::to_owned));
        reader.finish().map(|()| config)
    }

    /// Keys that do not go together.
    fn contradictions(&self) -> Vec<&'static str> {
        let bus = self.bus.url.is_none();
        let mut all = Vec::new();
        if self.node.role == Role::Runtime && bus {
            all.push("node.role: a runtime node needs bus.url");
        }
        if self.runtime.place == PlaceConfig::Nodes && bus {
            all.push("runtime.place: runtime nodes are reached over bus.url");
        }
        if self.runtime.place == PlaceConfig::Nodes && self.workspaces.admin_url.is_none() {
            all.push(
                "runtime.place: rows of apps on runtime nodes lie on a database server, workspaces.admin_url",
            );
        }
        all
    }
}
