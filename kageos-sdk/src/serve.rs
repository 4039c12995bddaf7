//! Runs an app for a platform in another process.

use std::sync::{Arc, OnceLock};
#[cfg(unix)]
use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    os::unix::process::CommandExt,
    process::ExitCode,
};

use kageos_core::{
    Code, Dispatch, Env, Error, Host, Result, StepSink, TableSteps,
    link::{self, Closed, Served},
    sql::{Db, DbOptions},
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{App, InProcess};

/// Threads of an app; work that blocks has threads of its own.
#[cfg(unix)]
const WORKERS: usize = 2;

/// The variable that names the socket of the platform.
pub const LINK: &str = "KAGEOS_LINK";
/// The variable that names the app's database where the platform leaves that to whoever runs it: an attached app.
pub const DATABASE: &str = "KAGEOS_DATABASE";
/// The variable that names the workspace which the app is attached to: `http://127.0.0.1:8080/system/todo`.
pub const ATTACH: &str = "KAGEOS_ATTACH";
/// The variable that names the program which attaches it, where that is not found as `kagectl`.
#[cfg(unix)]
const KAGECTL: &str = "KAGECTL";

/// The whole `main` of an app that is a program of its own: `kageos_sdk::main(&app())`. It comes to the platform that has
/// started it and runs its calls, until the link ends. Started by a developer, with the address of a workspace in
/// `KAGEOS_ATTACH`, it is attached to that workspace: the process becomes `kagectl workspace attach`, which starts it
/// again.
#[cfg(unix)]
#[must_use]
pub fn main(app: &App) -> ExitCode {
    let done = match (variable(LINK), variable(ATTACH)) {
        (Some(socket), _) => run(app, socket),
        (None, Some(address)) => Err(attach(&address)),
        (None, None) => Err(Error::new(
            Code::Unavailable,
            format!(
                "An app is started by a platform. To try it on a running server: kagectl workspace attach FOLDER PATH, or \
                 {ATTACH}=http://127.0.0.1:8080/namespace/workspace KAGEOS_TOKEN=… cargo run."
            ),
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody reads any more there is nobody to tell.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "this is the main of an app")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Becomes the program that attaches this one; answers why it did not.
#[cfg(unix)]
fn attach(address: &OsStr) -> Error {
    let failed =
        |error: io::Error| Error::new(Code::Unavailable, "The app cannot be attached.").caused_by(error);
    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(error) => return failed(error),
    };
    let kagectl = variable(KAGECTL).unwrap_or_else(|| "kagectl".into());
    let folder = variable("CARGO_MANIFEST_DIR").unwrap_or_else(|| ".".into());
    let mut command = std::process::Command::new(&kagectl);
    command.args(["workspace", "attach"]).arg("--program").arg(own).arg(folder).arg(address);
    command.arg("--").args(std::env::args_os().skip(1));
    let error = command.exec();
    let message = format!(
        "{} cannot be started: {error}. It attaches an app; {KAGECTL} names it where it is not in PATH.",
        kagectl.display()
    );
    Error::new(Code::Unavailable, message)
}

#[cfg(unix)]
fn run(app: &App, socket: OsString) -> Result<()> {
    let database = variable(DATABASE).map(|text| text.to_string_lossy().into_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(Error::internal)?;
    runtime.block_on(async {
        let stream = tokio::net::UnixStream::connect(socket).await.map_err(|error| {
            Error::new(Code::Unavailable, format!("The platform does not answer: {error}."))
        })?;
        serve_on(app, Env::system(), stream, database).await.map(drop)
    })
}

/// Offers the app to the platform at the other end of a stream and runs its calls, until the link ends.
///
/// # Errors
/// Every mistake in the app's declaration; what the platform says when it does not let the app in; what the database
/// answers.
pub async fn serve(
    app: &App,
    env: Env,
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
) -> Result<Closed> {
    serve_on(app, env, stream, None).await
}

/// The same on this database, and not on the one that the platform names.
async fn serve_on(
    app: &App,
    env: Env,
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    database: Option<String>,
) -> Result<Closed> {
    let manifest = app.manifest()?;
    let (opened, door) = (env.clone(), OnceLock::new());
    let open = |served: Served| {
        let database = database.as_ref().unwrap_or(&served.welcome.database);
        let database = DbOptions::new(database);
        open(app, opened, (served, database), &door)
    };
    link::serve(stream, env, &manifest, open).await
}

/// Opens the app's tables and tells what that did to them. Other functions are called through `door`, which the host does
/// not keep.
async fn open(
    app: &App,
    env: Env,
    (Served { welcome, dispatch, files, http, python, steps }, database): (Served, DbOptions),
    door: &OnceLock<Arc<dyn Dispatch>>,
) -> Result<Arc<dyn Host>> {
    let db = Db::open(&database).await.map_err(Error::internal)?;
    let (mut done, settings) = (TableSteps::default(), (env, welcome.cursor_key));
    let host = InProcess::open_noting(app, welcome.workspace, db, settings, &mut done).await;
    if !done.is_empty() {
        // What was done is done: an older platform does not keep it, and one that cannot says so itself.
        let _ = steps.take(done).await;
    }
    let host = host?;
    host.connect(door.get_or_init(|| Arc::new(dispatch)));
    host.connect_files(Arc::new(files));
    host.connect_http(Arc::new(http));
    host.connect_python(Arc::new(python));
    Ok(host)
}
