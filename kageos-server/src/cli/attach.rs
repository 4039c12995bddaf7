//! `kagectl workspace attach`: an app on this machine runs a workspace of a server, for whoever develops it.
//!
//! The app comes to a socket of this process as it comes to that of a server, and its bytes go on over one connection to
//! the server. The token stays here: the app and its build never see it.

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
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, copy_bidirectional},
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
/// What an app has no use for.
const NOT_PASSED: [&str; 3] = [TOKEN, "KAGEOS_ATTACH", "KAGEOS_STATE"];
/// The folder of what an app keeps where it is developed.
const KEPT: &str = ".kageos";
/// How long an app may take to come to its link.
const COMES_WITHIN: Duration = Duration::from_secs(30);
/// How long the server may take to let calls end when the app is stopped.
const DETACHED_WITHIN: Duration = Duration::from_secs(8);
/// How long the app may take to end by itself.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn run(session: &Session, args: &Attach) -> Result<()> {
    let (remote, path) = place(session, &args.workspace)?;
    let folder = fs::canonicalize(&args.folder).context(&args.folder.display().to_string())?;
    let program = match &args.program {
        Some(program) => program.clone(),
        None => build(session, &folder).await?,
    };
    ensure(&remote, &path).await?;
    let mut app = App::start(session, &folder, (&program, &args.arguments))?;
    let (link, id) = remote.link(&path).await?;
    let mut stops = Stops::listen()?;
    let done = tokio::select! {
        done = app.come(link) => done,
        () = stops.next() => return Ok(()),
    };
    let bridge = done?;
    let attached = attach(&remote, &path, id, args.consent.as_deref()).await.map_err(|error| {
        let (folder, place) = (args.folder.display(), &args.workspace);
        consent_wanted(error, |digest| {
            format!("kagectl workspace attach {folder} {place} --consent {digest}")
        })
    })?;
    let address = format!("{}{path}", remote.base());
    let told = json!({ "app": attached["output"]["app"], "address": address, "rows": app.rows() });
    session.output.result(&told, || {
        format!(
            "{address} is this app now, for you and nobody else; its rows are {}; Ctrl-C ends it",
            app.rows()
        )
    });
    let (watching, _) = place(session, &args.workspace)?;
    let logs = tokio::spawn(workspace_logs::follow(watching, session.output, path.clone()));
    let ended = app.runs(&remote, &path, bridge, &mut stops).await;
    logs.abort();
    ended
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
    Ok((Remote::at(base, token.ok_or_else(missing)?)?, path.parse()?))
}

/// Builds the app, and answers its program.
async fn build(session: &Session, folder: &Path) -> Result<PathBuf> {
    app_folder::supply(session, folder)?;
    let cargo = session.vars.get("CARGO").map_or("cargo", String::as_str);
    let mut command = Command::new(cargo);
    command.args(["build", "--message-format=json-render-diagnostics"]).current_dir(folder);
    command.env_remove(TOKEN).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
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

/// Lets the app at the other end of a link take the workspace.
async fn attach(remote: &Remote, path: &ResourcePath, link: LinkId, consent: Option<&str>) -> Result<Value> {
    let mut input = json!({ "link": link });
    if let Some(digest) = consent {
        input["consent"] = digest.into();
    }
    call(remote, path, json!({ "action": "attach", "input": input })).await
}

async fn call(remote: &Remote, path: &ResourcePath, request: Value) -> Result<Value> {
    remote.ask(Method::POST, &format!("/api/v1/call{path}"), Some(&request)).await
}

/// The program of an app while it runs.
struct App {
    child: Child,
    listener: UnixListener,
    /// Where its rows are.
    database: String,
    _socket: Socket,
}

/// What carries the bytes of a link.
type Bridge = JoinHandle<io::Result<(u64, u64)>>;

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
        for name in NOT_PASSED {
            command.env_remove(name);
        }
        command.env(LINK, socket.path()).env(DATABASE, &database);
        let child = command.spawn().context(&program.display().to_string())?;
        Ok(Self { child, listener, database, _socket: socket })
    }

    /// Where its rows are, without a password.
    fn rows(&self) -> String {
        match self.database.strip_prefix("sqlite:") {
            Some(file) => format!("in {file}"),
            None => "in the database of KAGEOS_DATABASE".to_owned(),
        }
    }

    /// Waits until it comes to its link, and carries that on.
    async fn come(&mut self, mut link: Upgraded) -> Result<Bridge> {
        let mut stream: UnixStream = tokio::select! {
            come = timeout(COMES_WITHIN, self.listener.accept()) => match come {
                Ok(come) => come.context("the socket of the app")?.0,
                Err(_) => return Err(Error::new(Code::Unavailable, "The app did not come to its link.")),
            },
            status = self.child.wait() => {
                let status = status.context("the app")?;
                return Err(Error::new(Code::Unavailable, format!("The app ended before it was ready: {status}.")));
            }
        };
        Ok(tokio::spawn(async move { copy_bidirectional(&mut stream, &mut link).await }))
    }

    /// Waits until it ends, or is stopped.
    async fn runs(
        &mut self,
        remote: &Remote,
        path: &ResourcePath,
        mut bridge: Bridge,
        stops: &mut Stops,
    ) -> Result<()> {
        let died = tokio::select! {
            status = self.child.wait() => Some(status.context("the app")?),
            _ = &mut bridge => timeout(ENDS_WITHIN, self.child.wait()).await.ok().transpose().context("the app")?,
            () = stops.next() => {
                let detached = call(remote, path, json!({ "action": "detach", "input": {} }));
                let detached = async { timeout(DETACHED_WITHIN, detached).await };
                // Whoever asks twice does not want to wait.
                tokio::select! { _ = detached => {}, () = stops.next() => {} }
                let _ = timeout(ENDS_WITHIN, self.child.wait()).await;
                return Ok(());
            }
        };
        match died.filter(|status| !status.success()) {
            Some(status) => Err(Error::new(Code::Unavailable, format!("The app has ended: {status}."))),
            None => {
                let message = "The link has ended: the app was attached anew or detached, a release went live in its \
                               place, the token has ended, or the server has stopped.";
                Err(Error::new(Code::Unavailable, message))
            }
        }
    }
}

/// A folder that only this user can enter, with the socket of an app; removed when it is dropped.
struct Socket(PathBuf);

impl Socket {
    fn make(session: &Session) -> Result<Self> {
        let above = session.vars.get("XDG_RUNTIME_DIR").or_else(|| session.vars.get("TMPDIR"));
        let above = above.map_or("/tmp", String::as_str);
        let mut random = [0; 8];
        session.env.entropy.fill(&mut random);
        let folder = Path::new(above).join(format!("kageos-{}", kageos_core::hex(&random)));
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
struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    fn listen() -> Result<Self> {
        let signal = |kind| signal(kind).context("signals");
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! { _ = self.interrupt.recv() => {}, _ = self.terminate.recv() => {} }
    }
}
