//! One app in a process of its own.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use kageos_core::{
    CallId, Code, Env, Error, Host, HostCall, HostError, HostReply, LogEntry, LogLevel, LogSource, Manifest,
    Receipt, Result, Timestamp,
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout},
};

use super::{
    Quota,
    backoff::Backoff,
    kept::KeptManifest,
    live::{Ended, Live},
    logs::fate,
    nodes::{Placed, was_not_taken},
    options::AppOptions,
};

/// The file of an app's rows in its folder.
pub(super) const DATABASE: &str = "app.db";
/// How long the calls of an app may take whose runtime node is about to end.
pub(crate) const MOVE: Duration = Duration::from_secs(30);
/// How long another release may take to be live or not, until this one is refused.
const DUE: Duration = Duration::from_secs(20);
/// How often it is asked whether it is.
const ASKED_EVERY: Duration = Duration::from_millis(100);
/// How long an engine may take to say how an app has ended that nobody told to.
const TOLD: Duration = Duration::from_secs(5);

/// An app in a process of its own, which runs while somebody needs it.
#[derive(Debug)]
pub struct ProcessHost {
    env: Env,
    options: AppOptions,
    manifest: KeptManifest,
    state: Mutex<State>,
    /// One start or end at a time.
    starting: Mutex<()>,
    /// What has taken its place: the rows are that one's, so this one is not started any more.
    heir: OnceLock<Arc<Self>>,
    /// It is not started any more, whoever still asks.
    retired: AtomicBool,
    me: Weak<Self>,
}

#[derive(Debug, Default)]
struct State {
    live: Option<Arc<Live>>,
    /// One that is ended, while something of it may run.
    ending: Option<Arc<Live>>,
    /// When it died.
    backoff: Backoff,
    used: Option<Instant>,
    /// Callers are refused, and that is told already.
    refusing: bool,
    /// There is no place to start it in, and that is told already.
    waiting: bool,
}

impl ProcessHost {
    /// An app that was started before and declared `manifest`. It is started at the first call.
    ///
    /// # Errors
    /// [`Code::Internal`] when the manifest cannot be written as JSON.
    pub fn idle(env: Env, options: AppOptions, manifest: &Arc<Manifest>) -> Result<Arc<Self>> {
        let manifest = KeptManifest::new(manifest)?;
        Ok(Arc::new_cyclic(|me| Self {
            env,
            options,
            manifest,
            state: Mutex::default(),
            starting: Mutex::default(),
            heir: OnceLock::new(),
            retired: AtomicBool::new(false),
            me: Weak::clone(me),
        }))
    }

    /// Starts the app for the first time and learns what it declares.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason when it cannot be started or is not ready in time.
    pub async fn start(env: Env, options: AppOptions) -> Result<Arc<Self>> {
        let live = async {
            options.bring().await?;
            Live::start(&env, &options, options.driver.place().await?).await
        };
        let live = live.await.inspect_err(|error| cannot_start(&options, error))?;
        let host = Self::idle(env, options, &live.host.manifest())?;
        host.keep(&mut host.state.lock().await, live);
        Ok(host)
    }

    /// Another host of the same app, whose process does not run yet.
    ///
    /// # Errors
    /// [`Code::Internal`] when the manifest cannot be written as JSON.
    pub(super) fn anew(&self) -> Result<Arc<Self>> {
        Self::idle(self.env.clone(), self.options.clone(), &self.manifest.get())
    }

    /// Hands over to the host that has taken its place: what runs here runs on, and whatever comes later goes there.
    pub(super) fn replaced_by(&self, heir: Arc<Self>) {
        let _ = self.heir.set(heir);
    }

    /// Who answers for receipts: whoever has the rows.
    fn keeper(&self) -> &Self {
        let mut keeper = self;
        while let Some(heir) = keeper.heir.get() {
            keeper = heir;
        }
        keeper
    }

    /// Ends the process and does some work while none can be started.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it cannot be ended, and those of the work.
    pub(super) async fn while_stopped<T>(
        &self,
        within: Duration,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let _none = self.starting.lock().await;
        self.end(within).await;
        self.has_ended().await?;
        work.await
    }

    /// Whether nothing runs any more of what was ended before.
    async fn has_ended(&self) -> Result<()> {
        let Some(ending) = self.state.lock().await.ending.clone() else { return Ok(()) };
        let gone = ending.kill().await;
        self.was_ended(&ending, gone).await;
        match gone {
            true => Ok(()),
            false => Err(ending.stays().await),
        }
    }

    /// Forgets what was ended once it is gone.
    async fn was_ended(&self, live: &Arc<Live>, gone: bool) {
        let mut state = self.state.lock().await;
        if gone && state.ending.as_ref().is_some_and(|ending| Arc::ptr_eq(ending, live)) {
            state.ending = None;
        }
    }

