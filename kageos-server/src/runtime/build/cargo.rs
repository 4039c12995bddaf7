//! One run of Cargo on foreign code: build scripts and macros run in a sandbox like the app itself.

use std::{
    collections::VecDeque,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use kageos_core::{Code, Error, Result};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};

use super::{Diagnostic, Layer};
use crate::runtime::{
    Groups, Limits, Sandbox,
    driver::{Group, grouped},
};

/// Longest line that is read, in bytes; a message of the compiler is one line.
const MAX_LINE: u64 = 1024 * 1024;
/// Bytes of a line that are told, the first ones.
const MAX_TOLD_LINE: usize = 8 * 1024;
/// Bytes of the log that are kept, the last ones.
const MAX_LOG: usize = 1024 * 1024;
/// Most messages of the compiler that are kept.
const MAX_DIAGNOSTICS: usize = 500;
/// Bytes of them in all.
const MAX_TOLD: usize = 1024 * 1024;
/// Bytes that a build may write in all before it is ended.
const MAX_OUTPUT: usize = 256 * 1024 * 1024;
/// Bytes of the copy of the source in a sandbox, which is memory.
const SOURCE: &str = "268435456";
/// What each process of a build may use. Compilers reserve much more memory than they use.
const LIMITS: Limits =
    Limits { memory: 16 << 30, file: 2 << 30, open_files: 4096, processes: 1024, cpu_percent: 100 };

/// What the SDK of every app has besides what the app asks for: the same program runs wherever its rows lie.
const SERVERS: &str = "kageos-sdk/postgres,kageos-sdk/mysql";

/// What one build may use, with all that it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildLimits {
    /// Memory, in bytes, where the server may make control groups.
    pub memory: u64,
    /// Processes and threads, there too.
    pub processes: u64,
    /// How long the compiler and what it runs may take.
    pub time: Duration,
}

/// What holds the build of an app, which is foreign code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Confined<'a> {
    pub(crate) groups: Option<&'a Groups>,
    pub(crate) limits: &'a BuildLimits,
}

impl Confined<'_> {
    /// The words that start a build in a group of its own.
    fn grouped(&self, restrict: &[OsString], words: Vec<OsString>) -> Result<(Vec<OsString>, Option<Group>)> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let limits = Limits {
            memory: self.limits.memory,
            processes: self.limits.processes,
            // All of them, after those whom the server answers: that is what `nice` is for.
            cpu_percent: u32::try_from(processors).unwrap_or(u32::MAX).saturating_mul(100),
            ..LIMITS
        };
        grouped(restrict, self.groups, &limits, words)
    }
}

/// Where things are for a build.
pub(super) struct Layout {
    pub(super) toolchain: PathBuf,
    pub(super) vendor: PathBuf,
    pub(super) config: PathBuf,
    pub(super) target: PathBuf,
}

impl Layout {
    /// For a layer at `folder`; within a sandbox the same for every layer, so that what was compiled fits.
    pub(super) fn of(sandbox: &Sandbox, folder: &Path) -> Self {
        let layer = match sandbox {
            Sandbox::Bubblewrap(_) => Path::new("/layer"),
            Sandbox::Open => folder,
        };
        Self {
            toolchain: PathBuf::from("/toolchain"),
            vendor: layer.join("vendor"),
            config: layer.join("config.toml"),
            target: PathBuf::from("/build/target"),
        }
    }
}

/// A build.
pub(crate) struct Job<'a> {
    pub(crate) layer: &'a Layer,
    pub(crate) sandbox: &'a Sandbox,
    /// The program and its arguments that sets limits and becomes what follows.
    pub(crate) restrict: &'a [OsString],
    /// The source, with a lock file.
    pub(crate) app: &'a Path,
    /// It is the layer itself that is compiled.
    pub(crate) is_layer: bool,
    /// What was compiled before; the only folder that a build in a sandbox writes to.
    pub(crate) target: &'a Path,
    /// What holds it; `None` for the crates of an operator.
    pub(crate) confined: Option<Confined<'a>>,
}

/// How a build ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    /// Why it was ended, when it did not end by itself.
    pub(crate) ended: Option<String>,
    /// The programs, as paths below the target folder. Nothing says that they are there.
    pub(crate) programs: Vec<PathBuf>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Their bytes.
    told: usize,
    pub(crate) log: String,
}

enum Line {
    /// A message of Cargo for machines.
    Message(Vec<u8>),
    /// What it tells people.
    Told(Vec<u8>),
}

