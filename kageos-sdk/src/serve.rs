//! Runs an app for a platform in another process.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use kageos_core::{
    Code, Dispatch, Env, Error, Host, Result,
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

/// The whole `main` of an app that is a program of its own: `kageos_sdk::main(&app())`. It comes to the platform that has
/// started it and runs its calls, until the link ends.
#[cfg(unix)]
#[must_use]
pub fn main(app: &App) -> ExitCode {
    match run(app) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody reads any more there is nobody to tell.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "this is the main of an app")]
fn run(app: &App) -> Result<Closed> {
    let socket = std::env::var_os(LINK).ok_or_else(|| {
        let message = format!(
            "{LINK} names no socket: an app is started by a platform, or called through its test kit."
        );
        Error::new(Code::Unavailable, message)
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(Error::internal)?;
    runtime.block_on(async {
        let stream = tokio::net::UnixStream::connect(socket).await.map_err(|error| {
            Error::new(Code::Unavailable, format!("The platform does not answer: {error}."))
        })?;
        serve(app, Env::system(), stream).await
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
    let manifest = app.manifest()?;
    let (opened, door) = (env.clone(), OnceLock::new());
    link::serve(stream, env, &manifest, |served| open(app, opened, served, &door)).await
}

/// Opens the app's tables. Other functions are called through `door`, which the host does not keep.
async fn open(
    app: &App,
    env: Env,
    Served { welcome, dispatch, files, http, python }: Served,
    door: &OnceLock<Arc<dyn Dispatch>>,
) -> Result<Arc<dyn Host>> {
    let db = Db::open(&DbOptions::new(&welcome.database)).await.map_err(Error::internal)?;
    let host = InProcess::open(app, welcome.workspace, db, env, welcome.cursor_key).await?;
    host.connect(door.get_or_init(|| Arc::new(dispatch)));
    host.connect_files(Arc::new(files));
    host.connect_http(Arc::new(http));
    host.connect_python(Arc::new(python));
    Ok(host)
}
