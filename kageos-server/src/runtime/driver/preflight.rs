//! Whether what is started is kept apart and limited: a program is started as an app would be, tries what none may do, and
//! tells how far it came. Limits that a system was asked for are not always those that it keeps.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kageos_core::{Code, Error, LogCall, LogEntry, LogSink, LogSource, Result};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketType, socket},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Mutex as Turn,
    time::{Instant, timeout},
};

use super::{Driver, Launch, Limits, account::NOBODY};

/// What the program that measures is started with.
const LIMITS: Limits =
    Limits { memory: 512 << 20, file: 4 << 20, open_files: 128, processes: 24, cpu_percent: 100 };
/// How long measuring may take.
const WITHIN: Duration = Duration::from_secs(30);
/// How often in turn no line has to come after the end until it was the last one.
const QUIET: u32 = 10;
/// How long what did not hold is not measured again.
const AGAIN: Duration = Duration::from_secs(10);
/// Bytes that are used at a time.
const STEP: usize = 1 << 20;
/// Bytes of memory that each of several processes uses, where a limit is one of all together.
const SHARE: u64 = 96 << 20;

/// What has to hold before anything foreign is started.
#[derive(Debug)]
pub(super) struct Preflight {
    /// The program that measures.
    probe: PathBuf,
    /// A folder for it.
    folder: PathBuf,
    /// What was measured last, and when.
    measured: Turn<Option<(Instant, Result<String>)>>,
}

/// What the program that measures has found, where it ran.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    account: u32,
    /// Rights of the system's own account that it has.
    capabilities: String,
    /// No program that it starts gets more rights than it has.
    no_new_privileges: bool,
    /// Calls of the system are refused that an engine by itself lets through.
    filtered: bool,
    /// Ways to a network besides to itself.
    interfaces: Vec<String>,
    /// Places that it wrote to and should not.
    wrote: Vec<String>,
    /// Files of this machine that it read.
    read: Vec<String>,
    open_files: u64,
    processes: u64,
    /// Bytes that a file took.
    file: u64,
}

impl Preflight {
    pub(super) fn new(probe: PathBuf, folder: PathBuf) -> Self {
        Self { probe, folder, measured: Turn::default() }
    }

    /// Measures, unless it held before or was measured just now; answers what was measured, in words.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with what does not hold.
    pub(super) async fn pass(&self, driver: &Driver) -> Result<String> {
        let mut measured = self.measured.lock().await;
        match &*measured {
            Some((at, said)) if said.is_ok() || at.elapsed() < AGAIN => return said.clone(),
            _ => {}
        }
        let said = self.holds(driver).await;
        *measured = Some((Instant::now(), said.clone()));
        said
    }

    async fn holds(&self, driver: &Driver) -> Result<String> {
        let (measured, memory) = self.measure(driver).await?;
        let wrong = measured.wrong(driver.limits_processes(), memory);
        if !wrong.is_empty() {
            let wrong = wrong.join(", ");
            tracing::error!(driver = driver.as_str(), wrong, "no app is started: what has to hold does not");
            let message = format!("No app is started here, because this does not hold: {wrong}.");
            return Err(Error::new(Code::Unavailable, message));
        }
        let said = match driver.limits_processes() {
            true => "measured",
            false => "measured; the number of processes has no limit: run the server with another account",
        };
        Ok(said.to_owned())
    }

