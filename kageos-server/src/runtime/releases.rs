//! Building a release, making it live, and looking at it.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use kageos_core::{
    Code, Error, HostCall, HostError, HostReply, Manifest, NodeId, Progress, ResourcePath, Result,
    TableSteps, UserId,
    platform::{
        dispatcher::Mounts,
        release::{Built, Program, Release, State, Switch, egress_digest, function_changes},
        tree::check_declared,
    },
};
use serde_json::{Value, json};

use super::{
    App, Layer, Runs, Runtime,
    build::{BuildFolder, Confined, Diagnostic, Job, MAX_BUILD, Priority, Turn, remove_tree, take_program},
    host::{Found, blocking, reply},
    keeping::NEVER,
    process::ProcessHost,
    said::Said,
};

/// Releases on a page when nothing is said.
const PAGE: u32 = 20;
/// Bytes of messages that the answer of a build tells.
const TOLD_BYTES: usize = 32 * 1024;
/// How long processes may take to end that are killed.
const KILLED: Duration = Duration::from_secs(1);
/// Longest line that is told as progress, in characters.
const MAX_SAID: usize = 500;
/// The last lines of the log of a build that failed before the compiler came to say why.
const TOLD_LINES: usize = 12;

/// What a build left behind.
struct Made {
    program: Option<(Program, Manifest)>,
    error: Option<String>,
    diagnostics: Vec<Diagnostic>,
    log: String,
}

/// Builds the newest commit. Dropping the future ends the build.
pub(super) async fn build(runtime: &Runtime, call: &HostCall, found: Found) -> Result<HostReply, HostError> {
    let missing = || Error::new(Code::Conflict, "This workspace has no source yet.");
    let commit = found.head.clone().ok_or_else(missing)?;
    runtime.sandbox()?;
    let (workspace, platform) = (found.workspace, runtime.platform().clone());
    let releases = platform.releases();
    let turn =
        runtime.inner.building.turn(Priority::of(call.source.kind), workspace, |before| match before {
            1 => say(call, "waiting for the build before"),
            _ => say(call, &format!("waiting for {before} builds before")),
        });
    let turn = Arc::new(turn.await?);
    // What is newest now: more may have been written while it waited.
    let commit = releases.head(workspace).await?.map_or(commit, |head| head.commit);
    found.bring(runtime, &commit).await?;
    let layer = runtime.layer(|line| say(call, line)).await?;
    let number = releases.begin(workspace, &commit, call.actor.id).await?;
    let abandoned = Abandoned { runtime: runtime.clone(), workspace, number, armed: true };
    let started = platform.env().clock.monotonic();
    let making = make(runtime, call, &found, (&commit, number), (&layer, &turn));
    let made = within_room(&BuildFolder::at(runtime.build_dir(workspace)?), making).await?;
    let taken = platform.env().clock.monotonic().saturating_sub(started);
    let said = Said { log: made.log, diagnostics: made.diagnostics.clone() };
    said.keep(runtime, workspace, number).await?;
    let count = |level: &str| made.diagnostics.iter().filter(|it| it.level == level).count();
    let live = match releases.live(workspace).await? {
        Some(live) => releases.manifest(workspace, live).await?,
        None => None,
    };
    let changes = made.program.as_ref().map(|(_, manifest)| function_changes(live.as_ref(), manifest));
    let built = Built {
        program: made.program,
        error: made.error,
        errors: u32::try_from(count("error")).unwrap_or(u32::MAX),
        warnings: u32::try_from(count("warning")).unwrap_or(u32::MAX),
        build_ms: u64::try_from(taken.as_millis()).unwrap_or(u64::MAX),
        changes: changes.unwrap_or_default(),
    };
    let output = built_output(runtime, call, &commit, number, &built, &made.diagnostics).await?;
    let done = releases.built(call, workspace, number, built, output).await?;
    abandoned.disarm();
    runtime.make_room_soon(turn);
    if let Err(error) = tidy(runtime, workspace, number).await {
        tracing::warn!(%workspace, %error, "old programs stay");
    }
    Ok(done)
}

/// A release that is not being built any more when nobody waits for it.
struct Abandoned {
    runtime: Runtime,
    workspace: NodeId,
    number: u32,
    armed: bool,
}

