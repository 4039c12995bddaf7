//! Apps that developers run on their own machines, in the place of a release.
//!
//! The link of such an app comes to the server first and waits; the action `attach` names it, and lets it take a workspace.
//! Its code runs outside every sandbox and nobody has looked at it, so it answers its developer alone, and what it asks for
//! goes no further than the token that it came with.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, OnceLock, Weak},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use kageos_core::{
    Actor, CallId, Code, Error, Host, HostCall, HostError, HostReply, Http, HttpRequest, HttpResponse,
    LinkId, LogEntry, LogLevel, LogSink, LogSource, Manifest, NodeId, Receipt, Result, Scope, Timestamp,
    UserId,
    link::{Closed, LinkHost, LinkOptions},
    platform::{release::Attached, tree::Node},
};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{HANDED_ON, Runtime, host::reply, lock, logs::AppLog, own_key, releases::check};
use crate::places::{Place, Places};

/// Links that are open at a time, of all and of one account.
const MAX_LINKS: (usize, usize) = (256, 8);
/// How long an app may take to come over its link and open its tables.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a link waits until the action names it; the app may be on its way still.
const WAITS: Duration = Duration::from_secs(45);
/// How often it is asked whether an attached app still answers, and its developer is still let in.
const LOOK: Duration = Duration::from_secs(15);
/// How long it may take to answer before it is attached.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// How long one that is attached may say nothing: a debugger may hold it, or a large answer may be on a slow way.
const SILENT: Duration = Duration::from_secs(300);
/// How long the calls of an app that is detached may take to end.
const DRAIN: Duration = Duration::from_secs(5);

/// Asks whether whoever brought a link is still let in.
pub(crate) type StillIn = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The links of one server.
#[derive(Debug)]
pub(super) struct Links {
    places: Places<UserId>,
    waiting: Mutex<HashMap<LinkId, Waiting>>,
    attached: Mutex<HashMap<NodeId, Arc<AttachedHost>>>,
}

impl Default for Links {
    fn default() -> Self {
        let places = Places::new(MAX_LINKS.0, MAX_LINKS.1);
        Self { places, waiting: Mutex::default(), attached: Mutex::default() }
    }
}

/// An app whose link is there.
struct Waiting {
    workspace: NodeId,
    developer: Actor,
    app: AbortOnDropHandle<Result<(Arc<LinkHost>, Place<UserId>)>>,
    http: Arc<Later>,
    logs: Arc<dyn LogSink>,
    still_in: StillIn,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

/// What an app reaches outside, once its developer has consented to that.
#[derive(Debug, Default)]
struct Later(OnceLock<Arc<dyn Http>>);

#[async_trait]
impl Http for Later {
    async fn send(&self, call: &HostCall, request: HttpRequest) -> Result<HttpResponse> {
        self.0.get().ok_or_else(|| Error::of(Code::EgressDenied))?.send(call, request).await
    }
}

/// The app that a developer has attached, whether it runs now or not.
#[derive(Debug)]
pub(super) struct AttachedHost {
    user: UserId,
    since: Timestamp,
    manifest: Arc<Manifest>,
    /// Until it ends; none since this server has started.
    link: Mutex<Option<Link>>,
}

#[derive(Debug, Clone)]
struct Link {
    id: LinkId,
    app: Arc<LinkHost>,
    /// What narrows the rights of who brought it.
    scope: Option<Scope>,
    _place: Arc<Place<UserId>>,
}

impl AttachedHost {
    fn new((user, since): (UserId, Timestamp), manifest: Arc<Manifest>, link: Option<Link>) -> Arc<Self> {
        Arc::new(Self { user, since, manifest, link: Mutex::new(link) })
    }

    /// Its link, while it is there.
    fn live(&self) -> Option<Link> {
        lock(&self.link).as_ref().filter(|link| link.app.closed_now().is_none()).cloned()
    }

    fn running(&self) -> Result<Link> {
        let missing = "This app is attached from a developer's machine, and does not run there now.";
        self.live().ok_or_else(|| Error::new(Code::Unavailable, missing))
    }

