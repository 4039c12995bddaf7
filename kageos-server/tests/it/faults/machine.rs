//! The real server as a child in a process group of its own, on a state folder that goes with the test.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::client::Door;
use crate::example;

/// Longest start, on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(60);

pub(super) struct Machine {
    folder: PathBuf,
    program: PathBuf,
    user: Option<u32>,
    /// Configuration that is given in the environment.
    given: Vec<(String, String)>,
    child: Option<Child>,
}

/// What a server says when it answers, or why it does not.
pub(super) type Started = Result<Value, Output>;

impl Machine {
    /// A state folder below `folder`, which nobody has used yet.
    pub(super) fn new(folder: &Path) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_kagectl"));
        Self { folder: folder.to_owned(), program, user: None, given: Vec::new(), child: None }
    }

    /// The same with this configuration.
    pub(super) fn given(folder: &Path, given: Vec<(String, String)>) -> Self {
        Self { given, ..Self::new(folder) }
    }

    /// The same, run by this user from a copy of the program that they may read.
    pub(super) fn run_by(folder: &Path, user: u32) -> Self {
        let program = folder.join("kagectl");
        std::fs::copy(env!("CARGO_BIN_EXE_kagectl"), &program).unwrap();
        let owner = std::process::Command::new("chown").arg("-R").arg(user.to_string()).arg(folder).status();
        assert!(owner.unwrap().success());
        Self { program, user: Some(user), ..Self::new(folder) }
    }

    fn command(&self, args: &[&str]) -> Command {
        // A limit on the size of files is an error then, and not a signal.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(&self.program);
        command.args(args).arg("--json").current_dir(&self.folder).env_clear().process_group(0);
        command.envs(example::given());
        command.env("KAGEOS_SERVER__ADDRESS", "127.0.0.1:0");
        command.envs(self.given.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        self.user.map(|user| command.uid(user));
        command
    }

    /// Runs a command to its end.
    pub(super) async fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().await.unwrap()
    }

    /// Starts a server and waits until it says where it answers, or ends.
    pub(super) async fn try_start(&mut self, args: &[&str]) -> Started {
        let mut child = self.command(args).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let read = tokio::time::timeout(START, stdout.read_line(&mut line)).await.expect("a start in time");
        if read.unwrap() == 0 {
            return Err(child.wait_with_output().await.unwrap());
        }
        self.child = Some(child);
        Ok(serde_json::from_str(&line).unwrap())
    }

    /// Starts a server and answers its authority, `127.0.0.1:4711`.
    pub(super) async fn start(&mut self) -> String {
        let listening = self.try_start(&["serve"]).await.unwrap();
        authority(&listening)
    }

    /// Makes the example and signs in.
    pub(super) async fn bootstrap(&mut self) -> Door {
        let ready = self.try_start(&["bootstrap", "--dev", "--sources", example::sources()]).await.unwrap();
        Door::login(&authority(&ready), ready["password"].as_str().unwrap()).await
    }

    /// Starts a server that is killed before long, perhaps while it recovers.
    pub(super) async fn start_and_kill(&mut self, after: Duration) {
        self.child = Some(self.command(&["serve"]).spawn().unwrap());
        tokio::time::sleep(after).await;
        self.kill().await;
    }

    pub(super) fn signal(&self, signal: Signal) {
        let group = Pid::from_raw(i32::try_from(self.process()).unwrap()).unwrap();
        kill_process_group(group, signal).unwrap();
    }

    pub(super) fn process(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("a server runs")
    }

    /// `kill -9`
    pub(super) async fn kill(&mut self) {
        self.end(Signal::KILL).await;
    }

    /// Stops the server in order.
    pub(super) async fn stop(&mut self) {
        assert!(self.end(Signal::TERM).await, "the server stops in order");
    }

    async fn end(&mut self, signal: Signal) -> bool {
        self.signal(signal);
        self.child.take().unwrap().wait().await.unwrap().success()
    }

    pub(super) fn state(&self) -> PathBuf {
        self.folder.join(".kageos/dev")
    }

    pub(super) fn platform_file(&self) -> PathBuf {
        self.state().join("platform.db")
    }

    /// The database of the example's workspace.
    pub(super) fn app_file(&self) -> PathBuf {
        let mut workspaces = std::fs::read_dir(self.state().join("workspaces")).unwrap();
        workspaces.next().unwrap().unwrap().path().join("data/app.db")
    }

    /// The chain of the operation log is sound, as `kagectl audit verify` reads it.
    pub(super) async fn verify(&self) -> Value {
        let output = self.run(&["audit", "verify"]).await;
        assert!(output.status.success(), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["findings"], 0, "{report}");
        report
    }
}

fn authority(said: &Value) -> String {
    said["address"].as_str().unwrap().trim_start_matches("http://").to_owned()
}
