//! Which app runs a workspace on this server, and how.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use kageos_core::{
    Code, Error, LogSink, NodeId, ResourcePath, Result, StepSink, Timestamp,
    bus::EventBody,
    platform::{
        Home,
        release::{Live, egress_digest},
        workspace::is_on_server,
    },
};

use super::{
    App, HANDED_ON, Runs, Runtime,
    depot::ReleaseOf,
    driver::Driver,
    lock,
    logs::AppLog,
    options::{AppOptions, Origin},
    own_key,
    process::ProcessHost,
    quota::Quota,
};

impl Runtime {
    /// Mounts a live release, to be started at the first call.
    pub(super) async fn mount(&self, live: Live) -> Result<()> {
        let app = self.idle(live).await?;
        self.rest_on(live.workspace, app);
        self.replace_attached(live.workspace, None);
        Ok(())
    }

    /// Lets an app that does not run yet run the workspace; answers what did before.
    pub(super) fn rest_on(&self, workspace: NodeId, app: App) -> Option<App> {
        // It was found to compile when it was built, and most of those that rest are asked for nothing.
        self.platform().mounts().mount_resting(workspace, Arc::clone(&app.host) as _);
        lock(&self.inner.apps).insert(workspace, app)
    }

    /// A live release, which is started when it is called.
    pub(super) async fn idle(&self, live: Live) -> Result<App> {
        let Live { workspace, release, since } = live;
        let platform = self.platform();
        let tree = platform.tree().snapshot();
        let node = tree.by_id(workspace).ok_or_else(|| Error::of(Code::NotFound))?;
        self.check_home(workspace).await?;
        let manifest = platform.releases().manifest(workspace, release).await?;
        let manifest = manifest.ok_or_else(|| Error::new(Code::NotFound, "The release declares nothing."))?;
        let consent = platform.releases().get(workspace, release).await?.and_then(|release| release.consent);
        if !manifest.egress.is_empty()
            && consent.is_none_or(|it| it.digest != egress_digest(&manifest.egress))
        {
            let message = "Nobody has consented to what the live release reaches.";
            return Err(Error::new(Code::Unavailable, message));
        }
        let manifest = Arc::new(manifest);
        let runs = Runs::Workspace(Arc::clone(&manifest));
        let options = self.app_options(workspace, &node.path, release, runs).await?;
        let host = ProcessHost::idle(platform.env().clone(), options, &manifest)?;
        Ok(App { host, release, since: Some(since) })
    }

    /// Lets an app run the workspace; answers what did before.
    pub(super) fn run_from_now_on(&self, workspace: NodeId, app: App) -> Result<Option<App>> {
        self.platform().mounts().mount(workspace, Arc::clone(&app.host) as _)?;
        self.replace_attached(workspace, None);
        Ok(lock(&self.inner.apps).insert(workspace, app))
    }

    /// Says that another app runs a workspace, or that it runs no more: open screens ask anew what can be done there.
    pub(super) fn announce(&self, workspace: NodeId) {
        let node = self.platform().tree().snapshot().by_id(workspace).cloned();
        if let Some(path) = node.map(|node| node.path.clone()) {
            self.platform().events().publish(EventBody::Tree { path: path.clone() });
            self.platform().events().publish(EventBody::Access { path: Some(path) });
        }
    }

    pub(super) fn app(&self, workspace: NodeId) -> Option<App> {
        lock(&self.inner.apps).get(&workspace).cloned()
    }

    /// Whether the app of a workspace rests, and can be started as far as is seen without doing so.
    pub(crate) async fn rests(&self, workspace: NodeId) -> bool {
        match self.app(workspace) {
            Some(app) => app.host.rests().await,
            None => false,
        }
    }