impl Job<'_> {
    /// Builds, and tells each line that is for people. Dropping the future ends it.
    pub(crate) async fn run(&self, tell: impl FnMut(&str) + Send) -> Result<Outcome> {
        let layout = Layout::of(self.sandbox, self.layer.folder());
        let (mut child, group) = self.start(&layout)?;
        let (mut outcome, mut log) = (Outcome::default(), Log::default());
        let most = self.confined.map_or(Duration::MAX, |it| it.limits.time);
        let running = self.listen(&mut child, &layout.target, (&mut outcome, &mut log), tell);
        outcome.ended = match timeout(most, running).await {
            Ok(done) => done.err().map(str::to_owned),
            Err(_) => Some(format!("The build takes longer than it may, which is {} s.", most.as_secs())),
        };
        if outcome.ended.is_some() {
            // What it has started in a sandbox ends with it.
            let _ = child.start_kill();
        }
        let status = child.wait().await.map_err(Error::internal)?;
        outcome.success = status.success() && outcome.ended.is_none();
        if let Some(mut group) = group {
            if !outcome.success && group.was_full() {
                log.push("The build has used all of the memory that it may.");
            }
            group.end().await;
        }
        if !status.success() && outcome.diagnostics.is_empty() {
            log.push(&format!("The build ended with {status}."));
        }
        outcome.log = log.text();
        Ok(outcome)
    }

    /// Starts it, in a group of its own where there can be one.
    fn start(&self, layout: &Layout) -> Result<(Child, Option<Group>)> {
        let words = self.words(layout);
        let (words, group) = match &self.confined {
            Some(confined) => confined.grouped(self.restrict, words)?,
            None => (words, None),
        };
        let (program, arguments) = words.split_first().ok_or_else(|| Error::of(Code::Internal))?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_clear().kill_on_drop(true).current_dir(self.app);
        if matches!(self.sandbox, Sandbox::Open) {
            let bin = self.layer.toolchain().join("bin");
            command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()));
            command.env("CARGO_HOME", self.target.join("cargo-home")).env("HOME", self.target);
        }
        let child = command.spawn().map_err(|error| {
            Error::new(Code::Unavailable, "The build cannot be started.").caused_by(error)
        })?;
        Ok((child, group))
    }

    /// Takes in what it says until it says no more; an error is why it has to end before.
    async fn listen(
        &self,
        child: &mut Child,
        target: &Path,
        (outcome, log): (&mut Outcome, &mut Log),
        mut tell: impl FnMut(&str) + Send,
    ) -> std::result::Result<(), &'static str> {
        let (send, mut lines) = mpsc::channel(64);
        let messages = read(child.stdout.take(), send.clone(), Line::Message);
        let told = read(child.stderr.take(), send, Line::Told);
        let collect = async {
            let mut bytes = 0;
            while let Some(line) = lines.recv().await {
                let (Line::Message(text) | Line::Told(text)) = &line;
                bytes += text.len();
                if bytes > MAX_OUTPUT {
                    // Nobody waits to send what is not read any more.
                    lines.close();
                    return Err("The build writes without end.");
                }
                let said = match line {
                    Line::Message(text) => outcome.take(&text, target, self.target),
                    Line::Told(text) => Some(plain(&text)),
                };
                if let Some(said) = said.filter(|said| !said.trim().is_empty()) {
                    tell(&said);
                    log.push(&said);
                }
            }
            Ok(())
        };
        let read = async {
            tokio::join!(messages, told);
            Ok(())
        };
        tokio::try_join!(read, collect).map(drop)
    }

    fn words(&self, layout: &Layout) -> Vec<OsString> {
        let mut words = match self.sandbox {
            Sandbox::Bubblewrap(bwrap) => self.box_words(bwrap, layout),
            Sandbox::Open => Vec::new(),
        };
        let inside = matches!(self.sandbox, Sandbox::Bubblewrap(_));
        if let Some((program, arguments)) = self.restrict.split_first() {
            words.push(if inside { "/layer-restrict".into() } else { program.clone() });
            words.extend(arguments.iter().cloned());
            words.extend(LIMITS.arguments());
            words.push("--".into());
        }
        let cargo = if inside { layout.toolchain.clone() } else { self.layer.toolchain().to_owned() };
        // People who use the server come before a build.
        words.extend(["nice", "-n", "10"].map(Into::into));
        words.push(cargo.join("bin/cargo").into());
        words.extend(["build", "--bins", "--offline", "--message-format=json", "--config"].map(Into::into));
        words.push(layout.config.clone().into());
        // The layer's own crate has it in its manifest.
        if !self.is_layer {
            words.extend(["--features", SERVERS].map(Into::into));
        }
        words.push("--target-dir".into());
        words.push(if inside { layout.target.clone() } else { self.target.to_owned() }.into());
        words
    }

    /// The sandbox of an app, with the toolchain, the layer and what a linker needs beside it.
    fn box_words(&self, bwrap: &Path, layout: &Layout) -> Vec<OsString> {
        let mut words = Sandbox::walls(bwrap);
        words.extend(["--size", "1073741824", "--tmpfs", "/tmp"].map(Into::into));
        for tools in ["/lib", "/lib64", "/bin", "/usr", "/etc/alternatives", "/etc/ld.so.cache"] {
            words.extend(["--ro-bind-try", tools, tools].map(Into::into));
        }
        let mut bind = |how: &str, outside: &Path, inside: &Path| {
            words.extend([how.into(), outside.into(), inside.into()]);
        };
        bind("--ro-bind", self.layer.toolchain(), &layout.toolchain);
        bind("--ro-bind", &self.layer.folder().join("vendor"), &layout.vendor);
        bind("--ro-bind", &self.layer.folder().join("config.toml"), &layout.config);
        if let Some(restrict) = self.restrict.first() {
            bind("--ro-bind", Path::new(restrict), Path::new("/layer-restrict"));
        }
        bind("--ro-bind", self.app, Path::new("/source"));
        bind("--bind", self.target, &layout.target);
        words.extend(["--size", SOURCE, "--tmpfs", "/build/app"].map(Into::into));
        words.extend(["--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"].map(Into::into));
        words.extend(["--chdir", "/build/app", "--setenv", "HOME", "/tmp"].map(Into::into));
        words.extend(["--setenv", "CARGO_HOME", "/tmp/cargo"].map(Into::into));
        words.extend(["--setenv", "PATH", "/toolchain/bin:/usr/bin:/bin", "--"].map(Into::into));
        // The lock file loses what the app does not use, so a build works on a copy; times tell what is new.
        words
            .extend(["/bin/sh", "-c", "cp -a /source/. /build/app/ && exec \"$@\"", "build"].map(Into::into));
        words
    }
}