    /// Lets its calls end within a time, and then its link.
    async fn end(&self, within: Duration) -> usize {
        match self.live() {
            Some(link) => link.app.drain(within).await,
            None => 0,
        }
    }
}

#[async_trait]
impl Host for AttachedHost {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest)
    }

    /// Nobody has looked at its code: it acts for its developer alone, and as the token may that brought it.
    fn narrows(&self, actor: &Actor) -> Result<Option<Actor>> {
        if actor.id != Some(self.user) {
            let message = "A developer tries this app; it answers nobody else.";
            return Err(Error::new(Code::Forbidden, message));
        }
        Ok(Some(actor.clone().within(self.running()?.scope.as_ref())))
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        let app = self.running()?.app;
        match app.call(call).await {
            // Its rows are where it was: nobody will be able to ask them.
            Err(HostError::CutOff(error)) if app.closed_now().is_some() => Err(HostError::Ended(error)),
            done => done,
        }
    }

    async fn receipt(&self, call: CallId) -> Result<Option<Receipt>> {
        self.running()?.app.receipt(call).await
    }

    /// One that cannot answer for a call that is given up is let go of, so that nobody waits for it.
    async fn fence(&self, call: CallId) -> Result<Option<Receipt>> {
        let lost = || Error::of(Code::OutcomeUnknown);
        let app = self.live().ok_or_else(lost)?.app;
        match app.fence(call).await {
            Ok(receipt) => Ok(receipt),
            Err(error) => {
                tracing::warn!(%call, %error, "an attached app cannot tell of a call, and is let go of");
                app.drain(Duration::ZERO).await;
                Err(lost().caused_by(error))
            }
        }
    }

    async fn forget_receipts(&self, before: Timestamp) -> Result<u64> {
        match self.live() {
            Some(link) => link.app.forget_receipts(before).await,
            None => Ok(0),
        }
    }
}