    /// What its folder holds.
    pub(super) fn quota(&self) -> &Quota {
        &self.options.quota
    }

    /// The process that runs, as this machine knows it; `None` while none does.
    pub async fn pid(&self) -> Option<u32> {
        self.running().await.and_then(|live| live.pid)
    }

    /// What keeps the process apart, and where.
    pub(super) async fn sandbox(&self) -> String {
        let running = self.running().await.map(|live| live.sandbox.clone());
        running.unwrap_or_else(|| self.options.driver.as_str().to_owned())
    }

    /// Whether a process runs, or one that was ended may.
    pub(super) async fn runs(&self) -> bool {
        let state = self.state.lock().await;
        state.live().or_else(|| state.ending.clone()).is_some()
    }

    /// Whether it is stopped and has no reason not to start: its program is there, and it did not die lately.
    pub(super) async fn rests(&self) -> bool {
        let state = self.state.lock().await;
        state.live.is_none()
            && state.ending.is_none()
            && state.backoff.is_well(Instant::now())
            && (self.options.origin.as_ref().is_some_and(|it| it.brings()) || self.options.program.exists())
    }

    async fn running(&self) -> Option<Arc<Live>> {
        self.state.lock().await.live()
    }

    /// Whether the app answers; it is started when it does not run.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason.
    pub async fn health(&self) -> Result<()> {
        self.live().await?.host.health(self.options.answers_within).await
    }

    /// The same of the process that runs; none is started.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason.
    pub(super) async fn answers(&self) -> Result<()> {
        let dead = || Error::new(Code::Unavailable, "The app died as soon as it was started.");
        self.running().await.ok_or_else(dead)?.host.health(self.options.answers_within).await
    }

    /// Lets no other call begin, waits for those that run, at most `within`, and ends the process. Answers how many
    /// calls had to be cut off. The next call starts it again.
    pub async fn stop(&self, within: Duration) -> usize {
        let _none = self.starting.lock().await;
        self.end(within).await.map_or(0, |ended| ended.cut_off)
    }

    /// The same, and it is never started again: the server ends, or the workspace is gone.
    pub(super) async fn retire(&self, within: Duration) -> usize {
        self.retired.store(true, Ordering::Relaxed);
        self.stop(within).await
    }

    /// Ends the process that runs, while none can be started. That goes on when nobody waits for it any more.
    async fn end(&self, within: Duration) -> Option<Ended> {
        let me = self.me.upgrade()?;
        tokio::spawn(async move { me.end_live(within).await }).await.ok().flatten()
    }

    async fn end_live(&self, within: Duration) -> Option<Ended> {
        let Some(live) = self.state.lock().await.leave() else {
            // What was ended before may be there still.
            let _ = self.has_ended().await;
            return None;
        };
        let died = live.host.closed_now();
        let ended = live.end(within).await;
        self.was_ended(&live, ended.gone).await;
        self.say(match died {
            Some(why) => fate(&why.to_string(), ended.ending),
            None => LogEntry::new(LogLevel::Info, "The app is stopped.").with("cut_off", ended.cut_off),
        });
        Some(ended)
    }

    /// Ends the process at once, whatever it does.
    pub(super) async fn kill(&self) {
        let _none = self.starting.lock().await;
        let Some(live) = self.state.lock().await.leave() else {
            let _ = self.has_ended().await;
            return;
        };
        let gone = live.kill().await;
        self.was_ended(&live, gone).await;
        self.say(LogEntry::new(LogLevel::Error, "The app is ended: it fills the disk."));
    }

    /// Tells in the app's log what becomes of it.
    fn say(&self, entry: LogEntry) {
        self.options.logs.take(LogSource::Platform, None, entry.bounded());
    }

    /// The process that runs for whoever has the rows, started when none does. Whoever asked for the start may go away
    /// meanwhile.
    async fn live(&self) -> Result<Arc<Live>> {
        let asked = Instant::now();
        loop {
            let keeper = self.keeper();
            let mut state = keeper.state.lock().await;
            state.used = Some(Instant::now());
            if let Some(live) = state.live() {
                return Ok(live);
            }
            drop(state);
            let me = keeper.me.upgrade().ok_or_else(|| Error::of(Code::Unavailable))?;
            let begun = tokio::spawn(async move { me.begin(asked).await }).await.map_err(Error::internal)?;
            if let Some(live) = begun? {
                return Ok(live);
            }
        }
    }

