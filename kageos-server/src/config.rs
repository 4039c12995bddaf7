//! What a deployment decides: defaults, then a file, then the environment.
//!
//! The file is `config.toml` of the state folder; the environment is `KAGEOS_<SECTION>__<KEY>`. A key that nobody
//! knows is a mistake like any other, and all mistakes are told at once.

mod node;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

pub use node::{Name, NodeConfig, PlaceConfig, Role};

use config::{Environment, File, FileFormat, Value};
use kageos_core::{Audit, Origin, platform::files::MAX_BYTES, sql::Synchronous};
use serde::de::DeserializeOwned;

use crate::{
    network::Network,
    runtime::{Limits, Quotas},
};

/// Largest body of a request, in bytes: a form with long texts fits, a mistake does not.
const MAX_BODY_BYTES: u64 = 1024 * 1024;
/// How long an app is kept when nobody calls: who reads and then calls again finds it running.
const APP_IDLE_MS: u64 = 10 * 60 * 1000;
/// Programs to go back to.
const KEEP_RELEASES: u32 = 5;
/// Requests that the app of one workspace sends outside in a minute.
const REQUESTS_PER_MINUTE: u32 = 600;
/// What was compiled for some sixty workspaces.
const BUILD_CACHE_BYTES: u64 = 20 << 30;
/// A source of texts with a long history, and rows of a busy team.
const QUOTAS: Quotas = Quotas { source_bytes: 256 << 20, source_files: 5_000, data_bytes: 10 << 30 };
/// How long a workspace can be restored that was deleted by mistake.
const KEEP_DELETED_DAYS: u32 = 30;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What is kept of the log of one workspace, in bytes: some 150,000 lines.
const LOG_BYTES: u64 = 32 * 1024 * 1024;
/// Days of it: over holidays.
const LOG_DAYS: u32 = 14;
/// Largest CSV that is imported in one request, in bytes: as much as the action `import` of a table takes.
const MAX_IMPORT_BYTES: u64 = 64 * 1024 * 1024;
/// Longest time to the head of an answer: above every action's own timeout, so it only ends what hangs.
const REQUEST_TIMEOUT_MS: u64 = 900_000;
/// Longest wait for the next part of a body: a slow line sends something in this time.
const BODY_TIMEOUT_MS: u64 = 10_000;
/// Longest wait for running requests when the server stops.
const SHUTDOWN_TIMEOUT_MS: u64 = 10_000;
/// Requests that are worked on at once; above it the server says so instead of growing.
const MAX_CONCURRENT_REQUESTS: u64 = 1024;

/// After so long without a sign a server is taken for dead by the others on its database: longer than a busy disk or
/// network keeps it silent.
const LEASE_MS: u64 = 10_000;
/// Shortest such time: below it a busy machine is taken for a dead one.
const MIN_LEASE_MS: u64 = 1_000;
/// Apps that a runtime node runs at a time: most of those that run do little.
const NODE_CAPACITY: u64 = 100;
/// Before the names that events have on NATS.
const BUS_PREFIX: &str = "kageos";

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
    /// `place`: `here`, or `nodes` for apps whose rows lie on a database server.
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
    /// `keep_releases`: how many programs are kept besides the live one.
    pub keep_releases: u32,
    /// `build_cache_bytes`: what was compiled for workspaces may take so much; what was used longest ago goes.
    pub build_cache_bytes: u64,
    /// `max_source_bytes`, `max_source_files` and `max_data_bytes`: what each workspace may keep.
    pub quotas: Quotas,
    /// `max_memory_bytes`, `max_file_bytes`, `max_processes` and `max_cpu_percent`: what each app may use.
    pub limits: Limits,
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

/// The given keys that were not asked for yet, and what was wrong with the others.
#[derive(Default)]
struct Reader {
    given: BTreeMap<String, Value>,
    problems: Vec<String>,
}

