//! Takes lines within bounds, and writes them behind.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kageos_core::{Env, LogEntry, LogLevel, LogSource, NodeId, ResourcePath};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{Folder, Kept, Line};
use crate::state::StateDir;

/// Bytes of lines that wait to be written, of all workspaces.
const MAX_WAITING: usize = 16 * 1024 * 1024;
/// Bytes that a workspace may log at once.
const BURST: usize = 1024 * 1024;
/// Bytes a second that it may go on with.
const RATE: usize = 128 * 1024;
/// How long lines are collected before they are written together.
const COLLECTED: Duration = Duration::from_millis(50);
/// Shortest time between two lines that count what was left out, and between two announcements of one workspace.
const BETWEEN: Duration = Duration::from_secs(1);
/// Shortest time between two warnings that a log cannot be written.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);
/// How often old files are looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// How long what waits may take to be written at the end.
const LAST: Duration = Duration::from_secs(5);

/// Where a workspace is called now; `None` when it has gone.
type Place = Box<dyn Fn(NodeId) -> Option<ResourcePath> + Send + Sync>;
/// Who is told that a log grew.
type Announce = Box<dyn Fn(ResourcePath) + Send + Sync>;

/// The logs of all workspaces; cheap to clone.
#[derive(Clone)]
pub(in crate::runtime) struct Logs(Arc<Shared>);

struct Shared {
    env: Env,
    state: StateDir,
    kept: Kept,
    place: Place,
    announce: Announce,
    queue: Mutex<Queue>,
    more: Notify,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    lines: Vec<(NodeId, Vec<u8>)>,
    bytes: usize,
    accounts: HashMap<NodeId, Account>,
    closing: bool,
}

/// What is known of a workspace that logged lately.
struct Account {
    /// Bytes that it may still log now.
    left: usize,
    /// When they were counted.
    counted: Instant,
    /// Lines that were too many.
    left_out: u64,
    /// Lines that could not be written.
    unwritten: u64,
    /// When lines that are not there were told last.
    told: Option<Instant>,
    /// Something was written since the last announcement.
    grown: bool,
    announced: Option<Instant>,
}

impl Account {
    fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            counted: now,
            left_out: 0,
            unwritten: 0,
            told: None,
            grown: false,
            announced: None,
        }
    }

    fn spend(&mut self, bytes: usize, now: Instant) -> bool {
        let more = now.duration_since(self.counted).as_millis() as usize * RATE / 1000;
        if more > 0 {
            (self.left, self.counted) = ((self.left + more).min(BURST), now);
        }
        let within = self.left >= bytes;
        if within {
            self.left -= bytes;
        }
        within
    }

    /// When there is something to be told of it.
    fn due(&self) -> Option<Instant> {
        let after = |last: Option<Instant>| last.map(|at| at + BETWEEN);
        let missing = (self.left_out + self.unwritten > 0).then(|| after(self.told).unwrap_or(self.counted));
        let grown = self.grown.then(|| after(self.announced).unwrap_or(self.counted));
        [missing, grown].into_iter().flatten().min()
    }
}

/// Lines of one workspace that are written together.
#[derive(Default)]
struct Batch {
    lines: Vec<Vec<u8>>,
    /// Lines that are missing when they are not written.
    count: u64,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("kept", &self.0.kept).finish_non_exhaustive()
    }
}

impl Logs {
    /// Begins to write what comes into the folders of the workspaces.
    pub(in crate::runtime) fn open(
        env: Env,
        state: StateDir,
        kept: Kept,
        place: impl Fn(NodeId) -> Option<ResourcePath> + Send + Sync + 'static,
        announce: impl Fn(ResourcePath) + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            env,
            state,
            kept,
            place: Box::new(place),
            announce: Box::new(announce),
            queue: Mutex::default(),
            more: Notify::new(),
            task: Mutex::default(),
        });
        let task = tokio::spawn(run(Arc::clone(&shared)));
        *shared.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Self(shared)
    }

    /// Takes a line, unless its workspace logs too much or too much waits; then it is counted.
    pub(super) fn push(&self, workspace: NodeId, line: &Line) {
        let (cost, now) = (line.cost(), Instant::now());
        let mut queue = self.0.queue();
        let waiting = queue.bytes;
        let account = queue.accounts.entry(workspace).or_insert_with(|| Account::new(now));
        // What the platform says is little and matters.
        let within = line.source == LogSource::Platform || account.spend(cost, now);
        if !within || waiting + cost > MAX_WAITING {
            account.left_out += 1;
            if account.left_out > 1 {
                return;
            }
        } else {
            let bytes = line.bytes();
            queue.bytes += bytes.len();
            queue.lines.push((workspace, bytes));
        }
        drop(queue);
        self.0.more.notify_one();
    }

    /// So many lines of a workspace were lost on their way.
    pub(super) fn lost(&self, workspace: NodeId, lines: u64) {
        let mut queue = self.0.queue();
        let account = queue.accounts.entry(workspace).or_insert_with(|| Account::new(Instant::now()));
        account.left_out = account.left_out.saturating_add(lines);
        drop(queue);
        self.0.more.notify_one();
    }

    /// Where the lines of a workspace lie.
    pub(in crate::runtime) fn folder(&self, workspace: NodeId) -> Folder {
        Folder::of(&self.0.state, &workspace.to_string())
    }

    /// Writes what waits and ends.
    pub(in crate::runtime) async fn close(&self) {
        self.0.queue().closing = true;
        self.0.more.notify_one();
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = timeout(LAST, task).await;
        }
    }
}

