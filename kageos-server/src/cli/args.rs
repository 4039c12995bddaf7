use std::{ffi::OsString, path::PathBuf};

use clap::{Parser, Subcommand};

use crate::runtime::Limits;

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
    Bootstrap(Bootstrap),
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
    /// Prints the server's own log; `workspace logs` prints that of an app.
    Logs(Logs),
    /// Accounts.
    #[command(subcommand)]
    User(User),
    /// Makes a namespace, for a team.
    Namespace(Namespace),
    /// API tokens of the user system.
    #[command(subcommand)]
    Token(Token),
    /// Gives somebody a role on a path and below, denies it, or takes a grant back.
    Grant(Grant),
    /// Hands everything that one account holds over to another one.
    Transfer(Transfer),
    /// Calls an action of the function or directory at a path.
    Call(Call),
    /// Sets back what a call changed, unless it has changed since.
    Undo(Undo),
    /// The source and the releases of a workspace.
    #[command(subcommand)]
    Workspace(Workspace),
    /// What apps send to others without seeing it: keys, tokens, passwords.
    #[command(subcommand)]
    Secret(Secret),
    /// What apps are built with.
    #[command(subcommand)]
    Runtime(Runtime),
    /// The operation log.
    #[command(subcommand)]
    Audit(Audit),
    /// Copies the state folder, each file with its hash; the server may run on.
    Backup(Backup),
    /// Makes the state folder from a backup, after checking every file.
    Restore(Restore),
    /// Removes the state folder after a backup. Asks first.
    Reset(Reset),
    /// Prints the OpenAPI document.
    Openapi,
    /// Sets limits for itself and becomes the program that follows; how an app is started.
    #[command(hide = true)]
    Restrict(Restrict),
    /// Tries what no app may do and says how far it came; started as an app is, to see whether that is kept apart.
    #[command(hide = true)]
    Probe(Probe),
}

#[derive(Debug, clap::Args)]
pub(super) struct Probe {
    /// Only writes a file of so many bytes.
    #[arg(long, value_name = "BYTES")]
    pub(super) write: Option<u64>,
    /// Only uses so many bytes of memory until its input ends.
    #[arg(long, value_name = "BYTES")]
    pub(super) hold: Option<u64>,
    /// How many bytes of memory each process uses that does so.
    #[arg(long, value_name = "BYTES", default_value_t = u64::MAX)]
    pub(super) share: u64,
}

