//! What the handlers share.

use std::{fmt, net::IpAddr, sync::Arc};

use axum::extract::FromRef;
use kageos_core::{
    Env, UserId,
    bus::Health,
    platform::{Platform, identity::Secret, workspace::Databases},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    backup, extract::BodyLimits, places::Places, record::RefusedLogins, runtime::Runtime, wire::Dependency,
};

/// The way to other servers. Without it a server works on, and is slower to learn what others changed.
pub(crate) const BUS: &str = "bus";

/// A handle on the parts that the handlers work with.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Parts>);

/// The parts.
pub(crate) struct Parts {
    pub(crate) platform: Platform,
    pub(crate) limits: BodyLimits,
    /// What the command line on this machine shows; without one it is not let in.
    pub(crate) local_token: Option<Secret>,
    /// Whether cookies are sent over TLS only.
    pub(crate) secure_cookies: bool,
    /// A place for each open event stream.
    pub(crate) streams: Arc<Semaphore>,
    /// A place for each login under way, by where it comes from.
    pub(crate) logins: Places<Option<IpAddr>>,
    /// A place for each import under way.
    pub(crate) imports: Places<UserId>,
    /// What a backup is made of, when there is a state folder.
    pub(crate) backup: Option<backup::Source>,
    /// The apps.
    pub(crate) runtime: Option<Runtime>,
    /// What makes databases of workspaces on a server.
    pub(crate) databases: Option<Databases>,
    /// A place for each upload under way.
    pub(crate) uploads: Places<UserId>,
    /// Logins that were refused lately.
    pub(crate) refused_logins: RefusedLogins,
    /// Ends what would not end by itself.
    pub(crate) stopping: CancellationToken,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    pub(crate) fn platform(&self) -> &Platform {
        &self.0.platform
    }

    pub(crate) fn env(&self) -> &Env {
        self.0.platform.env()
    }

    /// What the server depends on, each asked now.
    pub(crate) async fn dependencies(&self) -> Vec<Dependency> {
        let asked = self.platform().access().reload().await;
        let nodes = self.platform().tree().snapshot().len();
        let mut all = vec![
            dependency("database", asked.map(|_| "answers".to_owned())),
            dependency("tree", Ok(format!("{nodes} nodes"))),
            dependency("log", Ok(format!("stream {}", self.platform().log().stream()))),
        ];
        let inside = || Health { ok: true, detail: "inside the process".to_owned() };
        let Health { ok, detail } = self.platform().events().health().unwrap_or_else(inside);
        all.push(Dependency { name: BUS.to_owned(), ok, detail });
        all
    }
}

fn dependency(name: &str, asked: kageos_core::Result<String>) -> Dependency {
    let ok = asked.is_ok();
    Dependency { name: name.to_owned(), ok, detail: asked.unwrap_or_else(|error| error.message) }
}

impl FromRef<Shared> for BodyLimits {
    fn from_ref(shared: &Shared) -> Self {
        shared.0.limits
    }
}
