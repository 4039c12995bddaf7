//! What comes in from `main`: time and randomness.

use std::sync::Arc;

use crate::{Clock, Entropy, SystemClock, SystemEntropy, Timestamp, Trace};

/// Time and randomness, handed down to everything that needs them.
#[derive(Debug, Clone)]
pub struct Env {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
}

impl Env {
    /// The machine's own time and randomness.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy) }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new trace.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace::start(&*self.entropy)
    }

    /// `N` random bytes, fit for secrets.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}