#[derive(Debug, clap::Args)]
pub(super) struct Bootstrap {
    #[command(flatten)]
    pub(super) dev: Dev,
    /// The folder with the sources of Kageos.
    #[arg(long, default_value = ".")]
    pub(super) sources: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum Runtime {
    /// Collects and compiles the SDK and the crates that apps may use, once for each version.
    Prepare {
        /// The folder with the sources of Kageos. [default: what this program carries, else the working folder]
        #[arg(long)]
        sources: Option<PathBuf>,
        /// A file that names the crates that apps may use besides the SDK.
        #[arg(long, value_name = "FILE", requires = "sources")]
        crates: Option<PathBuf>,
    },
    /// Writes a copy of this program that carries the SDK and its crates, to be installed where no sources are.
    Pack {
        /// The folder with the sources of Kageos.
        #[arg(long, default_value = ".")]
        sources: PathBuf,
        /// A file that names the crates that apps may use besides the SDK.
        #[arg(long, value_name = "FILE")]
        crates: Option<PathBuf>,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Workspace {
    /// Makes a folder with an app: a table, a form, a test and a runbook.
    New {
        folder: PathBuf,
        /// Its name for people. [default: the name of the folder]
        #[arg(long)]
        title: Option<String>,
    },
    /// Makes the source of a workspace that of a folder, builds it and makes it live.
    Push {
        folder: PathBuf,
        path: String,
        /// Why, for the history.
        #[arg(long, short, default_value = "Push")]
        message: String,
        /// Only the source.
        #[arg(long)]
        no_build: bool,
    },
    /// Builds the newest commit.
    Build { path: String },
    /// Makes a release live.
    Publish {
        path: String,
        release: u32,
        /// Consents to what the release reaches outside; `publish` without it says what that is, and this digest.
        #[arg(long, value_name = "DIGEST")]
        consent: Option<String>,
    },
    /// Makes the release live again that was before.
    Rollback { path: String },
    /// Lets an app on this machine run a workspace, for whoever develops it and nobody else, until it is stopped.
    Attach(Attach),
    /// Ends the link of the app that is attached to a workspace.
    Detach { path: String },
    /// Lists releases.
    Releases { path: String },
    /// Ends the app's process; the next call starts it.
    Restart { path: String },
    /// Prints the log of the app, the newest lines last; `kagectl logs` prints that of the server.
    Logs(WorkspaceLogs),
    /// Lists the files of the source.
    List { path: String },
    /// Prints a file of the source; without one how much the workspace keeps, and may keep.
    Show { path: String, file: Option<String> },
    /// Finds lines in the source.
    Search {
        path: String,
        query: String,
        /// The query is a regular expression.
        #[arg(long)]
        regex: bool,
    },
    /// Compares two commits; without any the newest with the one before.
    Diff {
        path: String,
        #[arg(long)]
        from: Option<String>,
        #[arg(long)]
        to: Option<String>,
    },
    /// Lists commits.
    History { path: String },
    /// Takes back what a commit did.
    Revert { path: String, commit: String },
    /// Moves a workspace to the recycle bin, with all that is in it. Asks first.
    Rm {
        path: String,
        /// Does not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Secret {
    /// Sets a secret; it is read from the standard input.
    Set {
        path: String,
        name: String,
        /// The only place that it goes to, for example https://api.example.com. [default: what the live release declares]
        #[arg(long)]
        origin: Option<String>,
    },
    /// Lists the secrets of a workspace, never what they are.
    List { path: String },
    /// Forgets a secret.
    Remove { path: String, name: String },
    /// Seals everything anew with a new key, while no server runs.
    Rotate,
}

#[derive(Debug, clap::Args)]
pub(super) struct Attach {
    /// The folder of the app.
    pub(super) folder: PathBuf,
    /// The workspace: its path on the server that runs here, or its whole address, https://host/namespace/workspace, with
    /// a token in KAGEOS_TOKEN.
    pub(super) workspace: String,
    /// Consents to what the app reaches outside; `attach` without it says what that is, and this digest.
    #[arg(long, value_name = "DIGEST")]
    pub(super) consent: Option<String>,
    /// The program, which is built already.
    #[arg(long, value_name = "FILE")]
    pub(super) program: Option<PathBuf>,
    /// What it is started with.
    #[arg(last = true)]
    pub(super) arguments: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
pub(super) struct WorkspaceLogs {
    pub(super) path: String,
    /// Goes on with what comes, until it is stopped.
    #[arg(long, short)]
    pub(super) follow: bool,
    /// At most so many lines to begin with, the newest.
    #[arg(long, short = 'n', default_value_t = 100)]
    pub(super) lines: usize,
    /// At least this: `debug`, `info`, `warn`, `error`.
    #[arg(long)]
    pub(super) level: Option<String>,
    /// Only from here: `app`, `stdout`, `stderr`, `platform`.
    #[arg(long)]
    pub(super) source: Option<String>,
    /// Only of this call.
    #[arg(long)]
    pub(super) call: Option<String>,
    /// Only of this trace.
    #[arg(long)]
    pub(super) trace: Option<String>,
    /// Only of this release.
    #[arg(long)]
    pub(super) release: Option<u32>,
    /// Only of what lies at this path or below.
    #[arg(long)]
    pub(super) at: Option<String>,
    /// Only with this text in the message or a field.
    #[arg(long)]
    pub(super) grep: Option<String>,
    /// Only from this moment on, as 2026-01-31T08:00:00Z.
    #[arg(long)]
    pub(super) from: Option<String>,
    /// Only before this moment.
    #[arg(long)]
    pub(super) to: Option<String>,
}

/// A program and what it may use.
#[derive(Debug, clap::Args)]
pub(super) struct Restrict {
    #[command(flatten)]
    pub(super) limits: Limits,
    /// Joins this group of processes and sets no limit.
    #[arg(long = "group")]
    pub(super) groups: Vec<PathBuf>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Transfer {
    /// The login of the account whose things they are.
    pub(super) from: String,
    /// The login of the account whose they become.
    pub(super) to: String,
    /// Ends the API tokens of the first one.
    #[arg(long)]
    pub(super) end_tokens: bool,
    /// Shows what would become of what, and changes nothing.
    #[arg(long)]
    pub(super) preview: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The folder to make. [default: backups/<time> beside the state folder]
    #[arg(long)]
    pub(super) to: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The folder of the backup.
    pub(super) from: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Reset {
    /// Does not ask.
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Lists accounts.
    List,
    /// Makes an account and prints its password; with --service one for a program, which has tokens only.
    Add {
        login: String,
        /// What people call them.
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        email: Option<String>,
        /// May do everything everywhere.
        #[arg(long)]
        admin: bool,
        /// A program.
        #[arg(long)]
        service: bool,
    },
    /// Shuts an account out and ends its sessions.
    Disable { login: String },
    /// Lets an account in again.
    Enable { login: String },
    /// Gives an account a new password, prints it, and ends its sessions.
    Password { login: String },
}

#[derive(Debug, clap::Args)]
pub(super) struct Namespace {
    pub(super) code: String,
    /// Its name for people.
    #[arg(long)]
    pub(super) title: Option<String>,
    /// The login of the account that it belongs to.
    #[arg(long)]
    pub(super) owner: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Lists the tokens.
    List {
        /// The login of the account whose tokens are meant.
        #[arg(long)]
        user: Option<String>,
    },
    /// Makes a token and prints it, this once.
    Create {
        name: String,
        /// Only here and below.
        #[arg(long)]
        path: Option<String>,
        /// Only these rights.
        #[arg(long, value_delimiter = ',', default_value = "read")]
        rights: Vec<String>,
        /// Ends after so many days; without it as late as a token may.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: Option<u32>,
        /// The login of the account that it acts for.
        #[arg(long)]
        user: Option<String>,
    },
    /// Ends a token.
    Revoke {
        id: String,
        /// The login of the account whose token it is.
        #[arg(long)]
        user: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Grant {
    pub(super) path: String,
    /// viewer, member, admin or owner.
    #[arg(required_unless_present = "revoke")]
    pub(super) role: Option<String>,
    /// The login of the account.
    #[arg(long, conflicts_with = "group")]
    pub(super) user: Option<String>,
    /// The id of the group.
    #[arg(long)]
    pub(super) group: Option<String>,
    /// Takes the role away instead.
    #[arg(long)]
    pub(super) deny: bool,
    /// Ends after so many days.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(super) days: Option<u32>,
    /// Takes back the grant with this id.
    #[arg(long, conflicts_with_all = ["role", "user", "group", "deny", "days"])]
    pub(super) revoke: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Call {
    pub(super) path: String,
    pub(super) action: String,
    /// The input as JSON.
    #[arg(default_value = "{}")]
    pub(super) input: String,
    /// Shows what would change and changes nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Makes a repetition answer what the first call answered.
    #[arg(long)]
    pub(super) key: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Undo {
    /// The id of the call, as its reply and the activity have it.
    pub(super) call: String,
    /// Shows what would be set back and sets nothing back.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Checks the whole log against its hashes and signed heads.
    Verify,
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
