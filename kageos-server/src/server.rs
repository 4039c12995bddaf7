//! The composition: parts in, a router out.

use std::sync::Arc;

use axum::Router;
use kageos_core::{Code, Env, Error};

use crate::{
    config::Config,
    extract::BodyLimits,
    frame::Frame,
    problem::Refused,
    routes,
    shared::{Parts, Shared},
    web,
};

/// A server that is put together; [`Server::router`] is what an HTTP service mounts.
#[derive(Debug, Clone)]
pub struct Server {
    router: Router,
}

/// Puts a [`Server`] together.
#[derive(Debug)]
pub struct Builder {
    config: Config,
    env: Env,
}

impl Server {
    /// A builder with the default configuration and the machine's own time and randomness.
    #[must_use]
    pub fn builder() -> Builder {
        Builder { config: Config::default(), env: Env::system() }
    }

    /// The router: mount it at the root of a listener, or merge it into another service's.
    #[must_use]
    pub fn router(&self) -> Router {
        self.router.clone()
    }
}

impl Builder {
    /// With this configuration.
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// With this time and randomness.
    #[must_use]
    pub fn env(self, env: Env) -> Self {
        Self { env, ..self }
    }

    /// The server.
    #[must_use]
    pub fn build(self) -> Server {
        let Self { config, env } = self;
        let limits =
            BodyLimits { json: config.server.max_body_bytes, import: config.server.max_import_bytes };
        let shared = Shared(Arc::new(Parts { limits }));
        let routes = routes::open()
            .merge(routes::closed())
            .method_not_allowed_fallback(|| async { Refused(Error::of(Code::MethodNotAllowed)) })
            .with_state(shared)
            .merge(web::routes(config.web.dir.clone()));
        Server { router: Frame::new(env, &config.server, &config.web.dir).around(routes) }
    }
}
