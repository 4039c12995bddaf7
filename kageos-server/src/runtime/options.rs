//! What an app is run with.

use std::{ffi::OsString, fmt, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use kageos_core::{Dispatch, Files, Http, LogSink, Python, ResourcePath, Result, StepSink, sql::DbOptions};

use super::{Driver, Limits, Quota};

/// What an app is run with.
#[derive(Clone)]
pub struct AppOptions {
    /// Where it is mounted.
    pub workspace: ResourcePath,
    /// Its program.
    pub program: PathBuf,
    /// What is known of it elsewhere; without it the program is there, and may always be started.
    pub origin: Option<Arc<dyn Origin>>,
    /// What it is started with.
    pub arguments: Vec<OsString>,
    /// Its folder; nobody else writes there.
    pub data: PathBuf,
    /// Its rows, when they lie on a database server; without it they are a file in its folder.
    pub database: Option<DbOptions>,
    /// A folder for its socket; at most 90 bytes long.
    pub link: PathBuf,
    /// What starts it and keeps it apart.
    pub driver: Driver,
    /// What it may use.
    pub limits: Limits,
    /// What its folder may hold.
    pub quota: Arc<Quota>,
    /// How long it may take to be ready.
    pub ready_within: Duration,
    /// How long it may say nothing when it is asked whether it works, before it is taken for dead. A call that never lets
    /// go of its thread ends the app so, for in Rust nothing else ends it.
    pub answers_within: Duration,
    /// How long it is kept when nobody calls.
    pub idle: Duration,
    /// What seals the cursors of its lists.
    pub cursor_key: [u8; 32],
    /// Other functions.
    pub dispatch: Arc<dyn Dispatch>,
    /// The files of the workspace.
    pub files: Arc<dyn Files>,
    /// What lies outside; without it nothing is reached.
    pub http: Option<Arc<dyn Http>>,
    /// What runs its scripts; without it none run.
    pub python: Option<Arc<dyn Python>>,
    /// Its log.
    pub logs: Arc<dyn LogSink>,
    /// Who keeps what it does to its tables; without one nobody does.
    pub steps: Option<Arc<dyn StepSink>>,
}

impl fmt::Debug for AppOptions {
    /// Without what nobody may read in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AppOptions");
        shown.field("workspace", &self.workspace).field("program", &self.program).finish_non_exhaustive()
    }
}

impl AppOptions {
    /// Lets its program be there, if there is a way.
    pub(super) async fn bring(&self) -> Result<()> {
        match &self.origin {
            Some(origin) => origin.bring().await,
            None => Ok(()),
        }
    }
}

/// What is known elsewhere of a release that is run here.
#[async_trait]
pub trait Origin: Send + Sync {
    /// Lets its program be on this disk.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it cannot be had.
    async fn bring(&self) -> Result<()>;

    /// Whether it brings a program that is not there.
    fn brings(&self) -> bool;

    /// Says that it was started when it was not due any more: whoever is live brings the tables to what it declares anew.
    ///
    /// # Errors
    /// What the database answers.
    async fn was_started_late(&self) -> Result<()>;

    /// Whether it may be started: it is live, and none is being started that may take its place. It would bring the tables
    /// to what it declares.
    ///
    /// # Errors
    /// What the database answers.
    async fn is_due(&self) -> Result<bool>;
}
