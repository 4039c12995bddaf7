//! Scripts in a test: those of the app that is tested, by the Python of this machine.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process::{Command, ExitStatus},
    time::Duration,
};

use async_trait::async_trait;
use kageos_core::{
    Clock, Code, Error, HostCall, Python, PythonDone, PythonScript, Result, SystemClock, python::ARGUMENTS,
};

use super::Folder;

/// How often it is looked whether a script has ended.
const OFTEN: Duration = Duration::from_millis(5);

/// Runs scripts with `python3` as the account of the test, in a folder of their own. Nothing keeps them apart, as a platform
/// does; environments it has none.
#[derive(Debug)]
pub struct PlainPython;

#[async_trait]
impl Python for PlainPython {
    async fn run(&self, _: &HostCall, script: PythonScript) -> Result<PythonDone> {
        script.check()?;
        if script.environment.is_some() {
            return Err(Error::field("/environment", "enum", "a test has no environments"));
        }
        tokio::task::spawn_blocking(move || run(&script)).await.map_err(Error::internal)?
    }
}

fn run(script: &PythonScript) -> Result<PythonDone> {
    let missing = |error: io::Error| {
        Error::new(Code::Unavailable, "There is no Python (`python3`) on this machine.").caused_by(error)
    };
    let folder = Folder::new()?;
    // What comes and goes is in files: a process that the script leaves behind may keep a pipe open.
    let place = |name: &str| folder.0.join(name);
    let (given, answer, printed) = (place("given"), place("answer"), place("printed"));
    fs::create_dir(place("work")).and_then(|()| give(script, &given)).map_err(Error::internal)?;
    let new = |path: &Path| File::create(path).map_err(Error::internal);
    let mut child = Command::new("python3")
        .args(ARGUMENTS)
        .current_dir(place("work"))
        .stdin(File::open(&given).map_err(Error::internal)?)
        .stdout(new(&answer)?)
        .stderr(new(&printed)?)
        .spawn()
        .map_err(missing)?;
    let clock = SystemClock::default();
    let until = clock.monotonic() + script.timeout();
    let ended = loop {
        match child.try_wait().map_err(Error::internal)? {
            Some(ended) => break ended,
            None if clock.monotonic() >= until => {
                child.kill().and_then(|()| child.wait()).map_err(Error::internal)?;
                return Err(Error::new(Code::DeadlineExceeded, "The script took too long."));
            }
            None => std::thread::sleep(OFTEN),
        }
    };
    let read = |path| fs::read(path).map_err(Error::internal);
    let text = String::from_utf8_lossy(&read(&printed)?).into_owned();
    let failed: Option<&ExitStatus> = Some(&ended).filter(|ended| !ended.success());
    PythonDone::of(failed.map(|it| it as _), &read(&answer)?, text)
}

fn give(script: &PythonScript, to: &Path) -> io::Result<()> {
    let mut given = File::create(to)?;
    given.write_all(&script.head().map_err(io::Error::other)?)?;
    script.files.iter().try_for_each(|file| given.write_all(&file.bytes))
}