impl Outcome {
    /// Takes in a message of Cargo; answers what of it is for people.
    fn take(&mut self, line: &[u8], inside: &Path, outside: &Path) -> Option<String> {
        let message: Value = serde_json::from_slice(line).ok()?;
        match message["reason"].as_str()? {
            "compiler-message" => {
                // Cargo sums up at the end what it told before.
                let diagnostic = Diagnostic::read(&message["message"])?;
                let text = diagnostic.text.clone();
                self.told += diagnostic.bytes();
                if self.diagnostics.len() < MAX_DIAGNOSTICS && self.told <= MAX_TOLD && diagnostic.is_told() {
                    self.diagnostics.push(diagnostic);
                }
                Some(text)
            }
            "compiler-artifact" => {
                let program = Path::new(message["executable"].as_str()?);
                let below = program.strip_prefix(inside).or_else(|_| program.strip_prefix(outside)).ok()?;
                self.programs.push(below.to_owned());
                None
            }
            _ => None,
        }
    }
}

/// The last lines of what was told.
#[derive(Default)]
struct Log {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Log {
    fn push(&mut self, line: &str) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line.trim_end().to_owned());
        while self.bytes > MAX_LOG {
            let Some(first) = self.lines.pop_front() else { break };
            self.bytes -= first.len() + 1;
        }
    }

    fn text(self) -> String {
        self.lines.into_iter().collect::<Vec<_>>().join("\n")
    }
}

/// A text without what moves the cursor of a terminal.
fn plain(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(MAX_TOLD_LINE)]);
    text.trim_end().chars().filter(|c| !c.is_control() || *c == '\t').collect()
}

async fn read(output: Option<impl AsyncRead + Unpin>, send: mpsc::Sender<Line>, line: fn(Vec<u8>) -> Line) {
    let Some(output) = output else { return };
    let mut output = BufReader::new(output);
    loop {
        let mut text = Vec::new();
        let mut some = (&mut output).take(MAX_LINE);
        if !matches!(some.read_until(b'\n', &mut text).await, Ok(1..)) || send.send(line(text)).await.is_err()
        {
            return;
        }
    }
}