    /// Starts the process, unless it runs, for who has `asked` at that moment; `None` when another host has taken this one's
    /// place, or is about to.
    async fn begin(&self, asked: Instant) -> Result<Option<Arc<Live>>> {
        let _one = self.starting.lock().await;
        if self.heir.get().is_some() {
            return Ok(None);
        }
        if self.retired.load(Ordering::Relaxed) {
            return Err(retired());
        }
        let mut state = self.state.lock().await;
        if let Some(live) = state.live() {
            return Ok(Some(live));
        }
        let dead = state.leave();
        // That another machine is away is no fault of the app.
        if dead.as_ref().is_some_and(|dead| !dead.is_lost()) {
            state.crashed();
        }
        drop(state);
        if let Some(dead) = dead {
            self.has_died(&dead, None).await;
        }
        self.may_start().await?;
        if let Err(stays) = self.has_ended().await {
            // An engine that does not end it is not asked at each call.
            if !was_not_taken(&stays) {
                self.state.lock().await.crashed();
            }
            return Err(self.waits(stays).await);
        }
        // That it cannot be had, nor a place for it, is no fault of the app.
        let brought = tokio::select! {
            brought = self.options.bring() => brought,
            () = self.is_retired() => Err(retired()),
        };
        if let Err(error) = brought {
            return Err(self.waits(error).await);
        }
        match self.is_due(asked).await {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(self.waits(error).await),
        }
        let place = match self.options.driver.place().await {
            Ok(place) => place,
            Err(error) => return Err(self.waits(error).await),
        };
        self.options.quota.may_run(&self.options.data)?;
        let started = self.again(place).await;
        if let Ok(live) = &started {
            match self.is_late().await {
                // The tables may be another's since they were opened.
                Ok(false) if self.heir.get().is_none() => {}
                late => {
                    self.state.lock().await.ending = Some(Arc::clone(live));
                    let gone = live.kill().await;
                    self.was_ended(live, gone).await;
                    return late.map(|_| None);
                }
            }
        }
        let mut state = self.state.lock().await;
        match started {
            Ok(live) => Ok(Some(self.keep(&mut state, live))),
            Err(error) => {
                if !was_not_taken(&error) {
                    state.crashed();
                }
                cannot_start(&self.options, &error);
                Err(error)
            }
        }
    }

    async fn is_retired(&self) {
        while !self.retired.load(Ordering::Relaxed) {
            tokio::time::sleep(ASKED_EVERY).await;
        }
    }

    /// Whether another release was made live, or is about to be, since this one was due.
    async fn is_late(&self) -> Result<bool> {
        let Some(origin) = &self.options.origin else { return Ok(false) };
        if origin.is_due().await? {
            return Ok(false);
        }
        origin.was_started_late().await.map(|()| true)
    }