    /// What the program finds, and the bytes of memory that it could use.
    async fn measure(&self, driver: &Driver) -> Result<(Measured, u64)> {
        let failed = |error: io::Error| {
            Error::new(Code::Unavailable, "What keeps apps apart cannot be measured.").caused_by(error)
        };
        let (data, link) = (self.folder.join("data"), self.folder.join("link"));
        for folder in [&data, &link] {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let lines = Arc::new(Lines::default());
        // Without a limit for all together one process is all that can be measured.
        let share = if driver.limits_together() { SHARE } else { LIMITS.memory * 2 };
        let launch = Launch {
            name: "probe",
            program: &self.probe,
            arguments: &["probe".into(), "--share".into(), share.to_string().into()],
            data: &data,
            link: &link,
            limits: &LIMITS,
            logs: Arc::clone(&lines) as _,
        };
        let mut running = driver.start_unmeasured(&launch).await?;
        let ending = timeout(WITHIN, running.wait()).await.ok().flatten();
        running.kill().await;
        let said = || {
            let lines = lines.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
            let how = ending.map(|ending| format!(" ({ending})")).unwrap_or_default();
            Error::new(Code::Unavailable, format!("What keeps apps apart cannot be measured{how}: {lines}"))
        };
        // The last lines come a moment after the end.
        let (mut before, mut quiet) = (0, 0);
        while quiet < QUIET {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = lines.count();
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
        }
        let measured = lines.measured().ok_or_else(said)?;
        Ok((measured, lines.memory()))
    }
}

impl Measured {
    /// What does not hold.
    fn wrong(&self, limits_processes: bool, memory: u64) -> Vec<String> {
        let Limits { open_files, processes, file, memory: most, .. } = LIMITS;
        let list = |all: &[String]| all.join(" ");
        let rules = [
            (self.account == NOBODY, format!("the account is {}", self.account)),
            (self.capabilities.bytes().all(|it| it == b'0'), format!("rights {}", self.capabilities)),
            (self.no_new_privileges, "programs can get more rights".to_owned()),
            (self.filtered, "calls of the system are not filtered".to_owned()),
            (self.interfaces.is_empty(), format!("there is a network: {}", list(&self.interfaces))),
            (self.wrote.is_empty(), format!("written: {}", list(&self.wrote))),
            (self.read.is_empty(), format!("read: {}", list(&self.read))),
            // What could not be tried shows nothing.
            (
                (1..=open_files).contains(&self.open_files),
                format!("{} open files, not {open_files}", self.open_files),
            ),
            (
                self.processes > 1 && (!limits_processes || self.processes <= processes),
                format!("{} processes, not {processes}", self.processes),
            ),
            ((1..=file).contains(&self.file), format!("a file of {} bytes, not {file}", self.file)),
            ((1..=most).contains(&memory), format!("{memory} bytes of memory, not {most}")),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, wrong)| wrong).collect()
    }
}

/// What the program says.
#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn take(&self, _: LogSource, _: Option<LogCall>, entry: LogEntry) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < 10_000 {
            lines.push(entry.message);
        }
    }

    fn lost(&self, _: u64) {}
}

impl Lines {
    fn measured(&self) -> Option<Measured> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().find_map(|line| serde_json::from_str(line).ok())
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Bytes of memory that were used until the end, as far as was told.
    fn memory(&self) -> u64 {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter_map(|line| line.strip_prefix("memory ")?.parse().ok()).max().unwrap_or_default()
    }
}

/// Tries what no app may do and tells how far it comes, as a line of JSON; then lets processes use memory, each so many
/// bytes, until there is no more.
#[must_use]
pub fn probe(share: u64) -> ExitCode {
    let measured = Measured {
        account: rustix::process::geteuid().as_raw(),
        capabilities: status("CapEff:"),
        no_new_privileges: status("NoNewPrivs:") == "1",
        filtered: is_filtered(),
        interfaces: interfaces(),
        wrote: ["/new", "/app/new", "/link/new", "/usr/lib/new", "/proc/sys/kernel/core_pattern"]
            .into_iter()
            .filter(|place| writes(Path::new(place)))
            .map(Into::into)
            .collect(),
        read: ["/etc/shadow", "/proc/1/root/etc/shadow", "/dev/mem", "/proc/kcore"]
            .into_iter()
            .filter(|file| reads(Path::new(file)))
            .map(Into::into)
            .collect(),
        open_files: open_files(),
        file: file(),
        processes: processes(),
    };
    let mut out = io::stdout();
    let line = serde_json::to_string(&measured).unwrap_or_default();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        return ExitCode::FAILURE;
    }
    // By hand it is no more than what is measured either.
    use_memory(&mut out, share.min(LIMITS.memory * 2));
    ExitCode::SUCCESS
}

/// Whether a kind of socket is refused that leads into the kernel; one that the kernel does not have, it says so of.
fn is_filtered() -> bool {
    let kind = u16::try_from(libc::AF_ALG).map(AddressFamily::from_raw);
    kind.is_ok_and(|kind| socket(kind, SocketType::SEQPACKET, None).is_err_and(|error| error == Errno::PERM))
}

/// Whether anything is read of a file; engines put one that is empty in the place of what they hide.
fn reads(file: &Path) -> bool {
    fs::File::open(file).and_then(|mut file| file.read(&mut [0])).is_ok_and(|bytes| bytes > 0)
}