impl Abandoned {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (runtime, workspace, number) = (self.runtime.clone(), self.workspace, self.number);
        tokio::spawn(async move {
            remove_program(&runtime, workspace, number);
            let done = runtime.platform().releases().abandon(workspace, number, "The build was ended.").await;
            if let Err(error) = done {
                tracing::warn!(%workspace, number, %error, "a release that was ended is not settled");
            }
        });
    }
}

/// The program of a release that will not be.
fn remove_program(runtime: &Runtime, workspace: NodeId, number: u32) {
    let program = runtime.program(workspace, number);
    for file in [program.with_extension("making"), program] {
        let _ = fs::remove_file(file);
    }
}

/// What a build makes; nothing when it takes more room than it may, which ends it.
async fn within_room(folder: &BuildFolder, making: impl Future<Output = Result<Made>>) -> Result<Made> {
    tokio::select! {
        made = making => return made,
        () = folder.outgrown(MAX_BUILD) => {}
    }
    // Its processes are being killed; until they are gone they write on.
    tokio::time::sleep(KILLED).await;
    let folder = folder.clone();
    blocking(move || folder.remove()).await?;
    let error = format!("It takes more room than a build may, which is {} GB.", MAX_BUILD >> 30);
    Ok(Made { program: None, error: Some(error), diagnostics: Vec::new(), log: String::new() })
}

/// Compiles a commit and asks the program what it declares.
async fn make(
    runtime: &Runtime,
    call: &HostCall,
    found: &Found,
    (commit, number): (&str, u32),
    (layer, turn): (&Layer, &Arc<Turn>),
) -> Result<Made> {
    let sandbox = runtime.sandbox()?;
    let folder = BuildFolder::at(runtime.build_dir(found.workspace)?);
    say(call, "checking out the source");
    // What is on its way to the disk goes on when nobody waits for it, so it keeps the turn of the build.
    let work = (folder.clone(), found.repository.clone(), commit.to_owned(), layer.clone(), Arc::clone(turn));
    let refused = blocking(move || {
        let (folder, repository, commit, layer, _turn) = work;
        folder.check_out(&repository, &commit, &layer)?;
        let refused = layer.refusals(&folder.app(), &folder.manifests()?)?;
        if refused.is_empty() { folder.seed(&layer).map(|()| refused) } else { Ok(refused) }
    })
    .await?;
    if !refused.is_empty() {
        let (error, log) = (Some("It names crates that apps may not use.".to_owned()), String::new());
        return Ok(Made { program: None, error, diagnostics: refused, log });
    }
    let (app, target) = (folder.app(), folder.target());
    let restrict = &runtime.inner.options.restrict;
    let options = &runtime.inner.options;
    let confined = Some(Confined { groups: options.groups.as_ref(), limits: &options.builds });
    let job = Job { layer, sandbox, restrict, app: &app, is_layer: false, target: &target, confined };
    let outcome = job.run(|line| say(call, line)).await?;
    let failed = |error: &str| Made {
        program: None,
        error: Some(error.to_owned()),
        diagnostics: outcome.diagnostics.clone(),
        log: outcome.log.clone(),
    };
    let program = match outcome.programs.as_slice() {
        _ if !outcome.success => {
            let why = outcome.ended.clone().unwrap_or_else(|| why(&outcome.diagnostics, &outcome.log));
            return Ok(failed(&why));
        }
        [program] => program.clone(),
        [] => return Ok(failed("It has no program; an app has a `main` that calls `kageos_sdk::main`.")),
        _ => return Ok(failed("It has several programs; an app is one.")),
    };
    let to = runtime.program(found.workspace, number);
    let taken = blocking(move || take_program(&target, &program, &to)).await?;
    say(call, "asking the program what it declares");
    match declared(runtime, call, found.workspace, number, &folder).await {
        Ok(manifest) => {
            if let Some(depot) = &runtime.inner.depot {
                let at = runtime.program(found.workspace, number);
                depot.keep_program((found.workspace, number), &taken, &at).await?;
            }
            Ok(Made {
                program: Some((taken, manifest)),
                error: None,
                diagnostics: outcome.diagnostics,
                log: outcome.log,
            })
        }
        Err(error) => {
            remove_program(runtime, found.workspace, number);
            Ok(failed(&error.message))
        }
    }
}

