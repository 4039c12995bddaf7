//! The command line, run as a program.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
};

use kageos_core::Code;
use serde_json::Value;

struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kagectl"));
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("KAGEOS_SERVER__ADDRESS", "127.0.0.1:0");
        command
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts a server and reads the line in which it says where it answers.
    fn start(&self, args: &[&str]) -> (Child, Value) {
        let args = [args, &["--json"]].concat();
        let mut child = self.command(&args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, serde_json::from_str(&line).unwrap())
    }
}

#[track_caller]
fn check_exit(output: &Output, code: Code) {
    assert_eq!(output.status.code(), Some(i32::from(code.exit())), "{output:?}");
}

#[test]
fn init_prints_the_same_password_again() {
    let machine = Machine::new();
    let first = machine.json(&["init", "--dev"]);
    assert_eq!(first, machine.json(&["init", "--dev"]));
    assert_eq!(first["user"], "system");
    assert!(machine.dir.path().join(".kageos/dev/env/kageos.env").exists());
}

#[test]
fn a_command_line_that_cannot_be_read_ends_with_64() {
    let machine = Machine::new();
    for args in [&["nothing"][..], &["init"], &["serve", "--port"], &[]] {
        assert_eq!(machine.run(args).status.code(), Some(64), "{args:?}");
    }
    assert!(machine.run(&["--help"]).status.success());
}

#[test]
fn a_server_starts_is_asked_and_stops() {
    let machine = Machine::new();
    check_exit(&machine.run(&["status"]), Code::Unavailable);
    let (mut child, listening) = machine.start(&["serve"]);
    let status = machine.json(&["status"]);
    assert_eq!((&status["address"], &status["pid"]), (&listening["address"], &child.id().into()));
    check_exit(&machine.run(&["serve"]), Code::Conflict);
    assert_eq!(machine.json(&["verify"])["status"], "ok");
    assert_eq!(machine.json(&["down"])["stopped"], true);
    assert!(child.wait().unwrap().success());
    check_exit(&machine.run(&["status"]), Code::Unavailable);
    assert_eq!(machine.json(&["down"])["stopped"], false);
    let logs = String::from_utf8(machine.run(&["logs", "server"]).stdout).unwrap();
    assert!(logs.contains("the server stopped"), "{logs}");
}

#[test]
fn the_address_of_another_is_a_conflict() {
    let machine = Machine::new();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let output = machine.command(&["serve"]).env("KAGEOS_SERVER__ADDRESS", address).output().unwrap();
    check_exit(&output, Code::Conflict);
}

#[test]
fn a_wrong_configuration_names_every_key() {
    let machine = Machine::new();
    let output = machine
        .command(&["serve"])
        .env("KAGEOS_SERVER__ADDRESS", "x")
        .env("KAGEOS_A__B", "c")
        .output()
        .unwrap();
    check_exit(&output, Code::InvalidInput);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("server.address") && text.contains("a.b"), "{text}");
}

#[test]
fn the_document_is_printed() {
    let document: Value = serde_json::from_slice(&Machine::new().run(&["openapi"]).stdout).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn the_doctor_says_what_to_do() {
    let machine = Machine::new();
    let output = machine.run(&["doctor"]);
    check_exit(&output, Code::Unavailable);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("kagectl init --dev"), "{text}");
    let findings: Value = serde_json::from_slice(&machine.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(findings[0]["layer"], "state");
}