impl Reader {
    fn add(&mut self, section: String, value: Value) {
        match value.clone().into_table() {
            Ok(keys) => {
                self.given.extend(keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)));
            }
            Err(_) => {
                self.given.insert(section, value);
            }
        }
    }

    fn config(&mut self) -> Config {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        Config {
            server: ServerConfig {
                address: self.key("server.address", address),
                public_url: self.key("server.public_url", None),
                max_body_bytes: self.size("server.max_body_bytes", MAX_BODY_BYTES),
                max_import_bytes: self.size("server.max_import_bytes", MAX_IMPORT_BYTES),
                max_concurrent_requests: self.size("server.max_concurrent_requests", MAX_CONCURRENT_REQUESTS),
                request_timeout: self.millis("server.request_timeout_ms", REQUEST_TIMEOUT_MS),
                body_timeout: self.millis("server.body_timeout_ms", BODY_TIMEOUT_MS),
                trusted_proxies: self.list("server.trusted_proxies"),
                shutdown_timeout: self.millis("server.shutdown_timeout_ms", SHUTDOWN_TIMEOUT_MS),
            },
            database: DatabaseConfig {
                url: self.key("database.url", None),
                synchronous: self.key("database.synchronous", Synchronous::Full),
            },
            workspaces: WorkspacesConfig { admin_url: self.key("workspaces.admin_url", None) },
            runtime: RuntimeConfig {
                place: self.key("runtime.place", PlaceConfig::Here),
                labels: self.list("runtime.labels"),
                sandbox: self.key("runtime.sandbox", SandboxConfig::Required),
                container_engine: self.key("runtime.container_engine", None),
                layers: self.key("runtime.layers", None),
                idle: self.millis("runtime.idle_ms", APP_IDLE_MS),
                keep_releases: self.key("runtime.keep_releases", KEEP_RELEASES),
                build_cache_bytes: self.positive("runtime.build_cache_bytes", BUILD_CACHE_BYTES),
                quotas: Quotas {
                    source_bytes: self.positive("runtime.max_source_bytes", QUOTAS.source_bytes),
                    source_files: self.positive("runtime.max_source_files", QUOTAS.source_files),
                    data_bytes: self.positive("runtime.max_data_bytes", QUOTAS.data_bytes),
                },
                limits: Limits {
                    memory: self.positive("runtime.max_memory_bytes", Limits::default().memory),
                    file: self.positive("runtime.max_file_bytes", Limits::default().file),
                    processes: self.positive("runtime.max_processes", Limits::default().processes),
                    cpu_percent: self
                        .positive("runtime.max_cpu_percent", Limits::default().cpu_percent.into())
                        .try_into()
                        .unwrap_or(u32::MAX),
                    ..Limits::default()
                },
                keep_deleted: DAY * self.key("runtime.keep_deleted_days", KEEP_DELETED_DAYS),
                log_bytes: self.positive("runtime.log_bytes", LOG_BYTES),
                log_days: self.key("runtime.log_days", LOG_DAYS),
            },
            egress: EgressConfig {
                networks: self.list("egress.networks"),
                origins: self.list("egress.origins"),
                ca_file: self.key("egress.ca_file", None),
                requests_per_minute: self.key("egress.requests_per_minute", REQUESTS_PER_MINUTE),
            },
            python: PythonConfig {
                enabled: self.key("python.enabled", true),
                program: self.key("python.program", None),
                environments: self.list("python.environments"),
            },
            files: FilesConfig {
                url: self.key("files.url", None),
                endpoint: self.key("files.endpoint", None),
                region: self.key("files.region", "us-east-1".to_owned()),
                access_key_id: self.key("files.access_key_id", None),
                secret_access_key: self.key("files.secret_access_key", None).map(Hidden),
                max_bytes: self.positive("files.max_bytes", MAX_BYTES),
            },
            bus: BusConfig { url: self.key("bus.url", None), prefix: self.word("bus.prefix", BUS_PREFIX) },
            node: NodeConfig {
                role: self.key("node.role", Role::Server),
                name: self.name("node.name"),
                labels: self.list("node.labels"),
                capacity: self.positive("node.capacity", NODE_CAPACITY).try_into().unwrap_or(u32::MAX),
                lease: self.lease("node.lease_ms"),
            },
            web: WebConfig { dir: self.key("web.dir", PathBuf::from("web/dist")) },
            log: LogConfig { filter: self.key("log.filter", "info".to_owned()) },
            audit: AuditConfig { reads: self.key("audit.reads", Audit::None) },
        }
    }

    fn key<T: DeserializeOwned>(&mut self, key: &str, default: T) -> T {
        let Some(value) = self.given.remove(key) else { return default };
        value.try_deserialize().unwrap_or_else(|error| {
            self.problems.push(format!("{key}: {error}"));
            default
        })
    }

    /// A list, or one text with commas.
    fn list<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Vec<T> {
        let texts = match self.given.remove(key).map(|value| (value.clone().into_array(), value)) {
            None => Vec::new(),
            Some((Ok(items), _)) => items.into_iter().map(Value::into_string).collect(),
            Some((Err(_), value)) => match value.into_string() {
                Ok(text) => text.split(',').map(|part| Ok(part.to_owned())).collect(),
                Err(error) => vec![Err(error)],
            },
        };
        let mut items = Vec::with_capacity(texts.len());
        for text in texts {
            match text.map(|text| text.trim().parse::<T>()) {
                Ok(Ok(item)) => items.push(item),
                Ok(Err(error)) => self.problems.push(format!("{key}: {error}")),
                Err(error) => self.problems.push(format!("{key}: {error}")),
            }
        }
        items
    }

    fn positive(&mut self, key: &str, default: u64) -> u64 {
        match self.key(key, default) {
            0 => {
                self.problems.push(format!("{key}: must be more than 0"));
                default
            }
            number => number,
        }
    }

    /// A code, as it may stand in the name of a subject and of a stream.
    fn word(&mut self, key: &str, default: &str) -> String {
        let word: String = self.key(key, default.to_owned());
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !word.is_empty() && word.len() <= 64 && word.chars().all(plain) {
            return word;
        }
        self.problems.push(format!("{key}: must be lower-case letters, digits and underscores"));
        default.to_owned()
    }

    fn name(&mut self, key: &str) -> Option<Name> {
        let text: String = self.key(key, None)?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.problems.push(format!("{key}: {error}"));
                None
            }
        }
    }

    fn lease(&mut self, key: &str) -> Duration {
        let lease = self.key(key, LEASE_MS);
        if lease < MIN_LEASE_MS {
            self.problems.push(format!("{key}: must be at least {MIN_LEASE_MS}"));
        }
        Duration::from_millis(lease)
    }

    fn size(&mut self, key: &str, default: u64) -> usize {
        usize::try_from(self.positive(key, default)).unwrap_or(usize::MAX)
    }

    fn millis(&mut self, key: &str, default: u64) -> Duration {
        Duration::from_millis(self.positive(key, default))
    }

    fn finish(mut self) -> Result<(), ConfigError> {
        self.problems.extend(self.given.into_keys().map(|key| format!("{key}: there is no such key")));
        self.problems.sort();
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError { problems: self.problems }) }
    }
}