/// Whether a file can be written or made; one that it made is removed.
fn writes(place: &Path) -> bool {
    let there = place.exists();
    let written = fs::OpenOptions::new().write(true).create(true).truncate(false).open(place).is_ok();
    if written && !there {
        let _ = fs::remove_file(place);
    }
    written
}

/// A line of what the system says of this process.
fn status(name: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

fn interfaces() -> Vec<String> {
    // Without a list nothing is known.
    let Ok(all) = fs::read_to_string("/proc/net/dev") else { return vec!["?".to_owned()] };
    let names = all.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
    names.filter(|name| name != "lo").collect()
}

fn open_files() -> u64 {
    let mut open = Vec::new();
    while open.len() as u64 <= LIMITS.open_files * 2 {
        let Ok(file) = fs::File::open("/dev/null") else { break };
        open.push(file);
    }
    open.len() as u64
}

/// Bytes that a file takes; the process that writes past its limit is ended.
fn file() -> u64 {
    let place = "large";
    let size = (LIMITS.file * 2).to_string();
    let written =
        Command::new("/proc/self/exe").args(["probe", "--write", &size]).stdout(Stdio::null()).status();
    let bytes = fs::metadata(place).map_or(0, |about| about.len());
    let _ = fs::remove_file(place);
    // What was not tried has no limit, for all that is known.
    if written.is_ok() { bytes } else { u64::MAX }
}

/// Writes a file of so many bytes into its folder.
#[must_use]
pub fn write(bytes: u64) -> ExitCode {
    let written = fs::File::create("large").and_then(|mut file| {
        let some = vec![1; STEP];
        (0..bytes).step_by(STEP).try_for_each(|_| file.write_all(&some))
    });
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Processes that can be had, this one included.
fn processes() -> u64 {
    let mut waiting = Vec::new();
    while waiting.len() as u64 <= LIMITS.processes * 2 {
        let Ok(process) = holding(0) else { break };
        waiting.push(process);
    }
    let count = waiting.len() as u64 + 1;
    for mut process in waiting {
        // It ends when nobody can write to it any more, which waiting for it sees to.
        let _ = process.wait();
    }
    count
}

/// Starts a process that uses so many bytes of memory, tells how many it has come to, and waits.
fn holding(bytes: u64) -> io::Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.args(["probe", "--hold", &bytes.to_string()]).stderr(Stdio::null());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

/// Uses so many bytes of memory, tells how many it has come to, and ends when its input does.
#[must_use]
pub fn hold(bytes: u64) -> ExitCode {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let held = |all: &[Vec<u8>]| (all.len() * STEP) as u64;
    let told = |all: &[Vec<u8>]| writeln!(io::stdout(), "{}", held(all)).is_ok();
    while held(&all) < bytes {
        let mut some = Vec::new();
        if some.try_reserve_exact(STEP).is_err() {
            break;
        }
        some.resize(STEP, 1);
        all.push(some);
        if all.len().is_multiple_of(32) && !told(&all) {
            return ExitCode::FAILURE;
        }
    }
    let said = writeln!(io::stdout(), "{} held", held(&all));
    let waited = said.and_then(|()| io::copy(&mut io::stdin(), &mut io::sink()));
    // It is in use until here.
    if waited.is_ok() && !std::hint::black_box(all).is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Lets processes use memory at the same time, one after the other, and tells how much it is.
fn use_memory(out: &mut impl Write, share: u64) {
    let mut holding_all = Vec::new();
    let mut held = 0;
    while held < LIMITS.memory * 2 {
        let Ok(mut process) = holding(share) else { break };
        let lines = process.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
        let mut own = None;
        for line in lines.map_while(io::Result::ok) {
            let bytes = line.trim_end_matches(" held");
            own = bytes.parse::<u64>().ok().filter(|_| bytes != line);
            // The first one is told of on its way: it may be all that can be had.
            if held == 0 && writeln!(out, "memory {bytes}").is_err() {
                return;
            }
            if own.is_some() {
                break;
            }
        }
        holding_all.push(process);
        let ended = |process: &mut Child| !matches!(process.try_wait(), Ok(None));
        // Who has got no more, or is gone, has met the limit.
        match own {
            Some(own) if own >= share && !holding_all.iter_mut().any(ended) => held += own,
            _ => break,
        }
        if writeln!(out, "memory {held}").is_err() {
            return;
        }
    }
    for mut process in holding_all {
        let _ = process.wait();
    }
}