impl Runtime {
    /// Takes the link of an app that `developer` wants to attach to a workspace; it waits a while for the action that says
    /// so. The stream comes once the server has agreed.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] when there are as many as there may be.
    pub(crate) fn take_link<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        workspace: &Node,
        developer: Actor,
        still_in: StillIn,
        stream: impl Future<Output = io::Result<S>> + Send + 'static,
    ) -> Result<LinkId> {
        let user = developer.id.ok_or_else(|| Error::of(Code::Forbidden))?;
        let place = self.inner.links.places.take(user).ok_or_else(|| {
            let message =
                "As many apps are attached, or about to be, as may be; end one of yours, or try again.";
            Error::new(Code::TooManyRequests, message)
        })?;
        let env = self.platform().env().clone();
        let (id, http) = (LinkId::new(&env), Arc::new(Later::default()));
        let logs: Arc<dyn LogSink> = Arc::new(AppLog {
            logs: self.inner.logs.clone(),
            platform: self.platform().clone(),
            workspace: workspace.id,
            path: workspace.path.clone(),
            release: None,
            trial: false,
        });
        let options = LinkOptions {
            workspace: workspace.path.clone(),
            // Its rows lie where it runs.
            database: String::new(),
            // Not that of the releases of the workspace.
            cursor_key: own_key(
                &self.inner.options.cursor_key,
                &format!("{} attached by {user}", workspace.id),
            ),
            ready_within: READY_WITHIN,
            dispatch: Arc::clone(&self.inner.dispatch),
            files: Arc::new(self.platform().files().clone()),
            http: Some(Arc::<Later>::clone(&http)),
            python: Some(self.scripts().of(workspace.id, Arc::clone(&logs))),
            logs: Arc::clone(&logs),
            // It is no release, and its tables are its developer's.
            steps: None,
        };
        let app = tokio::spawn(async move {
            let late = || Error::new(Code::Unavailable, "The link did not come.");
            let stream = timeout(READY_WITHIN, stream).await.map_err(|_| late())?;
            let stream = stream.map_err(|error| late().caused_by(error))?;
            Ok((LinkHost::accept(stream, env, options).await?, place))
        });
        let app = AbortOnDropHandle::new(app);
        let waiting = Waiting { workspace: workspace.id, developer, app, http, logs, still_in };
        lock(&self.inner.links.waiting).insert(id, waiting);
        let this = self.clone();
        tokio::spawn(async move {
            sleep(WAITS).await;
            lock(&this.inner.links.waiting).remove(&id);
        });
        Ok(id)
    }

    /// Who has attached an app to a workspace, and whether it runs.
    pub(crate) fn attached(&self, workspace: NodeId) -> Option<(UserId, bool)> {
        let attached = lock(&self.inner.links.attached);
        attached.get(&workspace).map(|host| (host.user, host.live().is_some()))
    }

    /// Mounts what was attached before this server started, or before its workspace was deleted and came back: its calls
    /// are settled, and its screens say what is missing. Answers whether that is all.
    pub(super) async fn mount_attached(&self) -> Result<bool> {
        for workspace in self.platform().releases().all_attached().await? {
            if self.is_elsewhere(workspace) || self.attached(workspace).is_some() || !self.is_free(workspace)
            {
                continue;
            }
            // What is being published or attached is mounted by that.
            let Ok(_place) = self.publishing(workspace) else { return Ok(false) };
            if let Err(error) = self.mount_one_attached(workspace).await {
                tracing::debug!(%workspace, %error, "an attached app is not mounted");
            }
        }
        Ok(true)
    }

    async fn mount_one_attached(&self, workspace: NodeId) -> Result<()> {
        self.check_home(workspace).await?;
        let Some(Attached { user, since, manifest, .. }) =
            self.platform().releases().attached(workspace).await?
        else {
            return Ok(());
        };
        let host = AttachedHost::new((user, since), Arc::new(manifest), None);
        self.platform().mounts().mount(workspace, Arc::clone(&host) as _)?;
        lock(&self.inner.links.attached).insert(workspace, host);
        Ok(())
    }

    /// Lets go of apps in whose place another server has something else.
    pub(super) async fn follow_attached(&self) -> Result<()> {
        let all: Vec<_> = lock(&self.inner.links.attached).keys().copied().collect();
        for workspace in all {
            if self.is_attached(workspace).await? {
                continue;
            }
            // What is being published or attached is there before long.
            let Ok(_place) = self.publishing(workspace) else { continue };
            if !self.is_attached(workspace).await? && self.app(workspace).is_none() {
                self.platform().mounts().unmount(workspace);
                self.replace_attached(workspace, None);
            }
        }
        Ok(())
    }

    /// Whether what is attached here is what the database says.
    async fn is_attached(&self, workspace: NodeId) -> Result<bool> {
        let since = lock(&self.inner.links.attached).get(&workspace).map(|host| host.since);
        Ok(since == self.platform().releases().attached(workspace).await?.map(|attached| attached.since))
    }

    /// Whether a workspace is there and nothing runs it here.
    fn is_free(&self, workspace: NodeId) -> bool {
        let tree = self.platform().tree().snapshot();
        tree.by_id(workspace).is_some_and(|node| !self.platform().mounts().hosts(node))
    }

    /// Lets go of the apps of workspaces that are gone.
    pub(super) fn detach_deleted(&self, is_gone: impl Fn(NodeId) -> bool) {
        let all: Vec<NodeId> = lock(&self.inner.links.attached).keys().copied().collect();
        for workspace in all.into_iter().filter(|workspace| is_gone(*workspace)) {
            self.platform().mounts().unmount(workspace);
            self.replace_attached(workspace, None);
        }
    }

    /// Lets another host, or none, have the place of an attached app, and ends that once its calls have ended.
    pub(super) fn replace_attached(&self, workspace: NodeId, by: Option<Arc<AttachedHost>>) {
        let mut attached = lock(&self.inner.links.attached);
        let before = match by {
            Some(host) => attached.insert(workspace, host),
            None => attached.remove(&workspace),
        };
        drop(attached);
        if let Some(before) = before {
            self.inner.changing.spawn(async move {
                // Calls that the door let in before are on their way to it.
                sleep(HANDED_ON).await;
                before.end(DRAIN).await;
            });
        }
    }

    /// Lets no link wait any more.
    pub(super) fn forget_links(&self) {
        lock(&self.inner.links.waiting).clear();
    }

    /// Ends every link.
    pub(super) async fn close_links(&self) {
        self.forget_links();
        let all: Vec<_> = lock(&self.inner.links.attached).drain().collect();
        let ending = all.iter().map(|(workspace, host)| {
            self.platform().mounts().unmount(*workspace);
            host.end(DRAIN)
        });
        futures_util::future::join_all(ending).await;
    }

    /// Takes the link that a call names.
    fn waiting(&self, call: &HostCall, workspace: NodeId, link: &str) -> Result<(LinkId, Waiting)> {
        let missing = || Error::field("/link", "not_found", "There is no such link to this workspace.");
        let id: LinkId = link.parse().map_err(|_| missing())?;
        let mut waiting = lock(&self.inner.links.waiting);
        let fits = |it: &Waiting| it.workspace == workspace && it.developer.id == call.actor.id;
        let found = if waiting.get(&id).is_some_and(fits) { waiting.remove(&id) } else { None };
        found.map(|found| (id, found)).ok_or_else(missing)
    }
}

/// Lets the app at the other end of a link take the workspace; `consent` is the digest of what it reaches outside.
pub(super) async fn attach(
    runtime: &Runtime,
    call: &HostCall,
    workspace: NodeId,
    (link, consent): (String, Option<String>),
) -> Result<HostReply, HostError> {
    call.check_itself()?;
    let place = runtime.publishing(workspace)?;
    let (id, waiting) = runtime.waiting(call, workspace, &link)?;
    let (runtime, call, tracker) = (runtime.clone(), call.clone(), runtime.inner.changing.clone());
    // Whoever asked may go away; a switch is not left halfway.
    let attaching = tracker.spawn(async move {
        let done = take_over(&runtime, &call, (id, waiting), consent.as_deref()).await;
        drop(place);
        done
    });
    attaching.await.map_err(|error| HostError::Ended(Error::internal(error)))?
}

