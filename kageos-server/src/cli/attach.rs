//! `kagectl workspace attach`: an app on this machine runs a workspace of a server, for whoever develops it.
//!
//! The app comes to a socket of this process as it comes to that of a server, and its bytes go on over one connection to
//! the server. The token stays here: neither the app nor its build is given it.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use hyper::Method;
use kageos_core::{Code, Error, LinkId, ResourcePath, Result, platform::identity::Secret};
use reqwest::Upgraded;
use rustix::process::{DumpableBehavior, Pid, kill_process_group, set_dumpable_behavior};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy, split},
    net::{UnixListener, UnixStream},
    process::{Child, Command},
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
    time::timeout,
};

use super::{
    Session, app_folder,
    args::Attach,
    failure::Context,
    remote::Remote,
    workspace::{consent_wanted, ensure},
    workspace_logs,
};
use crate::state::Running;

/// The variable with an API token.
const TOKEN: &str = "KAGEOS_TOKEN";
/// The variables that an app reads; see `kageos_sdk::serve`.
const LINK: &str = "KAGEOS_LINK";
const DATABASE: &str = "KAGEOS_DATABASE";
/// The variable with the consent to what the app reaches outside.
const CONSENT: &str = "KAGEOS_CONSENT";
/// The folder of what an app keeps where it is developed.
const KEPT: &str = ".kageos";
/// How long an app may take to come to its link.
const COMES_WITHIN: Duration = Duration::from_secs(30);
/// How long the server may take to let calls end when the app is stopped.
const DETACHED_WITHIN: Duration = Duration::from_secs(8);
/// How long what it logged last may take to come.
const LAST_LINES: Duration = Duration::from_millis(500);
/// How long the app may take to end by itself.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn run(session: &Session, args: &Attach) -> Result<()> {
    // What this process knows is not for the program that it starts, which may be anybody's.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let mut stops = Stops::listen()?;
    let attached = tokio::select! {
        attached = Attached::start(session, args) => attached?,
        () = stops.next() => return Ok(()),
    };
    let Attached { remote, path, app, told, .. } = &attached;
    session.output.result(told, || {
        let address = told["address"].as_str().unwrap_or_default();
        format!(
            "{address} is this app now, for you and nobody else; its rows are {}; Ctrl-C ends it",
            app.rows()
        )
    });
    let (watching, output, workspace) = (remote.clone(), session.output, path.clone());
    let logs = tokio::spawn(async move {
        if let Err(error) = workspace_logs::follow(watching, output, workspace).await {
            output.progress(&format!("what it logs is not shown here any more: {}", error.message));
        }
    });
    let ended = attached.runs(&mut stops).await;
    // The last lines tell why it has ended.
    tokio::time::sleep(LAST_LINES).await;
    logs.abort();
    ended
}

/// An app that runs a workspace.
struct Attached {
    remote: Remote,
    path: ResourcePath,
    link: LinkId,
    app: App,
    /// Carries the bytes of the link, and ends with either side.
    bridge: JoinHandle<()>,
    told: Value,
}

impl Attached {
    async fn start(session: &Session, args: &Attach) -> Result<Self> {
        let (remote, path) = place(session, &args.workspace)?;
        let folder = fs::canonicalize(&args.folder).context(&args.folder.display().to_string())?;
        let program = match &args.program {
            Some(program) => std::path::absolute(program).context("the program")?,
            None => build(session, &folder).await?,
        };
        ensure(&remote, &path).await?;
        let (bytes, link) = remote.link(&path).await?;
        let mut app = App::start(session, &folder, (&program, &args.arguments))?;
        let stream = app.come().await?;
        let bridge = tokio::spawn(carry(stream, bytes));
        let mut input = json!({ "link": link });
        if let Some(digest) = args.consent.as_ref().or_else(|| session.vars.get(CONSENT)) {
            input["consent"] = digest.as_str().into();
        }
        let attached = call(&remote, &path, "attach", input).await.map_err(|error| {
            let how = |digest: &str| format!("add --consent {digest}, or set {CONSENT} to it");
            consent_wanted(
                error,
                "You have to consent to what this app does outside before it is attached",
                how,
            )
        })?;
        let address = format!("{}{path}", remote.base());
        let told = json!({ "app": attached["output"]["app"], "address": address, "rows": app.rows() });
        Ok(Self { remote, path, link, app, bridge, told })
    }