/// Why a build failed: where the compiler tells that itself, only that it did.
fn why(diagnostics: &[Diagnostic], log: &str) -> String {
    let said = "It does not compile.".to_owned();
    if diagnostics.iter().any(|it| it.level == "error") {
        return said;
    }
    let lines: Vec<&str> = log.lines().collect();
    let last = &lines[lines.len().saturating_sub(TOLD_LINES)..];
    format!("{said}\n{}", last.join("\n"))
}

/// What a program declares, asked in a folder that is not the app's.
async fn declared(
    runtime: &Runtime,
    call: &HostCall,
    workspace: NodeId,
    number: u32,
    folder: &BuildFolder,
) -> Result<Manifest> {
    let trial = folder.trial();
    let fresh = trial.clone();
    let state = runtime.inner.options.state.clone();
    blocking(move || {
        remove_tree(&fresh)?;
        state.make_dir(&fresh).map_err(Error::internal)
    })
    .await?;
    let options = runtime.app_options(workspace, &call.path, number, Runs::Trial(trial.clone())).await?;
    let link = options.link.clone();
    let host = ProcessHost::start(runtime.platform().env().clone(), options).await;
    let manifest = match &host {
        Ok(host) => {
            host.stop(Duration::ZERO).await;
            let manifest = Manifest::clone(&kageos_core::Host::manifest(&**host));
            check(&call.path, &manifest).map(|()| manifest)
        }
        Err(error) => Err(error.clone()),
    };
    blocking(move || {
        remove_tree(&trial)?;
        remove_tree(&link)
    })
    .await?;
    manifest
}

/// Whether a workspace can have what a program declares.
pub(super) fn check(workspace: &ResourcePath, manifest: &Manifest) -> Result<()> {
    Mounts::check(workspace, manifest)?;
    match manifest.egress.mistakes().as_slice() {
        [] => Ok(()),
        mistakes => Err(Error::new(Code::InvalidInput, mistakes.join("; "))),
    }
}

/// Makes a release live in place of the one before; `consent` is the digest of what it reaches outside.
pub(super) async fn publish(
    runtime: &Runtime,
    call: &HostCall,
    workspace: NodeId,
    (number, consent): (u32, Option<String>),
) -> Result<HostReply, HostError> {
    let place = runtime.publishing(workspace)?;
    let (runtime, call, tracker) = (runtime.clone(), call.clone(), runtime.inner.changing.clone());
    // Whoever asked may go away; a switch is not left halfway.
    let publishing = tracker.spawn(async move {
        let done = go_live(&runtime, &call, workspace, (number, consent.as_deref())).await;
        drop(place);
        done
    });
    publishing.await.map_err(|error| HostError::Ended(Error::internal(error)))?
}

async fn go_live(
    runtime: &Runtime,
    call: &HostCall,
    workspace: NodeId,
    (number, consent): (u32, Option<&str>),
) -> Result<HostReply, HostError> {
    let releases = runtime.platform().releases();
    let missing = || Error::field("/release", "not_found", "There is no such release.");
    let release = releases.get(workspace, number).await?.ok_or_else(missing)?;
    let manifest = releases.manifest(workspace, number).await?;
    let manifest = manifest.ok_or_else(|| Error::new(Code::Conflict, "This release was never built."))?;
    // Nothing of it is started on the rows when it cannot go live: its workspace may have moved since it was built.
    check_declared(&call.path, &manifest)?;
    if runtime.inner.options.nodes.is_some() {
        runtime.drained(workspace, number).await?;
    }
    let before = releases.live(workspace).await?;
    let consent = releases.consent(call, workspace, (&release, &manifest), consent).await?;
    let manifest = Arc::new(manifest);
    releases.starting(workspace, number).await?;
    // From before the switch on, or an earlier process of it that ends meanwhile would say that it has ended.
    let draining = before.map(|before| runtime.draining(workspace, before));
    let clock = &runtime.platform().env().clock;
    let switched = async {
        say(call, "starting the release");
        let begun = clock.monotonic();
        let host = start(runtime, call, workspace, number, &manifest).await?;
        say(call, "switching");
        let started = clock.monotonic();
        let sandbox = host.sandbox().await;
        // With what it has just done to its tables.
        let tables = releases.get(workspace, number).await?.map(|started| started.tables);
        let switch = Switch { number, before, sandbox: sandbox.clone(), consent: consent.clone() };
        let tables = tables.unwrap_or_default();
        let shown =
            Release { state: State::Live, sandbox: Some(sandbox), error: None, tables, consent, ..release };
        let output = release_json(runtime, &shown).await?;
        let done = releases.go_live(call, workspace, switch, &manifest, output).await;
        // When it is not known whether the switch was made, the pointer tells.
        let is_live = match &done {
            Ok(_) => true,
            Err(_) => releases.live(workspace).await.is_ok_and(|live| live == Some(number)),
        };
        if is_live {
            let since = releases.standing(workspace).await.ok().flatten().map(|(live, _)| live.since);
            runtime.take_over(workspace, App { host, release: number, since }, draining)?;
            let (start_ms, switch_ms) = (millis(begun, started), millis(started, clock.monotonic()));
            tracing::info!(%workspace, release = number, start_ms, switch_ms, "a release is live");
        }
        done
    };
    let switched = switched.await;
    if let Err(error) = &switched {
        has_not_started(runtime, workspace, number, error).await;
    }
    switched
}

