use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Where the state of a development server lies when nothing else is said.
pub(super) const DEFAULT_STATE: &str = ".kageos/dev";

/// Runs and looks after a Kageos server.
#[derive(Debug, Parser)]
#[command(name = "kagectl", version, about, disable_help_subcommand = true)]
pub(super) struct Args {
    /// The state folder; also KAGEOS_STATE. [default: .kageos/dev]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(super) state: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Builds what is needed, makes the state, starts the server with the example workspace.
    Bootstrap(Dev),
    /// Makes the state folder, or prints the password of the one that is there.
    Init(Dev),
    /// Runs the server until it is stopped.
    Serve,
    /// Stops the running server; its data stays.
    Down,
    /// Says whether a server runs on the state folder, and where.
    Status,
    /// Fails unless the running server and all that it depends on are well.
    Verify,
    /// Looks at every layer and says what to do about what is wrong.
    Doctor,
    /// Prints the logs.
    Logs(Logs),
    /// Prints the OpenAPI document.
    Openapi,
}

/// What kind of installation.
#[derive(Debug, clap::Args)]
pub(super) struct Dev {
    /// For development: on this machine, with the embedded default.
    #[arg(long, required = true)]
    dev: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// Only of this component: `server`.
    pub(super) component: Option<String>,
    /// At most so many lines, the newest.
    #[arg(long, short = 'n', default_value_t = 200)]
    pub(super) lines: usize,
}
