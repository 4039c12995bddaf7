//! What takes the lines of one app.

use std::fmt;

use kageos_core::{
    LogCall, LogEntry, LogLevel, LogSink, LogSource, NodeId, ResourcePath, platform::Platform,
};

use super::{Line, Logs};

/// The log of a workspace, for one release of its app.
#[derive(Clone)]
pub(in crate::runtime) struct AppLog {
    pub(in crate::runtime) logs: Logs,
    pub(in crate::runtime) platform: Platform,
    pub(in crate::runtime) workspace: NodeId,
    /// Where it was mounted.
    pub(in crate::runtime) path: ResourcePath,
    pub(in crate::runtime) release: Option<u32>,
    /// It runs only to say what it declares, which nobody wants to know.
    pub(in crate::runtime) trial: bool,
}

impl fmt::Debug for AppLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppLog")
            .field("path", &self.path)
            .field("release", &self.release)
            .finish_non_exhaustive()
    }
}

impl AppLog {
    /// Where the workspace is now.
    fn place(&self) -> ResourcePath {
        let tree = self.platform.tree().snapshot();
        tree.by_id(self.workspace).map_or_else(|| self.path.clone(), |node| node.path.clone())
    }
}

impl LogSink for AppLog {
    fn take(&self, source: LogSource, call: Option<LogCall>, entry: LogEntry) {
        if self.trial && source == LogSource::Platform && entry.level < LogLevel::Warn {
            return;
        }
        let (at, from) = (self.platform.env().now(), (source, self.release));
        self.logs.push(self.workspace, &Line::new(at, from, call, || self.place(), entry));
    }

    fn lost(&self, lines: u64) {
        self.logs.lost(self.workspace, lines);
    }
}

/// The logs of apps that run in the process of the server.
#[derive(Clone)]
pub(in crate::runtime) struct InThisProcess {
    pub(in crate::runtime) logs: Logs,
    pub(in crate::runtime) platform: Platform,
}

impl fmt::Debug for InThisProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InThisProcess").finish_non_exhaustive()
    }
}

impl LogSink for InThisProcess {
    fn take(&self, source: LogSource, call: Option<LogCall>, entry: LogEntry) {
        let Some(path) = call.as_ref().and_then(|call| call.path.workspace()) else { return };
        let tree = self.platform.tree().snapshot();
        let Some(workspace) = tree.get(&path).map(|node| node.id) else { return };
        let line = Line::new(self.platform.env().now(), (source, None), call, || path, entry);
        self.logs.push(workspace, &line);
    }

    /// Nothing is lost on the way.
    fn lost(&self, _: u64) {}
}
