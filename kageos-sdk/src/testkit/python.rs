//! Scripts in a test: those of the app that is tested, by the Python of this machine.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

use async_trait::async_trait;
use kageos_core::{
    Code, Error, HostCall, Python, PythonDone, PythonScript, Result,
    python::{ARGUMENTS, failure},
};

use super::Folder;

/// Runs scripts with `python3` as the account of the test, in a folder of their own and with nothing else around them. A
/// platform keeps them apart; environments it has none.
#[derive(Debug)]
pub struct PlainPython;

#[async_trait]
impl Python for PlainPython {
    async fn run(&self, _: &HostCall, script: PythonScript) -> Result<PythonDone> {
        script.check()?;
        if script.environment.is_some() {
            return Err(Error::field("/environment", "enum", "a test has no environments"));
        }
        tokio::task::spawn_blocking(move || run(script)).await.map_err(Error::internal)?
    }
}

fn run(script: PythonScript) -> Result<PythonDone> {
    let missing = |error: std::io::Error| {
        Error::new(Code::Unavailable, "There is no Python (`python3`) on this machine.").caused_by(error)
    };
    let folder = Folder::new()?;
    let mut child = Command::new("python3")
        .args(ARGUMENTS)
        .current_dir(&folder.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    let mut given = child.stdin.take();
    let mut printed = child.stderr.take();
    let (head, files) = (script.head()?, script.files);
    let (text, written) = std::thread::scope(|scope| {
        scope.spawn(move || {
            let Some(given) = &mut given else { return };
            // Who does not read it, fails by itself.
            let _ = given.write_all(&head);
            let _ = files.iter().try_for_each(|file| given.write_all(&file.bytes));
        });
        let text = scope.spawn(move || {
            let mut text = Vec::new();
            let _ = printed.as_mut().map(|printed| printed.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut written = Vec::new();
        let _ = child.stdout.as_mut().map(|stdout| stdout.read_to_end(&mut written));
        (text.join().unwrap_or_default(), written)
    });
    if child.wait().map_err(Error::internal)?.success() {
        return PythonDone::of(&written, text);
    }
    Err(failure(&text))
}