async fn take_over(
    runtime: &Runtime,
    call: &HostCall,
    (id, waiting): (LinkId, Waiting),
    consent: Option<&str>,
) -> Result<HostReply, HostError> {
    let Waiting { workspace, developer, app, http, logs, still_in } = waiting;
    let (releases, user) = (runtime.platform().releases(), developer.id.unwrap_or(UserId::NIL));
    runtime.may_attach(workspace).await?;
    let (app, place) = app.await.map_err(Error::internal)??;
    let manifest = app.manifest();
    check(&call.path, &manifest)?;
    app.health(ANSWERS_WITHIN).await?;
    let egress_digest = releases.consent_attached(call, workspace, &manifest, consent).await?;
    let _ = http.0.set(runtime.inner.options.egress.of(workspace, &manifest, Arc::clone(&logs)));
    let since = runtime.platform().env().now();
    let attached = Attached { workspace, user, since, manifest: Manifest::clone(&manifest), egress_digest };
    let output =
        json!({ "app": manifest.app, "title": manifest.title, "functions": manifest.functions.len() });
    let done = releases.attach(call, attached.clone(), output).await;
    // When it is not known whether the unit was kept, the row tells.
    let is_attached = match &done {
        Ok(_) => true,
        Err(_) => releases.attached(workspace).await.is_ok_and(|it| it.as_ref() == Some(&attached)),
    };
    if is_attached {
        let name = developer.name;
        let link = Link { id, app: Arc::clone(&app), scope: developer.scope, _place: Arc::new(place) };
        let host = AttachedHost::new((user, since), manifest, Some(link));
        runtime.platform().mounts().mount(workspace, Arc::clone(&host) as _)?;
        runtime.replace_attached(workspace, Some(Arc::clone(&host)));
        let said = LogEntry::new(LogLevel::Info, "The app is attached.").with("by", name);
        logs.take(LogSource::Platform, None, said.bounded());
        runtime.announce(workspace);
        tokio::spawn(watch(runtime.clone(), workspace, (Arc::downgrade(&host), app), (logs, still_in)));
    }
    done
}

impl Runtime {
    /// Whether an app may be attached to a workspace: nothing else runs it.
    pub(crate) async fn may_attach(&self, workspace: NodeId) -> Result<()> {
        let live = self.platform().releases().live(workspace).await?.is_some();
        if live || self.attached(workspace).is_none() && !self.is_free(workspace) {
            let message = "Another app runs this workspace; an app is attached to a workspace of its own.";
            return Err(Error::new(Code::Conflict, message));
        }
        Ok(())
    }
}

/// Ends the link of the app that is attached, or this link if it is that one's; the app stays that of the workspace, and
/// may come back.
pub(super) async fn detach(
    runtime: &Runtime,
    workspace: NodeId,
    link: Option<String>,
) -> Result<HostReply, HostError> {
    let host = lock(&runtime.inner.links.attached).get(&workspace).cloned();
    let meant = |host: &Arc<AttachedHost>| {
        host.live().is_some_and(|live| link.as_ref().is_none_or(|link| live.id.to_string() == *link))
    };
    let missing = || Error::new(Code::Conflict, "No attached app runs this workspace, or another one does.");
    let cut_off = host.filter(meant).ok_or_else(missing)?.end(DRAIN).await;
    Ok(reply(&json!({ "cut_off": cut_off }))?)
}

/// Tells when an attached app goes away, and ends one that is silent or whose developer is let in no more.
async fn watch(
    runtime: Runtime,
    workspace: NodeId,
    (host, app): (Weak<AttachedHost>, Arc<LinkHost>),
    (logs, still_in): (Arc<dyn LogSink>, StillIn),
) {
    let is_silent = async {
        while app.health(SILENT).await.is_ok() {
            sleep(LOOK).await;
        }
        // A link that has ended does not answer either, and knows why.
        if app.closed_now().is_some() {
            std::future::pending::<()>().await;
        }
    };
    let is_out = async {
        // One that cannot be asked for is let in still.
        while timeout(ANSWERS_WITHIN, still_in()).await.unwrap_or(true) {
            sleep(LOOK).await;
        }
    };
    let why = tokio::select! {
        why = app.closed() => Some(why.to_string()).filter(|_| why != Closed::Here),
        () = is_out => Some("its developer may not attach it any more".to_owned()),
        () = is_silent => Some("it does not answer".to_owned()),
    };
    app.drain(Duration::ZERO).await;
    let Some(host) = host.upgrade() else { return };
    *lock(&host.link) = None;
    if !lock(&runtime.inner.links.attached).get(&workspace).is_some_and(|there| Arc::ptr_eq(there, &host)) {
        // Another app has its place, which was told.
        return;
    }
    let entry = LogEntry::new(LogLevel::Info, "The app is detached.");
    let entry = why.into_iter().fold(entry, |entry, why| entry.with("why", why));
    logs.take(LogSource::Platform, None, entry.bounded());
    runtime.announce(workspace);
}