    /// Waits until it ends, or is stopped.
    async fn runs(mut self, stops: &mut Stops) -> Result<()> {
        let child = &mut self.app.child;
        let died = tokio::select! {
            status = child.wait() => Some(status.context("the app")?),
            _ = &mut self.bridge => timeout(ENDS_WITHIN, child.wait()).await.ok().transpose().context("the app")?,
            () = stops.next() => {
                let detached = call(&self.remote, &self.path, "detach", json!({ "link": self.link }));
                let detached = async { timeout(DETACHED_WITHIN, detached).await };
                // Whoever asks twice does not want to wait.
                tokio::select! { _ = detached => {}, () = stops.next() => {} }
                let _ = timeout(ENDS_WITHIN, self.app.child.wait()).await;
                return Ok(());
            }
        };
        match died.filter(|status| !status.success()) {
            Some(status) => Err(Error::new(Code::Unavailable, format!("The app has ended: {status}."))),
            None => {
                let message = "The link has ended: the app was attached anew or detached, a release went live in its \
                               place, the workspace is gone, the app did not answer, your token has ended, or the server has stopped.";
                Err(Error::new(Code::Unavailable, message))
            }
        }
    }
}

/// Carries bytes both ways until one side ends.
async fn carry(app: UnixStream, server: Upgraded) {
    let ((mut from_app, mut to_app), (mut from_server, mut to_server)) = (split(app), split(server));
    tokio::select! {
        _ = copy(&mut from_app, &mut to_server) => {}
        _ = copy(&mut from_server, &mut to_app) => {}
    }
    let _ = timeout(ENDS_WITHIN, to_server.shutdown()).await;
}

/// The server and the path that an address names.
fn place(session: &Session, workspace: &str) -> Result<(Remote, ResourcePath)> {
    let token = session.vars.get(TOKEN).filter(|token| !token.is_empty());
    let token = token.map(|token| Secret::new(token.as_str()));
    let after_scheme = workspace.find("://").map(|at| at + 3);
    let Some(host) = after_scheme else {
        let remote = match token {
            None => Remote::find(&session.state)?,
            Some(token) => {
                let running = Running::find(&session.state).context("run/lock")?;
                let address = running.and_then(|running| running.address);
                let missing = || Error::new(Code::Unavailable, "No server runs on this state folder.");
                Remote::at(&address.ok_or_else(missing)?, token)?
            }
        };
        return Ok((remote, workspace.parse()?));
    };
    let cut = workspace[host..].find('/').map_or(workspace.len(), |at| host + at);
    let (base, path) = workspace.split_at(cut);
    let missing = || Error::new(Code::InvalidInput, format!("{TOKEN} holds no API token for {base}."));
    let url = reqwest::Url::parse(base).context(base)?;
    let here = ["localhost", "127.0.0.1", "[::1]"].contains(&url.host_str().unwrap_or_default());
    if !here && url.scheme() == "http" {
        session.output.progress(&format!("the token and everything else goes to {base} without encryption"));
    }
    Ok((Remote::at(base, token.ok_or_else(missing)?)?, path.parse()?))
}