/// Writes what comes until the end.
async fn run(shared: Arc<Shared>) {
    let mut warned: Option<Instant> = None;
    let mut sweep = Instant::now();
    loop {
        let due = shared.queue().accounts.values().filter_map(Account::due).min();
        tokio::select! {
            () = shared.more.notified() => {}
            () = tokio::time::sleep_until(due.unwrap_or(sweep).min(sweep)) => {}
        }
        let closing = shared.queue().closing;
        if !closing {
            sleep(COLLECTED).await;
        }
        let batches = shared.take();
        let worked = Arc::clone(&shared);
        let swept = sweep <= Instant::now();
        let work = move || {
            let failed = worked.write(batches);
            if swept {
                worked.sweep();
            }
            failed
        };
        let failed = tokio::task::spawn_blocking(work).await.unwrap_or(None);
        if swept {
            sweep = Instant::now() + SWEEP;
        }
        if let Some(error) = failed
            && warned.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS)
        {
            warned = Some(Instant::now());
            tracing::warn!(%error, "logs of workspaces cannot be written; what they lose is counted");
        }
        shared.tell();
        if closing {
            return;
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits, by workspace, with lines that count what is missing.
    fn take(&self) -> HashMap<NodeId, Batch> {
        let (mut queue, now) = (self.queue(), Instant::now());
        queue.bytes = 0;
        let mut batches: HashMap<NodeId, Batch> = HashMap::new();
        for (workspace, line) in std::mem::take(&mut queue.lines) {
            let batch = batches.entry(workspace).or_default();
            batch.lines.push(line);
            batch.count += 1;
        }
        let closing = queue.closing;
        for (workspace, account) in &mut queue.accounts {
            if !closing && account.told.is_some_and(|at| now.duration_since(at) < BETWEEN) {
                continue;
            }
            let missing = [
                (std::mem::take(&mut account.left_out), "Lines are left out: the app logs too much at once."),
                (std::mem::take(&mut account.unwritten), "Lines are lost: they could not be written."),
            ];
            for (count, message) in missing.into_iter().filter(|(count, _)| *count > 0) {
                account.told = Some(now);
                let Some(path) = (self.place)(*workspace) else { continue };
                let entry = LogEntry::new(LogLevel::Warn, message).with("lines", count);
                let line = Line::new(self.env.now(), (LogSource::Platform, None), None, || path, entry);
                let batch = batches.entry(*workspace).or_default();
                batch.lines.push(line.bytes());
                batch.count = batch.count.saturating_add(count);
            }
        }
        batches
    }

    /// Appends what was taken; what could not be written is counted. Answers why, of one.
    fn write(&self, batches: HashMap<NodeId, Batch>) -> Option<io::Error> {
        let mut failed = None;
        for (workspace, batch) in batches {
            // Of a workspace that has gone nothing is kept.
            let is_there = (self.place)(workspace).is_some();
            let folder = Folder::of(&self.state, &workspace.to_string());
            let written = if is_there {
                folder.append(&self.state, &batch.lines, self.kept, self.env.now())
            } else {
                Ok(())
            };
            let mut queue = self.queue();
            let Some(account) = queue.accounts.get_mut(&workspace) else { continue };
            match written {
                Ok(()) => account.grown = true,
                Err(error) => {
                    account.unwritten = account.unwritten.saturating_add(batch.count);
                    account.told = Some(Instant::now());
                    failed = Some(error);
                }
            }
        }
        failed
    }

    /// Tells of the logs that grew, of each once in a while, and forgets who logs no more.
    fn tell(&self) {
        let now = Instant::now();
        let mut grown = Vec::new();
        let due = |account: &Account| {
            account.grown && account.announced.is_none_or(|at| now.duration_since(at) >= BETWEEN)
        };
        let mut queue = self.queue();
        for (workspace, account) in queue.accounts.iter_mut().filter(|(_, account)| due(account)) {
            (account.grown, account.announced) = (false, Some(now));
            grown.push(*workspace);
        }
        let full = Duration::from_secs((BURST / RATE) as u64 + 1);
        queue.accounts.retain(|_, account| account.due().is_some() || account.counted.elapsed() < full);
        drop(queue);
        grown.into_iter().filter_map(|workspace| (self.place)(workspace)).for_each(&self.announce);
    }

    /// Removes old files, also of workspaces that log no more.
    fn sweep(&self) {
        let all = self.state.workspace_dir("");
        for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
            let folder = Folder::of(&self.state, &entry.file_name().to_string_lossy());
            if let Err(error) = folder.prune(self.kept, self.env.now()) {
                tracing::warn!(folder = %folder.path().display(), %error, "old logs stay");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::runtime::logs::{Query, read};

    struct Site {
        dir: tempfile::TempDir,
        logs: Logs,
        workspace: NodeId,
        announced: Arc<AtomicU32>,
    }

    fn site() -> Site {
        let (dir, env) = (tempfile::tempdir().unwrap(), Env::system());
        let (announced, workspace) = (Arc::new(AtomicU32::new(0)), NodeId::new(&env));
        let told = Arc::clone(&announced);
        let logs = Logs::open(
            env,
            StateDir::at(dir.path()),
            Kept { bytes: 32 * 1024 * 1024, days: 14 },
            |_| "/demo/app".parse().ok(),
            move |_| {
                told.fetch_add(1, Ordering::SeqCst);
            },
        );
        Site { dir, logs, workspace, announced }
    }

    impl Site {
        fn push(&self, message: &str) {
            let entry = LogEntry::new(LogLevel::Info, message);
            let path = || "/demo/app".parse().unwrap();
            let line = Line::new(Env::system().now(), (LogSource::App, Some(1)), None, path, entry);
            self.logs.push(self.workspace, &line);
        }

        fn lines(&self) -> Vec<serde_json::Value> {
            let folder = self.logs.folder(self.workspace);
            read(&folder, &Query::default(), || false).unwrap()["lines"].as_array().unwrap().clone()
        }
    }

    #[tokio::test]
    async fn a_flood_is_bounded_and_counted() {
        let site = site();
        let text = "x".repeat(1000);
        (0..20_000).for_each(|_| site.push(&text));
        site.logs.close().await;
        let bytes: u64 =
            site.logs.folder(site.workspace).segments().unwrap().iter().map(|it| it.length).sum();
        assert!(bytes > 500_000 && bytes < 2 * BURST as u64, "{bytes}");
        let lines = site.lines();
        assert_eq!(lines[0]["source"], "platform");
        let left_out = lines[0]["fields"]["lines"].as_u64().unwrap();
        let folder = site.logs.folder(site.workspace);
        let newest = folder.segments().unwrap().len();
        let written: usize = (0..newest)
            .map(|at| {
                let number = folder.segments().unwrap()[at].number;
                std::fs::read_to_string(folder.path().join(format!("{number:013}.jsonl")))
                    .unwrap()
                    .lines()
                    .count()
            })
            .sum();
        assert_eq!(written as u64 - 1 + left_out, 20_000);
    }

    #[tokio::test]
    async fn growth_is_announced_once_a_second_and_the_last_time_too() {
        let site = site();
        for _ in 0..12 {
            site.push("m");
            sleep(Duration::from_millis(100)).await;
        }
        sleep(Duration::from_millis(1500)).await;
        let announced = site.announced.load(Ordering::SeqCst);
        assert!((2..=3).contains(&announced), "{announced}");
        assert_eq!(site.lines().len(), 12);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_counted_until_it_can() {
        let site = site();
        let folder = site.dir.path().join("workspaces").join(site.workspace.to_string());
        std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        std::fs::write(&folder, "no folder").unwrap();
        (0..3).for_each(|_| site.push("lost"));
        sleep(Duration::from_millis(300)).await;
        std::fs::remove_file(&folder).unwrap();
        site.push("there");
        sleep(Duration::from_millis(300)).await;
        site.logs.close().await;
        let lines = site.lines();
        let lost = lines.iter().find(|line| line["source"] == "platform").unwrap();
        assert_eq!(lost["fields"]["lines"], 3, "{lines:?}");
        assert!(lines.iter().any(|line| line["message"] == "there"), "{lines:?}");
    }
}
