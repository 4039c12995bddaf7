//! Calls an app's functions in memory, for the app's own tests.
//!
//! ```
//! # use kageos_sdk::{App, RowId, Table, testkit::Kit};
//! # #[derive(Table)] struct Note { #[field(id)] id: RowId, text: String }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> kageos_sdk::Result<()> {
//! let kit = Kit::open(&App::new("notes").table::<Note>()).await?;
//! let made = kit.call("note.table", "create", serde_json::json!({ "values": { "text": "hello" } })).await?;
//! assert_eq!(made.output["values"]["text"], "hello");
//! # Ok(())
//! # }
//! ```
//!
//! The kit runs the app on its host: with its checks, units, receipts and dry runs, on a fresh SQLite file, with a
//! clock that stands still and randomness that follows from a seed. Calls from one function to another of the app
//! go through the kit. Rights, the operation log and events are the platform's and are not here.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use kageos_core::{
    ActionName, Actor, Call, CallId, Change, Code, Dispatch, Env, Error, Host, HostCall, HostError,
    HostReply, Reply, ResourcePath, Result, Source, SourceKind, Timestamp, UserId,
    actor::ActorKind,
    clock::ManualClock,
    entropy::SeededEntropy,
    host::NoControl,
    sql::testing::{TestDb, sqlite},
};
use serde_json::Value;

use crate::{App, Form, Function, InProcess, Run, Submit, Wire, field::Reader};

/// Where the app is mounted.
pub const WORKSPACE: &str = "/test/app";
/// 2026-01-01T00:00:00Z in microseconds since 1970.
const START: i64 = 1_767_225_600_000_000;
/// How long a call may take, far above what any test needs.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a call gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Given<T> {
    /// The output.
    pub output: T,
    /// The rows that were, or in a dry run would be, changed.
    pub changes: Vec<Change>,
    /// Whether a receipt was written with them.
    pub receipt: bool,
}

/// An app, mounted for a test.
#[derive(Debug)]
pub struct Kit {
    host: Arc<InProcess>,
    env: Env,
    clock: Arc<ManualClock>,
    actor: Actor,
    dry_run: bool,
    _door: Arc<dyn Dispatch>,
    _db: TestDb,
}

impl Kit {
    /// Mounts the app on a fresh database.
    ///
    /// # Errors
    /// Every mistake in the app's declaration, or what the database answers.
    pub async fn open(app: &App) -> Result<Self> {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(START)));
        let env = Env { clock: Arc::<ManualClock>::clone(&clock), entropy: Arc::new(SeededEntropy::new(1)) };
        let db = sqlite().await.map_err(Error::internal)?;
        let workspace: ResourcePath = WORKSPACE.parse().map_err(Error::internal)?;
        let host = InProcess::open(app, workspace, db.db(), env.clone(), [1; 32]).await?;
        let door: Arc<dyn Dispatch> = Arc::new(Door(Arc::downgrade(&host)));
        host.connect(&door);
        let actor = Actor::principal(ActorKind::User, UserId::new(&env), "ada");
        Ok(Self { host, env, clock, actor, dry_run: false, _door: door, _db: db })
    }

    /// The same app, asked by somebody else.
    #[must_use]
    pub fn acting(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// From now on nothing is changed, only shown.
    #[must_use]
    pub fn dry_run(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The host that runs the app.
    #[must_use]
    pub fn host(&self) -> &Arc<InProcess> {
        &self.host
    }

    /// Calls an action of a function, whose path lies in the app: `"deal.table"`.
    ///
    /// # Errors
    /// What the function, or the checks before it, refuse.
    pub async fn call(&self, path: &str, action: &str, input: Value) -> Result<Given<Value>> {
        let call = self.host_call(path, action, &input)?;
        let reply = self.host.call(call).await.map_err(error)?;
        let output = serde_json::from_str(reply.output.get()).map_err(Error::internal)?;
        Ok(Given { output, changes: reply.changes, receipt: reply.receipt })
    }

    /// Hands in a form.
    ///
    /// # Errors
    /// As [`Kit::call`].
    pub async fn submit<T: Form + Submit>(&self, form: &T) -> Result<Given<T::Output>> {
        self.typed(T::PATH, "submit", Value::Object(form.to_map())).await
    }

    /// Runs a function.
    ///
    /// # Errors
    /// As [`Kit::call`].
    pub async fn run<T: Function + Run>(&self, function: &T) -> Result<Given<T::Output>> {
        self.typed(T::PATH, "run", Value::Object(function.to_map())).await
    }

    async fn typed<T: Wire>(&self, path: &str, action: &str, input: Value) -> Result<Given<T>> {
        let Given { output, changes, receipt } = self.call(path, action, input).await?;
        Ok(Given { output: Reader::whole(output)?, changes, receipt })
    }

    /// A call as the host sees it.
    ///
    /// # Errors
    /// When path or action are malformed.
    pub fn host_call(&self, path: &str, action: &str, input: &Value) -> Result<HostCall> {
        let path = format!("{WORKSPACE}/{path}").parse();
        let path =
            path.map_err(|error: kageos_core::PathError| Error::new(Code::InvalidPath, error.to_string()))?;
        Ok(HostCall {
            id: CallId::new(&self.env),
            path,
            action: ActionName::new(action).ok_or_else(|| Error::of(Code::UnknownAction))?,
            input: input.to_string().into_bytes(),
            actor: self.actor.clone(),
            source: Source::of(SourceKind::Cli),
            trace: self.env.trace(),
            deadline: self.env.now().plus(DEADLINE),
            dry_run: self.dry_run,
            control: Arc::new(NoControl),
        })
    }
}

fn error(error: HostError) -> Error {
    match error {
        HostError::Refused(error) | HostError::CutOff(error) => error,
    }
}

/// What stands where the platform's dispatcher does: it runs the call on the same host.
#[derive(Debug)]
struct Door(Weak<InProcess>);

#[async_trait]
impl Dispatch for Door {
    async fn dispatch(&self, call: Call) -> Result<Reply> {
        let host = self.0.upgrade().ok_or_else(|| Error::of(Code::Unavailable))?;
        let deadline = call.deadline.unwrap_or_else(|| host.store().env().now().plus(DEADLINE));
        let asked = HostCall {
            id: call.id,
            path: call.path,
            action: call.action,
            input: call.input.to_string().into_bytes(),
            actor: call.actor,
            source: call.source,
            trace: call.trace,
            deadline,
            dry_run: call.dry_run,
            control: Arc::new(NoControl),
        };
        let HostReply { output, changes, .. } = host.call(asked).await.map_err(error)?;
        Ok(Reply { call: call.id, output, changes, dry_run: call.dry_run, diff_hash: None })
    }
}
