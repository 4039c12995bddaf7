//! Tells other processes that what they remember is old.

use std::sync::{Arc, OnceLock};

use crate::bus::{Bus, EventBody};

/// Silent until it is given a bus with other processes on it; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Herald(Arc<OnceLock<Arc<dyn Bus>>>);

impl Herald {
    /// Speaks through this bus from now on, when there are others.
    pub(super) fn speak_through(&self, bus: &Arc<dyn Bus>) {
        if bus.health().is_some() {
            let _ = self.0.set(Arc::clone(bus));
        }
    }

    /// Something that processes keep in memory was changed, and is committed.
    pub(super) fn renew(&self) {
        if let Some(bus) = self.0.get() {
            bus.publish(EventBody::Renew);
        }
    }
}