fn millis(from: Duration, to: Duration) -> u64 {
    u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX)
}

/// Settles what a release leaves that did not go live.
async fn has_not_started(runtime: &Runtime, workspace: NodeId, number: u32, error: &HostError) {
    let (releases, message) = (runtime.platform().releases(), error.clone().into_error().message);
    if let Err(error) = releases.not_started(workspace, number, &message).await {
        tracing::warn!(%workspace, number, %error, "a release that did not start is not settled");
    }
    // It may have brought the tables up to date; whoever lives on them opens them anew, on other servers too.
    if runtime.app(workspace).is_some_and(|app| app.release != number)
        && let Err(error) = runtime.open_anew(workspace)
    {
        tracing::warn!(%workspace, %error, "an app does not open its tables anew");
    }
    match releases.renew(workspace).await {
        Ok(since) => runtime.saw(workspace, since),
        Err(error) => {
            tracing::warn!(%workspace, %error, "other servers do not open the tables of an app anew");
        }
    }
    // It may be live all the same.
    runtime.inner.followed.store(NEVER, Relaxed);
}

/// Starts a release on the app's own data; it has to be what it was when it was built, and to answer.
async fn start(
    runtime: &Runtime,
    call: &HostCall,
    workspace: NodeId,
    number: u32,
    manifest: &Arc<Manifest>,
) -> Result<Arc<ProcessHost>> {
    let runs = Runs::Workspace(Arc::clone(manifest));
    let options = runtime.app_options(workspace, &call.path, number, runs).await?;
    let host = ProcessHost::start(runtime.platform().env().clone(), options).await?;
    if kageos_core::Host::manifest(&*host) != *manifest {
        let message = "The program declares something else than when it was built.";
        return Err(Error::new(Code::Unavailable, message));
    }
    host.answers().await?;
    Ok(host)
}

/// Removes the programs of old releases, and what the builds of much older ones said.
async fn tidy(runtime: &Runtime, workspace: NodeId, newest: u32) -> Result<()> {
    let releases = runtime.platform().releases();
    let gone = releases.give_up(workspace, runtime.inner.options.keep).await?;
    if let Some(depot) = &runtime.inner.depot {
        for (number, sha256) in gone {
            depot.remove_program((workspace, number), &sha256).await?;
        }
    }
    runtime.remove_programs(workspace).await?;
    Said::forget_old(runtime, workspace, newest).await
}

/// Releases, the newest first.
pub(super) async fn list(
    runtime: &Runtime,
    workspace: NodeId,
    limit: Option<u32>,
    next: Option<&str>,
) -> Result<HostReply, HostError> {
    let strange = |_| Error::field("/next", "cursor", "This is no cursor of this list.");
    let before = next.map(str::parse).transpose().map_err(strange)?;
    let (releases, limit) = (runtime.platform().releases(), limit.unwrap_or(PAGE));
    let mut found = releases.list(workspace, before, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.number.to_string());
    let names = names(runtime, &found).await?;
    let all: Vec<_> = found.iter().map(|release| shown(release, &names)).collect();
    let live = releases.live(workspace).await?;
    Ok(reply(&json!({ "live": live, "releases": all, "next": next }))?)
}

