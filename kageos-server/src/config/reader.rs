//! The keys of a configuration, read one by one.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use config::Value;
use kageos_core::{Audit, platform::files::MAX_BYTES, sql::Synchronous};
use serde::de::DeserializeOwned;

use super::{
    AuditConfig, BusConfig, Config, ConfigError, DatabaseConfig, EgressConfig, FilesConfig, Hidden,
    LogConfig, Name, NodeConfig, PlaceConfig, PythonConfig, Role, RuntimeConfig, SandboxConfig, ServerConfig,
    WebConfig, WorkspacesConfig,
};
use crate::runtime::{BuildLimits, Limits, Quotas};

/// Largest body of a request, in bytes: a form with long texts fits, a mistake does not.
const MAX_BODY_BYTES: u64 = 1024 * 1024;
/// How long an app is kept when nobody calls: who reads and then calls again finds it running.
const APP_IDLE_MS: u64 = 10 * 60 * 1000;
/// How long the calls of a release that is replaced may take: longer than people wait for one.
const DRAIN_MS: u64 = 30 * 1000;
/// Memory of one build, in bytes: what compilers on a machine of eight processors take at once.
const BUILD_MEMORY: u64 = 8 << 30;
/// Processes and threads of one build.
const BUILD_PROCESSES: u64 = 1024;
/// How long a build may take: as long as whoever asks for it waits.
const BUILD_TIMEOUT_MS: u64 = 15 * 60 * 1000;
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

/// The given keys that were not asked for yet, and what was wrong with the others.
#[derive(Default)]
pub(super) struct Reader {
    given: BTreeMap<String, Value>,
    pub(super) problems: Vec<String>,
}

impl Reader {
    pub(super) fn add(&mut self, section: String, value: Value) {
        match value.clone().into_table() {
            Ok(keys) => {
                self.given.extend(keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)));
            }
            Err(_) => {
                self.given.insert(section, value);
            }
        }
    }

    pub(super) fn config(&mut self) -> Config {
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
            runtime: self.runtime(),
            egress: EgressConfig {
                networks: self.list("egress.networks"),
                origins: self.list("egress.origins"),
                ca_file: self.key("egress.ca_file", None),
                requests_per_minute: self.key("egress.requests_per_minute", REQUESTS_PER_MINUTE),
            },
            python: self.python(),
            files: FilesConfig {
                url: self.key("files.url", None),
                endpoint: self.key("files.endpoint", None),
                region: self.key("files.region", "us-east-1".to_owned()),
                access_key_id: self.key("files.access_key_id", None),
                secret_access_key: self.key("files.secret_access_key", None).map(Hidden),
                max_bytes: self.positive("files.max_bytes", MAX_BYTES),
            },
            bus: BusConfig { url: self.key("bus.url", None), prefix: self.word("bus.prefix", BUS_PREFIX) },
            node: self.node(),
            web: WebConfig { dir: self.key("web.dir", PathBuf::from("web/dist")) },
            log: LogConfig { filter: self.key("log.filter", "info".to_owned()) },
            audit: AuditConfig { reads: self.key("audit.reads", Audit::None) },
        }
    }

    fn python(&mut self) -> PythonConfig {
        PythonConfig {
            enabled: self.key("python.enabled", true),
            program: self.key("python.program", None),
            environments: self.list("python.environments"),
        }
    }

    fn node(&mut self) -> NodeConfig {
        NodeConfig {
            role: self.key("node.role", Role::Server),
            name: self.name("node.name"),
            labels: self.list("node.labels"),
            capacity: self.positive("node.capacity", NODE_CAPACITY).try_into().unwrap_or(u32::MAX),
            lease: self.lease("node.lease_ms"),
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

    fn runtime(&mut self) -> RuntimeConfig {
        RuntimeConfig {
            place: self.key("runtime.place", PlaceConfig::Here),
            labels: self.list("runtime.labels"),
            sandbox: self.key("runtime.sandbox", SandboxConfig::Required),
            container_engine: self.key("runtime.container_engine", None),
            layers: self.key("runtime.layers", None),
            idle: self.millis("runtime.idle_ms", APP_IDLE_MS),
            drain: self.millis("runtime.drain_ms", DRAIN_MS),
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
            builds: BuildLimits {
                memory: self.positive("runtime.max_build_memory_bytes", BUILD_MEMORY),
                processes: self.positive("runtime.max_build_processes", BUILD_PROCESSES),
                time: self.millis("runtime.build_timeout_ms", BUILD_TIMEOUT_MS),
            },
            keep_deleted: DAY * self.key("runtime.keep_deleted_days", KEEP_DELETED_DAYS),
            log_bytes: self.positive("runtime.log_bytes", LOG_BYTES),
            log_days: self.key("runtime.log_days", LOG_DAYS),
        }
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

    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        self.problems.extend(self.given.into_keys().map(|key| format!("{key}: there is no such key")));
        self.problems.sort();
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError { problems: self.problems }) }
    }
}
