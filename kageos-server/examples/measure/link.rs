//! What a call to an app in another process costs, without log and door: the shape of `uds_echo` in the bare programs.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use async_trait::async_trait;
use kageos_core::{
    ActionName, Actor, ActorKind, Call, CallId, Code, Dispatch, Env, Error, FileId, FileInfo, Files, Host,
    HostCall, HostError, HostReply, Manifest, Receipt, Reply, Source, SourceKind, UserId,
    file::NewFile,
    host::NoControl,
    link::{self, LinkHost, LinkOptions},
    manifest::SCHEMA_VERSION,
};
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};

/// How long the app may take to come.
const READY: Duration = Duration::from_secs(10);

/// Gives back what it is given.
#[derive(Debug)]
struct Echo(Arc<Manifest>);

#[async_trait]
impl Host for Echo {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.0)
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        let value: Value = serde_json::from_slice(&call.input).map_err(Error::internal)?;
        let output = serde_json::value::to_raw_value(&value).map_err(Error::internal)?.into();
        Ok(HostReply::read(output))
    }

    async fn receipt(&self, _: CallId) -> Result<Option<Receipt>, Error> {
        Ok(None)
    }
}

/// There is nothing else.
#[derive(Debug)]
pub(crate) struct Nowhere;

#[async_trait]
impl Dispatch for Nowhere {
    async fn dispatch(&self, _: Call) -> Result<Reply, Error> {
        Err(Error::of(Code::NotFound))
    }
}

#[async_trait]
impl Files for Nowhere {
    async fn find(&self, _: &HostCall, _: &[FileId]) -> Result<Vec<FileInfo>, Error> {
        Err(Error::of(Code::NotFound))
    }
    async fn claim(&self, _: &HostCall, _: &[FileId]) -> Result<(), Error> {
        Err(Error::of(Code::NotFound))
    }
    async fn read(&self, _: &HostCall, _: FileId, _: std::ops::Range<u64>) -> Result<Vec<u8>, Error> {
        Err(Error::of(Code::NotFound))
    }
    async fn write(&self, _: &HostCall, _: NewFile) -> Result<FileInfo, Error> {
        Err(Error::of(Code::NotFound))
    }
}

/// Runs the app for the platform that listens at `socket`.
pub(crate) async fn app(socket: &Path) -> Result<()> {
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        app: "echo".to_owned(),
        title: "Echo".to_owned(),
        description: String::new(),
        directories: Vec::new(),
        functions: Vec::new(),
        egress: kageos_core::Egress::default(),
    };
    let host: Arc<dyn Host> = Arc::new(Echo(Arc::new(manifest.clone())));
    let stream = UnixStream::connect(socket).await?;
    link::serve(stream, Env::system(), &manifest, async |_| Ok(host)).await?;
    Ok(())
}

/// Lets an app in at `socket` and keeps `callers` calls in flight for `seconds`.
pub(crate) async fn call(socket: &Path, callers: u32, seconds: u64) -> Result<Value> {
    let listener = UnixListener::bind(socket).context("the socket is free")?;
    let (stream, _) = tokio::time::timeout(READY, listener.accept()).await??;
    let options = LinkOptions {
        workspace: "/bench/echo".parse()?,
        database: String::new(),
        cursor_key: [0; 32],
        ready_within: READY,
        dispatch: Arc::new(Nowhere),
        files: Arc::new(Nowhere),
        http: None,
        python: None,
        logs: Arc::new(kageos_core::log::NoLog),
        steps: None,
    };
    measure(LinkHost::accept(stream, Env::system(), options).await?, callers, seconds).await
}

/// Keeps `callers` calls in flight for `seconds`.
pub(crate) async fn measure(host: Arc<dyn Host>, callers: u32, seconds: u64) -> Result<Value> {
    let env = Env::system();
    let until = env.clock.monotonic() + Duration::from_secs(seconds);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..callers {
        running.spawn(one_after_another(Arc::clone(&host), until));
    }
    let mut times = Vec::new();
    while let Some(ended) = running.join_next().await {
        times.extend(ended??);
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    Ok(json!({ "per_second": times.len() as u64 / seconds, "p50_ms": at(50), "p95_ms": at(95) }))
}

async fn one_after_another(host: Arc<dyn Host>, until: Duration) -> Result<Vec<Duration>> {
    let env = Env::system();
    let input =
        json!({ "name": "Acme", "amount": 12.5, "stage": "lead", "note": "hello world this is a note" });
    let actor = Actor::principal(ActorKind::User, UserId::new(&env), "ada");
    let mut times = Vec::new();
    loop {
        let begun = env.clock.monotonic();
        if begun > until {
            return Ok(times);
        }
        let call = HostCall {
            id: CallId::new(&env),
            path: "/bench/echo/echo.fn".parse()?,
            action: ActionName::RUN,
            input: serde_json::to_vec(&input)?,
            actor: actor.clone(),
            source: Source::of(SourceKind::Api),
            trace: env.trace(),
            deadline: env.now().plus(Duration::from_secs(30)),
            dry_run: false,
            control: Arc::new(NoControl),
        };
        let reply = host.call(call).await?;
        let _: Value = serde_json::from_str(reply.output.get())?;
        times.push(env.clock.monotonic() - begun);
    }
}