/// A release with what its build said.
pub(super) async fn read(
    runtime: &Runtime,
    call: &HostCall,
    workspace: NodeId,
    number: u32,
) -> Result<HostReply, HostError> {
    let missing = || Error::field("/release", "not_found", "There is no such release.");
    let releases = runtime.platform().releases();
    let release = releases.get(workspace, number).await?.ok_or_else(missing)?;
    let said = Said::of(runtime, workspace, number).await?;
    let mut output = release_json(runtime, &release).await?;
    if let Some(manifest) = releases.manifest(workspace, number).await? {
        output["egress"] = egress(runtime, call, workspace, (&release, &manifest)).await?;
    }
    output["log"] = said.shown_log().into();
    output["diagnostics"] = serde_json::to_value(said.diagnostics).map_err(Error::internal)?;
    Ok(reply(&output)?)
}

/// What a release reaches outside, and whether somebody has to consent to that before it goes live.
async fn egress(
    runtime: &Runtime,
    call: &HostCall,
    workspace: NodeId,
    (release, manifest): (&Release, &Manifest),
) -> Result<Value> {
    let new = match runtime.platform().releases().consent(call, workspace, (release, manifest), None).await {
        Ok(_) => Vec::new(),
        Err(error) if error.code == Code::ConsentRequired => error.fields,
        Err(error) => return Err(error),
    };
    let of = |code: &str| new.iter().filter(|it| it.code == code).map(|it| &it.message).collect::<Vec<_>>();
    Ok(json!({
        "origins": manifest.egress.origins,
        "secrets": manifest.egress.secrets,
        "digest": egress_digest(&manifest.egress),
        "consent_required": !new.is_empty(),
        "new_origins": of("origin"),
        "new_secrets": of("secret"),
    }))
}

async fn built_output(
    runtime: &Runtime,
    call: &HostCall,
    commit: &str,
    number: u32,
    built: &Built,
    diagnostics: &[Diagnostic],
) -> Result<Value> {
    let state = if built.program.is_some() { State::Built } else { State::Failed };
    let release = Release {
        number,
        state,
        commit: commit.to_owned(),
        created_at: runtime.platform().env().now(),
        created_by: call.actor.id,
        was_live: false,
        build_ms: Some(built.build_ms),
        program: built.program.as_ref().map(|(program, _)| program.clone()),
        errors: built.errors,
        warnings: built.warnings,
        error: built.error.clone(),
        sandbox: None,
        changes: built.changes.clone(),
        tables: TableSteps::default(),
        consent: None,
    };
    let mut output = release_json(runtime, &release).await?;
    // The receipt keeps the answer, so it tells of the first; `read_release` has them all.
    let mut bytes = 0;
    let first = diagnostics.iter().take_while(|it| {
        bytes += it.bytes();
        bytes <= TOLD_BYTES
    });
    output["diagnostics"] = serde_json::to_value(first.collect::<Vec<_>>()).map_err(Error::internal)?;
    Ok(output)
}

async fn release_json(runtime: &Runtime, release: &Release) -> Result<Value> {
    let names = names(runtime, std::slice::from_ref(release)).await?;
    Ok(shown(release, &names))
}

pub(super) type Names = HashMap<UserId, (String, String)>;

async fn names(runtime: &Runtime, releases: &[Release]) -> Result<Names> {
    let consented = releases.iter().filter_map(|release| release.consent.as_ref()?.by);
    let mut ids: Vec<_> = releases.iter().filter_map(|release| release.created_by).chain(consented).collect();
    ids.sort_unstable();
    ids.dedup();
    runtime.platform().identity().names(&ids).await
}

pub(super) fn person(id: Option<UserId>, names: &Names) -> Value {
    let by = id.map(|id| {
        let name = names.get(&id).map(|(login, _)| login.clone());
        json!({ "id": id, "name": name.unwrap_or_default() })
    });
    by.unwrap_or_else(|| json!({ "id": "system", "name": "system" }))
}

fn shown(release: &Release, names: &Names) -> Value {
    let consent = release.consent.as_ref();
    json!({
        "release": release.number,
        "state": release.state,
        "commit": release.commit,
        "by": person(release.created_by, names),
        "at": release.created_at,
        "error": release.error,
        "errors": release.errors,
        "warnings": release.warnings,
        "build_ms": release.build_ms,
        "binary": release.program,
        "sandbox": release.sandbox,
        "changes": release.changes,
        "tables": release.tables,
        "consent": consent.map(|it| json!({ "by": person(it.by, names), "at": it.at })),
    })
}

fn say(call: &HostCall, message: &str) {
    let message = message.chars().take(MAX_SAID).collect();
    call.control.report(Progress { done: 0, total: None, message });
}
