//! The command line: what a person on the server's machine does.
//!
//! Commands that need the running server ask it over HTTP, at the address in `run/lock` and with the token of the
//! state folder. The exit status is [`kageos_core::Code::exit`] of what went wrong.

mod app_folder;
mod args;
mod attach;
mod audit;
mod backup;
mod bootstrap;
mod call;
mod databases;
mod doctor;
mod down;
mod example;
pub(crate) mod failure;
mod init;
mod logging;
mod logs;
mod output;
mod remote;
mod runtime;
mod secret;
mod serve;
mod status;
mod user;
mod verify;
mod web_build;
mod workspace;
mod workspace_logs;

use std::{collections::HashMap, ffi::OsString, process::ExitCode, time::Duration};

use clap::Parser;
use kageos_core::{Code, Env, Error, Result, Timestamp};
use rustix::fs::Mode;

use self::{
    args::{Args, Audit, Command, Probe, Restrict},
    failure::Context,
    output::Output,
};
use crate::{config::Config, state::StateDir};

/// What every command works with.
pub(crate) struct Session {
    pub(crate) state: StateDir,
    pub(crate) output: Output,
    pub(crate) env: Env,
    vars: HashMap<String, String>,
}

impl Session {
    /// The configuration of the state folder.
    pub(crate) fn config(&self) -> Result<Config> {
        Config::load(&self.state.config_file(), self.vars.clone()).context("the configuration")
    }

    /// The moment so many days from now.
    pub(crate) fn in_days(&self, days: u32) -> Timestamp {
        self.env.now().plus(Duration::from_secs(u64::from(days) * 24 * 60 * 60))
    }
}

/// Runs the command in `args` with the environment `vars` until it ends.
#[must_use]
pub fn run(args: Vec<OsString>, vars: HashMap<String, String>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => return output::usage(&error),
    };
    // What this process makes is for its own user only, also what libraries make.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let output = Output::new(args.json);
    let root = args.state.or_else(|| vars.get("KAGEOS_STATE").map(Into::into));
    let state = StateDir::at(root.unwrap_or_else(|| args::DEFAULT_STATE.into()));
    let session = Session { state, output, env: Env::system(), vars };
    if let Command::Restrict(restrict) = args.command {
        return session.output.failed(&restricted(&restrict));
    }
    if let Command::Probe(probe) = args.command {
        return match probe {
            Probe { hold: Some(bytes), .. } => crate::runtime::probe_holding(bytes),
            Probe { write: Some(bytes), .. } => crate::runtime::probe_writing(bytes),
            Probe { share, .. } => crate::runtime::probe(share),
        };
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result =
        runtime.context("the runtime").and_then(|runtime| runtime.block_on(execute(&session, args.command)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => session.output.failed(&error),
    }
}

async fn execute(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Bootstrap(args) => bootstrap::run(session, &args.sources).await,
        Command::Init(_) => init::run(session),
        Command::Serve => serve::run(session).await,
        Command::Down => down::run(session).await,
        Command::Status => status::run(session).await,
        Command::Verify => verify::run(session).await,
        Command::Doctor => doctor::run(session).await,
        Command::Logs(args) => logs::run(session, &args),
        Command::User(command) => user::run(session, command).await,
        Command::Namespace(args) => user::namespace(session, args).await,
        Command::Token(command) => user::token(session, command).await,
        Command::Grant(args) => call::grant(session, args).await,
        Command::Transfer(args) => user::transfer(session, args).await,
        Command::Call(args) => call::run(session, args).await,
        Command::Undo(args) => call::undo(session, args).await,
        Command::Workspace(command) => workspace::run(session, command).await,
        Command::Secret(command) => secret::run(session, command).await,
        Command::Runtime(args::Runtime::Prepare { sources, crates }) => {
            runtime::prepare(session, sources.as_deref(), crates.as_deref()).await
        }
        Command::Runtime(args::Runtime::Pack { sources, crates, to }) => {
            runtime::pack(session, &sources, crates.as_deref(), &to).await
        }
        Command::Audit(Audit::Verify) => audit::run(session).await,
        Command::Backup(args) => backup::backup(session, &args).await,
        Command::Restore(args) => backup::restore(session, &args),
        Command::Reset(args) => backup::reset(session, &args).await,
        // Done before anything of a server is made.
        Command::Restrict(_) | Command::Probe(_) => Ok(()),
        Command::Openapi => {
            session.output.raw(crate::openapi::text());
            Ok(())
        }
    }
}

/// Becomes another program; answers why not.
fn restricted(Restrict { limits, groups, command }: &Restrict) -> Error {
    let Some((program, arguments)) = command.split_first() else { return Error::of(Code::InvalidInput) };
    match crate::runtime::restrict(limits, groups, program, arguments) {
        Ok(never) => match never {},
        Err(error) => {
            Error::new(Code::Unavailable, format!("{} cannot be started: {error}.", program.display()))
        }
    }
}
