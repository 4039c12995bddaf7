//! The composition: parts in, a router out.

use std::{path::PathBuf, sync::Arc};

use axum::{Router, middleware};
use kageos_core::{
    Code, Error,
    platform::{Platform, identity::Secret, workspace::Databases},
    sql::Db,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    backup, caller,
    config::Config,
    extract::BodyLimits,
    frame::Frame,
    places::Places,
    problem::Refused,
    record::RefusedLogins,
    routes,
    runtime::Runtime,
    shared::{Parts, Shared},
    state::StateDir,
    web,
};

/// Event streams that are open at once: one a browser, however many tabs it has.
const MAX_STREAMS: usize = 4_096;
/// Logins that are worked on at once: a fourth of all requests, as anybody may send one.
const MAX_LOGINS: usize = 256;
/// Logins from one address at once: an office may come to work at the same minute.
const MAX_LOGINS_OF_ONE: usize = 32;
/// Imports at once: each may be 64 MiB.
const MAX_IMPORTS: usize = 8;
/// Imports of one account at once.
const MAX_IMPORTS_OF_ONE: usize = 2;

/// Uploads at once: each holds a part of 5 MiB.
const MAX_UPLOADS: usize = 64;
/// Uploads of one account at once: a browser sends six.
const MAX_UPLOADS_OF_ONE: usize = 8;

/// A server that is put together; [`Server::router`] is what an HTTP service mounts.
#[derive(Debug, Clone)]
pub struct Server {
    router: Router,
    stopping: CancellationToken,
}

/// Puts a [`Server`] together.
#[expect(missing_debug_implementations, reason = "it holds a token")]
pub struct Builder {
    platform: Platform,
    config: Config,
    local_token: Option<Secret>,
    state: Option<(StateDir, Vec<(PathBuf, Db)>)>,
    runtime: Option<Runtime>,
    databases: Option<Databases>,
}

impl Server {
    /// A builder for a server over `platform`, with the default configuration.
    #[must_use]
    pub fn builder(platform: Platform) -> Builder {
        let config = Config::default();
        Builder { platform, config, local_token: None, state: None, runtime: None, databases: None }
    }

    /// The router: mount it at the root of a listener, or merge it into another service's.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Ends the answers that would not end by themselves. Call it when the listener stops.
    pub fn stop(&self) {
        self.stopping.cancel();
    }
}

impl Builder {
    /// With this configuration.
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Lets in, as the user `system`, who shows this on the server's own machine.
    #[must_use]
    pub fn local_token(self, token: Secret) -> Self {
        Self { local_token: Some(token), ..self }
    }

    /// Lets `kagectl` on this machine back up the state folder: the platform's database, those of apps in processes of
    /// their own, and these of apps in this process, each with its file below the folder.
    #[must_use]
    pub fn state(self, state: StateDir, databases: Vec<(PathBuf, Db)>) -> Self {
        Self { state: Some((state, databases)), ..self }
    }

    /// With these apps.
    #[must_use]
    pub fn runtime(self, runtime: Runtime) -> Self {
        Self { runtime: Some(runtime), ..self }
    }

    /// Looks after these databases of workspaces.
    #[must_use]
    pub fn databases(self, databases: Option<Databases>) -> Self {
        Self { databases, ..self }
    }

    /// The server.
    #[must_use]
    pub fn build(self) -> Server {
        let Self { platform, config, local_token, state, runtime, databases } = self;
        let backup = state.map(|(state, own)| backup::Source::of(state, &platform, own, runtime.clone()));
        let env = platform.env().clone();
        let stopping = CancellationToken::new();
        let limits = BodyLimits {
            idle: config.server.body_timeout,
            json: config.server.max_body_bytes,
            import: config.server.max_import_bytes,
        };
        let secure_cookies =
            config.server.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        let parts = Parts {
            streams,
            logins: Places::new(MAX_LOGINS, MAX_LOGINS_OF_ONE),
            imports: Places::new(MAX_IMPORTS, MAX_IMPORTS_OF_ONE),
            uploads: Places::new(MAX_UPLOADS, MAX_UPLOADS_OF_ONE),
            refused_logins: RefusedLogins::default(),
            backup,
            runtime,
            databases,
            platform,
            limits,
            local_token,
            secure_cookies,
            stopping: stopping.clone(),
        };
        let shared = Shared(Arc::new(parts));
        let closed = routes::closed()
            .layer(middleware::from_fn(crate::query::known))
            .layer(middleware::from_fn_with_state(shared.clone(), caller::known));
        let routes = routes::open()
            .layer(middleware::from_fn(crate::query::known))
            .merge(closed)
            .method_not_allowed_fallback(|| async { Refused(Error::of(Code::MethodNotAllowed)) })
            .with_state(shared)
            .merge(web::routes(config.web.dir.clone()));
        Server { router: Frame::new(env, &config.server, &config.web.dir).around(routes), stopping }
    }
}