    /// How a release is run.
    pub(super) async fn app_options(
        &self,
        workspace: NodeId,
        path: &ResourcePath,
        release: u32,
        runs: Runs,
    ) -> Result<AppOptions> {
        let options = &self.inner.options;
        let short = workspace.to_string().split_off(14);
        let trial = matches!(runs, Runs::Trial(_));
        let logs: Arc<dyn LogSink> = Arc::new(AppLog {
            logs: self.inner.logs.clone(),
            platform: self.platform().clone(),
            workspace,
            path: path.clone(),
            release: Some(release),
            trial,
        });
        let (kind, data, database, http, python) = match runs {
            Runs::Trial(folder) => ("t", folder, None, None, None),
            Runs::Workspace(manifest) => {
                let http = Some(options.egress.of(workspace, &manifest, Arc::clone(&logs)));
                let python = Some(self.scripts().of(workspace, Arc::clone(&logs)));
                ("r", self.data_dir(workspace)?, self.database(workspace).await?, http, python)
            }
        };
        let driver = match (&options.nodes, &database) {
            (Some(nodes), Some(_)) => Driver::nodes(nodes.clone(), workspace, release),
            // One that only says what it declares has no rows.
            _ => self.driver()?,
        };
        // The tables of a trial are thrown away.
        let kept = (!trial).then(|| self.release(workspace, release));
        Ok(AppOptions {
            workspace: path.clone(),
            program: self.program(workspace, release),
            origin: kept.clone().map(|it| it as Arc<dyn Origin>),
            arguments: Vec::new(),
            data,
            database,
            link: options.state.run_file(&format!("{short}-{kind}{release}")),
            driver,
            limits: options.limits.clone(),
            quota: Arc::new(Quota::of(options.quotas.data_bytes)),
            ready_within: Duration::from_secs(30),
            answers_within: Duration::from_secs(10),
            idle: options.idle,
            cursor_key: own_key(&options.cursor_key, &workspace.to_string()),
            dispatch: Arc::clone(&self.inner.dispatch),
            files: Arc::new(self.platform().files().clone()),
            http,
            python,
            logs,
            steps: kept.map(|it| it as Arc<dyn StepSink>),
        })
    }

    /// What is known elsewhere of a release that is run here.
    fn release(&self, workspace: NodeId, release: u32) -> Arc<ReleaseOf> {
        let (depot, releases) = (self.inner.depot.clone(), self.platform().releases().clone());
        let program = self.program(workspace, release);
        Arc::new(ReleaseOf { depot, releases, workspace, release, program, checked: AtomicBool::new(false) })
    }

    /// Whether this server runs a workspace: every one does whose rows and releases all servers reach, else the one on
    /// whose disk they lie.
    pub(super) async fn check_home(&self, workspace: NodeId) -> Result<()> {
        let _one = self.inner.finding.lock().await;
        if lock(&self.inner.here).contains(&workspace) {
            return Ok(());
        }
        if !self.is_shared(workspace).await?
            && let Home::Elsewhere(node) = self.platform().settle_home(workspace).await?
        {
            lock(&self.inner.elsewhere).insert(workspace);
            let message = format!("This workspace is kept by the server {node}.");
            return Err(Error::new(Code::Unavailable, message));
        }
        self.platform().releases().settle(Some(workspace)).await?;
        self.bring_rows(workspace)?;
        lock(&self.inner.elsewhere).remove(&workspace);
        lock(&self.inner.here).insert(workspace);
        Ok(())
    }

    /// Whether all servers reach what a workspace is: its rows on a database server, its source and programs in the depot.
    async fn is_shared(&self, workspace: NodeId) -> Result<bool> {
        if self.inner.depot.is_none() || self.inner.options.databases.is_none() {
            return Ok(false);
        }
        // One that has no rows yet gets them there, unless a server was named that may have some in a file.
        let on_server = is_on_server(self.platform().db(), workspace).await?;
        Ok(on_server || !self.platform().tree().has_home(workspace).await?)
    }

    /// Ends the process of the live release; the next call starts it again.
    pub(super) async fn restart(&self, workspace: NodeId) -> Result<()> {
        let _place = self.publishing(workspace)?;
        let missing = || Error::new(Code::Conflict, "No release of this workspace is live here.");
        let app = self.app(workspace).ok_or_else(missing)?;
        let cut_off = app.host.stop(HANDED_ON).await;
        tracing::info!(%workspace, release = app.release, cut_off, "an app is restarted");
        // Other servers see that, and this one has done so.
        self.saw(workspace, self.platform().releases().renew(workspace).await?);
        Ok(())
    }

    /// Notes since when the app of a workspace is live.
    pub(super) fn saw(&self, workspace: NodeId, since: Option<Timestamp>) {
        if let Some(app) = lock(&self.inner.apps).get_mut(&workspace) {
            app.since = since;
        }
    }
}
