//! Scripts in Python, run by the platform.

use std::{sync::Arc, time::Duration};

use kageos_core::{Code, Error, PythonDone, PythonFile, PythonScript, Result};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use super::Ctx;

/// A script that is being prepared.
#[derive(Debug)]
#[must_use = "a script does nothing until it is run"]
pub struct Script<'a> {
    ctx: &'a Ctx,
    script: PythonScript,
    problem: Option<Error>,
}

/// What a script gives.
#[derive(Debug, Clone)]
pub struct Done(PythonDone);

impl Ctx {
    /// A script in Python: `ctx.python(include_str!("forecast.py")).input(&sales).run().await?.output()?`.
    ///
    /// It finds what it is given in `input` and its files in its working folder; what it assigns to `output` is what it
    /// gives, and so is each file that it makes in the folder `out`. It reaches no network, besides these files only programs of
    /// the system, and nothing of it stays.
    pub fn python(&self, source: impl Into<String>) -> Script<'_> {
        let script = PythonScript {
            source: source.into(),
            input: Arc::from(RawValue::NULL.to_owned()),
            files: Vec::new(),
            environment: None,
            timeout_ms: None,
        };
        Script { ctx: self, script, problem: None }
    }
}

impl Script<'_> {
    /// What it finds in `input`.
    pub fn input(mut self, input: &(impl Serialize + ?Sized)) -> Self {
        match to_raw_value(input) {
            Ok(input) => self.script.input = input.into(),
            Err(error) => self.problem = Some(Error::internal(error)),
        }
        self
    }

    /// A file of its working folder.
    pub fn file(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.script.files.push(PythonFile { name: name.into(), bytes: bytes.into() });
        self
    }

    /// The environment with the packages that it imports, as an operator has named it; without one it has what comes with
    /// Python.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.script.environment = Some(name.into());
        self
    }

    /// How long it may run, at most five minutes; thirty seconds when nothing is said, and never longer than the call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.script.timeout_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Runs it.
    ///
    /// # Errors
    /// As [`kageos_core::Python::run`].
    pub async fn run(self) -> Result<Done> {
        let Self { ctx, script, problem } = self;
        if let Some(problem) = problem {
            return Err(problem);
        }
        script.check()?;
        let python = ctx.ports.python.as_ref();
        let python = python.ok_or_else(|| Error::new(Code::Unavailable, "no scripts run here"))?;
        python.run(&ctx.call, script).await.map(Done)
    }
}

impl Done {
    /// What it assigned to `output`.
    ///
    /// # Errors
    /// [`Code::ScriptFailed`] when it is something else.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.0.output.get()).map_err(|error| {
            let message = format!("The script gives something else than expected: {error}.");
            Error::new(Code::ScriptFailed, message).caused_by(error)
        })
    }

    /// What it printed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What it made in the folder `out`.
    #[must_use]
    pub fn files(&self) -> &[PythonFile] {
        &self.0.files
    }

    /// The bytes of a file that it made in the folder `out`.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.0.files.iter().find(|file| file.name == name).map(|file| file.bytes.as_slice())
    }
}