    /// Waits until it may be started; answers whether it may: not when another one has taken its place meanwhile.
    async fn is_due(&self, asked: Instant) -> Result<bool> {
        let Some(origin) = &self.options.origin else { return Ok(true) };
        while !origin.is_due().await? {
            if self.heir.get().is_some() {
                return Ok(false);
            }
            if self.retired.load(Ordering::Relaxed) {
                return Err(retired());
            }
            if asked.elapsed() > DUE {
                let message = "Another release of this app is being made live; try again.";
                return Err(Error::new(Code::Unavailable, message));
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
        Ok(self.heir.get().is_none())
    }

    /// Says once that there is no place to start the app in.
    async fn waits(&self, error: Error) -> Error {
        if !std::mem::replace(&mut self.state.lock().await.waiting, true) {
            cannot_start(&self.options, &error);
        }
        error
    }

    /// Refuses while the app has died too often lately, and says so once.
    async fn may_start(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        let rest = state.backoff.rest(Instant::now());
        let refuses_already = std::mem::replace(&mut state.refusing, rest.is_some());
        let Some(rest) = rest else { return Ok(()) };
        let seconds = rest.as_secs() + 1;
        if !refuses_already {
            let message = "The app has died several times; callers are refused for a while.";
            self.say(LogEntry::new(LogLevel::Error, message).with("seconds", seconds));
        }
        let message = format!("The app has died several times; it is tried again in {seconds} s.");
        Err(Error::new(Code::Unavailable, message))
    }

    /// Tells of a process that has died, or that does not answer, and ends what is left of it.
    async fn has_died(&self, live: &Arc<Live>, silent: Option<String>) {
        let (workspace, pid) = (&self.options.workspace, live.pid);
        let (why, ending) = match (live.host.closed_now(), silent) {
            (Some(why), _) => {
                let ended = live.ended(Duration::ZERO, TOLD).await;
                self.was_ended(live, ended.gone).await;
                (why.to_string(), ended.ending)
            }
            (None, silent) => {
                let gone = live.kill().await;
                self.was_ended(live, gone).await;
                (silent.unwrap_or_default(), None)
            }
        };
        tracing::warn!(%workspace, pid, "an app has died: {why}");
        self.say(fate(&why, ending));
    }

    /// Starts it again; it has to be what it was.
    async fn again(&self, place: Option<Placed>) -> Result<Arc<Live>> {
        let live = Live::start(&self.env, &self.options, place).await?;
        if live.host.manifest() == self.manifest.get() {
            return Ok(live);
        }
        self.state.lock().await.ending = Some(Arc::clone(&live));
        let gone = live.kill().await;
        self.was_ended(&live, gone).await;
        Err(Error::new(Code::Unavailable, "The app declares something else than when it was released."))
    }

    fn keep(&self, state: &mut MutexGuard<'_, State>, live: Arc<Live>) -> Arc<Live> {
        state.live = Some(Arc::clone(&live));
        state.backoff.started(Instant::now());
        state.waiting = false;
        state.used = Some(Instant::now());
        self.say(LogEntry::new(LogLevel::Info, "The app is started.").with("pid", live.pid));
        let AppOptions { idle, answers_within, .. } = self.options;
        tokio::spawn(watch(Weak::clone(&self.me), Arc::downgrade(&live), idle, answers_within));
        live
    }
}

impl State {
    /// Lets what runs be ended; it is kept in mind until it is gone, whatever becomes of who ends it.
    fn leave(&mut self) -> Option<Arc<Live>> {
        let live = self.live.take()?;
        self.ending = Some(Arc::clone(&live));
        Some(live)
    }

    fn live(&self) -> Option<Arc<Live>> {
        self.live.as_ref().filter(|live| live.host.closed_now().is_none()).cloned()
    }

    fn crashed(&mut self) {
        self.backoff.died(Instant::now());
    }
}

fn retired() -> Error {
    Error::new(Code::Unavailable, "The app is not run any more.")
}

fn cannot_start(options: &AppOptions, error: &Error) {
    let entry =
        LogEntry::new(LogLevel::Error, "The app cannot be started.").with("why", error.message.clone());
    options.logs.take(LogSource::Platform, None, entry.bounded());
}

/// Ends a process that nobody uses, and one that does not answer; tells of one that dies.
async fn watch(host: Weak<ProcessHost>, live: Weak<Live>, idle: Duration, answers_within: Duration) {
    loop {
        let Some(link) = live.upgrade().map(|live| Arc::clone(&live.host)) else { return };
        let died = match timeout(idle.min(answers_within) / 4, link.closed()).await {
            Ok(why) => Some(why.to_string()),
            // Nobody minds how an app is that runs nothing.
            Err(_) if link.is_idle() => None,
            Err(_) => link.health(answers_within).await.err().map(|error| error.message),
        };
        drop(link);
        let (Some(host), Some(live)) = (host.upgrade(), live.upgrade()) else { return };
        if died.is_none() && live.has_to_move() {
            // Calls that come meanwhile wait, and the next start is elsewhere.
            host.stop(MOVE).await;
            return;
        }
        let _none = host.starting.lock().await;
        let mut state = host.state.lock().await;
        if !state.live.as_ref().is_some_and(|known| Arc::ptr_eq(known, &live)) {
            return;
        }
        let unused = state.used.is_none_or(|used| used.elapsed() >= idle) && live.host.is_idle();
        if died.is_none() && !unused {
            continue;
        }
        state.leave();
        if died.is_some() && !live.is_lost() {
            state.crashed();
        }
        drop(state);
        match died {
            Some(why) => host.has_died(&live, Some(why)).await,
            None => {
                let ended = live.end(Duration::ZERO).await;
                host.was_ended(&live, ended.gone).await;
                host.say(LogEntry::new(LogLevel::Info, "The app is stopped: nobody calls it."));
            }
        }
        return;
    }
}

#[async_trait]
impl Host for ProcessHost {
    fn manifest(&self) -> Arc<Manifest> {
        self.manifest.get()
    }

    fn is_sealed(&self) -> bool {
        self.options.driver.is_sealed()
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        self.options.quota.admit(&call, || self.manifest.get())?;
        let live = match (self.heir.get().is_some(), self.running().await) {
            // The door had let it in before.
            (true, Some(live)) => live,
            _ => self.live().await?,
        };
        live.host.call(call).await
    }

    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>> {
        self.live().await?.host.receipt(call).await
    }

    /// Not while the app is stopped: nothing is started for upkeep.
    async fn forget_receipts(&self, before: Timestamp) -> Result<u64> {
        match self.running().await {
            Some(live) => live.host.forget_receipts(before).await,
            None => Ok(0),
        }
    }

    async fn fence(&self, call: CallId) -> Result<Option<Receipt>> {
        self.live().await?.host.fence(call).await
    }

    /// Not known while the app is stopped.
    async fn row_count(&self, path: &str, most: u32) -> Result<Option<u32>> {
        match self.running().await {
            Some(live) => live.host.row_count(path, most).await,
            None => Ok(None),
        }
    }
}