/// Builds the app, and answers its program.
async fn build(session: &Session, folder: &Path) -> Result<PathBuf> {
    app_folder::refresh(session, folder)?;
    let cargo = session.vars.get("CARGO").map_or("cargo", String::as_str);
    let mut command = Command::new(cargo);
    command.args(["build", "--message-format=json-render-diagnostics"]).current_dir(folder);
    without_ours(session, &mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().context(cargo)?;
    let (mut programs, out) = (Vec::new(), child.stdout.take());
    let mut lines = out.map(|out| BufReader::new(out).lines());
    while let Some(line) = match &mut lines {
        Some(lines) => lines.next_line().await.context(cargo)?,
        None => None,
    } {
        let message: Value = serde_json::from_str(&line).unwrap_or_default();
        let is_program =
            message["target"]["kind"].as_array().is_some_and(|kinds| kinds.contains(&json!("bin")));
        if let Some(program) = message["executable"].as_str().filter(|_| is_program) {
            programs.push(PathBuf::from(program));
        }
    }
    if !child.wait().await.context(cargo)?.success() {
        return Err(Error::new(Code::Conflict, "The app does not compile."));
    }
    match programs.as_slice() {
        [program] => Ok(program.clone()),
        [] => Err(Error::new(
            Code::Conflict,
            "It has no program; an app has a `main` that calls `kageos_sdk::main`.",
        )),
        _ => Err(Error::new(Code::Conflict, "It has several programs; an app is one.")),
    }
}

async fn call(remote: &Remote, path: &ResourcePath, action: &str, input: Value) -> Result<Value> {
    let request = json!({ "action": action, "input": input });
    remote.ask(Method::POST, &format!("/api/v1/call{path}"), Some(&request)).await
}

/// Starts it without what is meant for this program: tokens, passwords of databases.
fn without_ours(session: &Session, command: &mut Command) {
    for name in session.vars.keys().filter(|name| name.starts_with("KAGEOS_")) {
        command.env_remove(name);
    }
}

/// The program of an app while it runs.
struct App {
    child: Child,
    /// It and whatever it starts.
    group: Option<Pid>,
    listener: UnixListener,
    /// Where its rows are.
    database: String,
    _socket: Socket,
}

impl App {
    fn start(session: &Session, folder: &Path, (program, arguments): (&Path, &[OsString])) -> Result<Self> {
        let socket = Socket::make(session)?;
        let listener = UnixListener::bind(socket.path()).context("the socket of the app")?;
        let database = match session.vars.get(DATABASE) {
            Some(database) => database.clone(),
            None => {
                let kept = folder.join(KEPT);
                fs::DirBuilder::new().recursive(true).mode(0o700).create(&kept).context(KEPT)?;
                format!("sqlite:{}", kept.join("app.db").display())
            }
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
        // Ctrl-C is for this process, which lets calls end first.
        command.process_group(0);
        without_ours(session, &mut command);
        if session.output.is_json() {
            // What it prints is no JSON.
            command.stdout(io::stderr());
        }
        command.env(LINK, socket.path()).env(DATABASE, &database);
        let child = command.spawn().context(&program.display().to_string())?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group, listener, database, _socket: socket })
    }

    /// Where its rows are, without a password.
    fn rows(&self) -> String {
        match self.database.strip_prefix("sqlite:") {
            Some(file) => format!("in {file}"),
            None => "in the database of KAGEOS_DATABASE".to_owned(),
        }
    }

    /// Waits until it comes to its link.
    async fn come(&mut self) -> Result<UnixStream> {
        tokio::select! {
            come = timeout(COMES_WITHIN, self.listener.accept()) => match come {
                Ok(come) => Ok(come.context("the socket of the app")?.0),
                Err(_) => Err(Error::new(Code::Unavailable, "The app did not come to its link.")),
            },
            status = self.child.wait() => {
                let status = status.context("the app")?;
                Err(Error::new(Code::Unavailable, format!("The app ended before it was ready: {status}.")))
            }
        }
    }
}

impl Drop for App {
    /// With all that it has started.
    fn drop(&mut self) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// A folder that only this user can enter, with the socket of an app; removed when it is dropped.
struct Socket(PathBuf);

impl Socket {
    fn make(session: &Session) -> Result<Self> {
        let named = ["XDG_RUNTIME_DIR", "TMPDIR"].into_iter().filter_map(|name| session.vars.get(name));
        let above = named.map(Path::new).find(|folder| folder.is_dir()).unwrap_or(Path::new("/tmp"));
        let mut random = [0; 8];
        session.env.entropy.fill(&mut random);
        let folder = above.join(format!("kageos-{}", kageos_core::hex(&random)));
        // Fails where something is already: nobody has prepared it.
        fs::DirBuilder::new().mode(0o700).create(&folder).context(&folder.display().to_string())?;
        Ok(Self(folder))
    }

    fn path(&self) -> PathBuf {
        self.0.join("link")
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The signals that end it.
struct Stops([Signal; 3]);

impl Stops {
    fn listen() -> Result<Self> {
        let signal = |kind| signal(kind).context("signals");
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hangup.recv() => {} }
    }
}
