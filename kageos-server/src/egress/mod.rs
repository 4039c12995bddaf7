//! Requests of apps to what lies outside: made by the server, to what a release declares and an administrator has consented
//! to, at addresses that may be reached, with secrets that the app never sees.

mod address;
mod prepare;
mod scrub;
mod send;

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use kageos_core::{
    ActionName, Code, Error, HostCall, Http, HttpMethod, HttpRequest, HttpResponse, LogEntry, LogLevel,
    LogSink, LogSource, Manifest, NodeId, Origin, Result,
    http::REQUEST_TIMEOUT_MS,
    platform::{identity::Secret, secrets::Secrets},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::network::Network;
use address::Reach;
use prepare::Prepared;

/// Requests of one workspace at a time.
const MAX_AT_ONCE: usize = 16;
/// Requests of the server at a time.
const MAX_OF_ALL: usize = 256;
/// Bytes of answers of the server that are on their way to apps at a time.
const MAX_HELD: usize = 256 * 1024 * 1024;
/// How many of them are counted as one.
const COUNTED: usize = 1024;
/// Names that are resolved at a time: each takes a thread until the system gives up.
const MAX_LOOKUPS: usize = 64;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest address in a log, in characters.
const MAX_TOLD: usize = 500;
/// The time over which requests are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// What an operator lets apps reach.
#[derive(Debug, Clone, Default)]
pub struct EgressOptions {
    /// Networks that are reached besides the public Internet; only there without encryption.
    pub networks: Vec<Network>,
    /// The only origins that are reached; empty for all that releases declare.
    pub origins: Vec<Origin>,
    /// A file with certificates, PEM, of authorities that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Requests of one workspace in a minute.
    pub per_minute: u32,
}

/// Makes the requests of all apps of a server; cheap to clone.
#[derive(Clone)]
pub struct Egress {
    inner: Arc<Inner>,
}

struct Inner {
    options: EgressOptions,
    /// With encryption, and without; or why there is neither.
    clients: Result<Clients, String>,
    secrets: Secrets,
    lanes: Mutex<HashMap<NodeId, Arc<Lane>>>,
    all: Arc<Semaphore>,
    held: Arc<Semaphore>,
}

struct Clients {
    encrypted: (reqwest::Client, Reach),
    plain: (reqwest::Client, Reach),
}

/// What one workspace has under way.
struct Lane {
    at_once: Arc<Semaphore>,
    /// Since when requests are counted, and how many there were.
    counted: Mutex<(Duration, u32)>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl Egress {
    /// What the apps of a server reach. Without certificates to trust, it refuses every request and says why.
    #[must_use]
    pub fn new(options: EgressOptions, secrets: Secrets) -> Self {
        let clients = Clients::new(&options);
        if let Err(error) = &clients {
            tracing::warn!(error, "apps reach nothing outside");
        }
        let (all, held) = (Semaphore::new(MAX_OF_ALL), Semaphore::new(MAX_HELD / COUNTED));
        let (all, held, lanes) = (Arc::new(all), Arc::new(held), Mutex::default());
        Self { inner: Arc::new(Inner { options, clients, secrets, lanes, all, held }) }
    }

    /// What a release of a workspace reaches, which declares what stands in its manifest; each request is a line of its
    /// log.
    #[must_use]
    pub fn of(&self, workspace: NodeId, manifest: &Manifest, logs: Arc<dyn LogSink>) -> Arc<dyn Http> {
        let external = manifest.functions.iter().flat_map(|entry| {
            let actions = entry.schema.actions.iter().filter(|action| action.effect.effects.external);
            actions.map(|action| (entry.path.clone(), action.name.clone()))
        });
        let (external, reached) = (external.collect(), manifest.egress.clone());
        Arc::new(Declared { egress: self.clone(), workspace, reached, external, logs })
    }

    /// The secrets of workspaces.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// Whether an operator lets apps reach an origin at all.
    fn is_let(&self, origin: &Origin) -> bool {
        let origins = &self.inner.options.origins;
        origins.is_empty() || origins.iter().any(|let_| let_.covers(origin))
    }

    /// The client for an origin, and where it goes.
    fn client(&self, origin: &Origin) -> Result<&(reqwest::Client, Reach)> {
        let clients = self.inner.clients.as_ref();
        let clients = clients.map_err(|error| Error::new(Code::Unavailable, error.clone()))?;
        Ok(if origin.is_https() { &clients.encrypted } else { &clients.plain })
    }

    /// Room for bytes of an answer, until it is dropped.
    fn hold(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let counted = u32::try_from(bytes.div_ceil(COUNTED)).unwrap_or(u32::MAX);
        Arc::clone(&self.inner.held).try_acquire_many_owned(counted).map_err(|_| {
            let message = "The server has as many answers on their way to apps as it may; try again.";
            Error::new(Code::TooManyRequests, message)
        })
    }

    /// The place of one request of a workspace, until it is dropped.
    fn enter(&self, workspace: NodeId, now: Duration) -> Result<[OwnedSemaphorePermit; 2]> {
        let lane = {
            let mut lanes = self.inner.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lanes.entry(workspace).or_insert_with(|| {
                let at_once = Arc::new(Semaphore::new(MAX_AT_ONCE));
                Arc::new(Lane { at_once, counted: Mutex::default() })
            }))
        };
        let busy = |what: String| Error::new(Code::TooManyRequests, what);
        {
            let mut counted = lane.counted.lock().unwrap_or_else(PoisonError::into_inner);
            if now.saturating_sub(counted.0) >= WINDOW {
                *counted = (now, 0);
            }
            if counted.1 >= self.inner.options.per_minute {
                let most = self.inner.options.per_minute;
                return Err(busy(format!("The workspace sends at most {most} requests in a minute.")));
            }
            counted.1 += 1;
        }
        let of_lane = Arc::clone(&lane.at_once).try_acquire_owned();
        let of_all = Arc::clone(&self.inner.all).try_acquire_owned();
        match (of_lane, of_all) {
            (Ok(one), Ok(other)) => Ok([one, other]),
            (Err(_), _) => {
                Err(busy(format!("At most {MAX_AT_ONCE} requests of a workspace are under way at a time.")))
            }
            (_, Err(_)) => Err(busy("The server sends as many requests as it may at a time.".to_owned())),
        }
    }
}

impl Clients {
    fn new(options: &EgressOptions) -> Result<Self, String> {
        // One provider for the process; the first one stays, whoever set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trusted = match &options.ca_file {
            None => Vec::new(),
            Some(file) => {
                let wrong = |error: &dyn fmt::Display| format!("egress.ca_file {}: {error}", file.display());
                let text = std::fs::read(file).map_err(|error| wrong(&error))?;
                reqwest::Certificate::from_pem_bundle(&text).map_err(|error| wrong(&error))?
            }
        };
        let lookups = Arc::new(Semaphore::new(MAX_LOOKUPS));
        let client = |public: bool| {
            let lookups = Arc::clone(&lookups);
            let reach = Reach { networks: options.networks.clone().into(), public, lookups };
            let client = reqwest::Client::builder()
                .user_agent(concat!("kageos/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .connect_timeout(CONNECT_TIMEOUT)
                // A connection is of one request: what one workspace leaves behind on it is nothing to another.
                .http1_only()
                .pool_max_idle_per_host(0)
                .https_only(public)
                .tls_certs_merge(trusted.clone())
                .dns_resolver(reach.clone())
                .build()
                .map_err(|error| format!("requests cannot be sent here: {error:?}"))?;
            Ok::<_, String>((client, reach))
        };
        Ok(Self { encrypted: client(true)?, plain: client(false)? })
    }
}

/// What one release reaches.
#[derive(Debug)]
struct Declared {
    egress: Egress,
    workspace: NodeId,
    /// What it declares that it reaches.
    reached: kageos_core::Egress,
    /// The functions, by their paths inside the workspace, and their actions that do something outside.
    external: Vec<(String, ActionName)>,
    logs: Arc<dyn LogSink>,
}

/// The secrets that go into requests to an origin, each with where it is put.
type Given = Vec<(kageos_core::SecretPlace, Secret)>;

impl Declared {
    /// Whether a call's action declares that it does something outside.
    fn is_external(&self, call: &HostCall) -> bool {
        let path = call.path.in_workspace();
        self.external.iter().any(|(function, action)| function == path && *action == call.action)
    }

    /// Whether requests may go to an origin, and the secrets that go with them.
    async fn entering(&self, origin: &Origin) -> Result<Given> {
        let denied = |message: String| Error::new(Code::EgressDenied, message);
        if !self.reached.allows(origin) {
            return Err(denied(format!("This release does not declare that it reaches {origin}.")));
        }
        if !self.egress.is_let(origin) {
            return Err(denied(format!("The operator of this server does not let apps reach {origin}.")));
        }
        let used: Vec<_> =
            self.reached.secrets.iter().filter(|secret| secret.origin.covers(origin)).collect();
        if used.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = used.iter().map(|secret| secret.name.as_str()).collect();
        let set = self.egress.inner.secrets.open(self.workspace, &names).await;
        let mut set = set.map_err(|error| match error.code {
            Code::Conflict => {
                tracing::error!(workspace = %self.workspace, %error, "a secret does not open");
                Error::new(Code::SecretMissing, "A secret does not open; it has to be set anew.")
            }
            _ => error,
        })?;
        let mut given = Vec::with_capacity(used.len());
        for secret in used {
            let missing = |why: String| {
                let message = format!("{} ({}) is {why}.", secret.title, secret.name);
                Error::new(Code::SecretMissing, message)
            };
            match set.remove(&secret.name) {
                None => return Err(missing("not set".to_owned())),
                Some((to, _)) if to != secret.origin => {
                    return Err(missing(format!("set for {to}, and not for {}", secret.origin)));
                }
                Some((_, value)) => given.push((secret.place.clone(), value)),
            }
        }
        Ok(given)
    }
}

impl Declared {
    async fn sent(&self, call: &HostCall, request: HttpRequest, target: &str) -> Result<HttpResponse> {
        request.method.check(self.is_external(call), call.dry_run)?;
        let env = self.egress.inner.secrets.env();
        let _place = self.egress.enter(self.workspace, env.clock.monotonic())?;
        let prepared = Prepared::new(request)?;
        let left = call.deadline.since(env.now());
        let within =
            prepared.timeout_ms().map_or(Duration::from_millis(REQUEST_TIMEOUT_MS), Duration::from_millis);
        let sent = tokio::time::timeout(within.min(left), send::follow(self, call, prepared)).await;
        sent.unwrap_or_else(|_| {
            Err(Error::new(Code::DeadlineExceeded, format!("{target} did not answer in time.")))
        })
    }
}

#[async_trait]
impl Http for Declared {
    async fn send(&self, call: &HostCall, request: HttpRequest) -> Result<HttpResponse> {
        let mut told = Told::new(self, call, &request);
        let target = told.target.clone();
        let answer = self.sent(call, request, &target).await;
        told.ended(&answer);
        answer
    }
}

/// The line about a request, which is written also when nobody waits any more for what becomes of it.
struct Told<'a> {
    declared: &'a Declared,
    call: &'a HostCall,
    method: HttpMethod,
    /// Where it goes, without what may be nobody's business.
    target: String,
    began: Duration,
    entry: Option<LogEntry>,
}

impl<'a> Told<'a> {
    fn new(declared: &'a Declared, call: &'a HostCall, request: &HttpRequest) -> Self {
        let address = request.url.split(['?', '#']).next().unwrap_or_default();
        let target = match address.contains('@') {
            true => String::new(),
            false => address.chars().filter(|c| !c.is_control()).take(MAX_TOLD).collect(),
        };
        let began = declared.egress.inner.secrets.env().clock.monotonic();
        Self { declared, call, method: request.method, target, began, entry: None }
    }

    fn ended(&mut self, answer: &Result<HttpResponse>) {
        self.entry = Some(match answer {
            Ok(response) => {
                LogEntry::new(LogLevel::Info, "A request was answered.").with("status", response.status)
            }
            Err(error) => {
                LogEntry::new(LogLevel::Warn, error.message.as_str()).with("code", error.code.as_str())
            }
        });
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let entry = self.entry.take();
        let entry = entry.unwrap_or_else(|| LogEntry::new(LogLevel::Warn, "A request was cut off."));
        let now = self.declared.egress.inner.secrets.env().clock.monotonic();
        let ms = u64::try_from(now.saturating_sub(self.began).as_millis()).unwrap_or(u64::MAX);
        let target = std::mem::take(&mut self.target);
        let entry = entry.with("method", self.method.as_str()).with("url", target).with("ms", ms).bounded();
        self.declared.logs.take(LogSource::Platform, Some(self.call.into()), entry);
    }
}
