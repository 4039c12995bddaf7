//! What the handlers share.

use std::{fmt, sync::Arc};

use axum::extract::FromRef;

use crate::{extract::BodyLimits, wire::Dependency};

/// A handle on the parts that the handlers work with.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Parts>);

/// The parts.
pub(crate) struct Parts {
    pub(crate) limits: BodyLimits,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    /// What the server depends on, each asked now.
    pub(crate) async fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }
}

impl FromRef<Shared> for BodyLimits {
    fn from_ref(shared: &Shared) -> Self {
        shared.0.limits
    }
}
