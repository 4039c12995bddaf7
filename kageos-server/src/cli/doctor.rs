//! `kagectl doctor`: every layer, and what to do about what is wrong.

use hyper::Method;
use kageos_core::{
    Code, Error, Result,
    bus::Bus,
    sql::{Db, DbOptions},
};

use super::{Session, backup::database_files, failure::Context, remote::Remote, runtime, serve};
use crate::{
    backup::PLATFORM,
    files,
    shared::BUS,
    state::Running,
    wire::{Finding, FindingList},
};

/// What to do when events do not go to other servers or come from them.
const BUS_ADVICE: &str = "look at bus.url, and whether NATS answers there with JetStream on";

pub(super) async fn run(session: &Session) -> Result<()> {
    let mut findings = vec![state(session), configuration(session), files(session).await, web(session)];
    findings.extend(server(session).await);
    session.output.result(&findings, || findings.iter().map(line).collect::<Vec<_>>().join("\n"));
    if findings.iter().all(|finding| finding.ok) {
        Ok(())
    } else {
        Err(Error::new(Code::Unavailable, "Something is not well; the list says what to do."))
    }
}

pub(super) fn line(finding: &Finding) -> String {
    let advice = if finding.ok { String::new() } else { format!("\n{:<10} -> {}", "", finding.advice) };
    format!("{:<10} {} {}{advice}", finding.layer, if finding.ok { "ok" } else { "FAILED" }, finding.detail)
}

fn state(session: &Session) -> Finding {
    if !session.state.exists() {
        return Finding::bad("state", "there is no state folder", "run `kagectl init --dev`");
    }
    match session.state.exposed() {
        Ok(exposed) if exposed.is_empty() => {
            Finding::good("state", session.state.root().display().to_string())
        }
        Ok(exposed) => {
            let names = exposed.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
            Finding::bad(
                "state",
                format!("others may read {}", names.join(", ")),
                "take the rights of others: `chmod -R go= <folder>`",
            )
        }
        Err(error) => Finding::bad("state", error.to_string(), "make the folder readable for this user"),
    }
}

fn configuration(session: &Session) -> Finding {
    match session.config() {
        Ok(_) => Finding::good("config", "well-formed"),
        Err(error) => Finding::bad("config", error.message, "mend config.toml or the variables KAGEOS_*"),
    }
}

/// The store of files: an object is written, read and removed.
pub(super) async fn files(session: &Session) -> Finding {
    let Ok(config) = session.config() else {
        return Finding::bad("files", "unknown without a configuration", "mend the configuration first");
    };
    let folder = session.state.objects_dir();
    if config.files.url.is_none() && !folder.exists() {
        return Finding::good("files", "not made yet; `kagectl serve` makes the folder");
    }
    let advice = if config.files.url.is_some() {
        "look at files.url, files.endpoint and the keys, and whether the bucket is there and lets this key write"
    } else {
        "look at the disk, and at the owner of the folder `objects`"
    };
    let opened = match files::open(&config.files, &folder) {
        Ok(opened) => opened.objects,
        Err(error) => return Finding::bad("files", error.message, advice),
    };
    let name = session.env.trace().id();
    match opened.probe(&name).await {
        Ok(()) => Finding::good("files", format!("written, read and removed in {}", opened.place())),
        Err(error) => Finding::bad("files", format!("{}: {}", opened.place(), causes(&error)), advice),
    }
}

/// What happened, with what caused it: the command line shows what a caller over HTTP is not told.
fn causes(error: &Error) -> String {
    let mut text = error.message.clone();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text} {cause}");
        next = cause.source();
    }
    text
}

fn web(session: &Session) -> Finding {
    let Ok(config) = session.config() else {
        return Finding::bad("web", "unknown without a configuration", "mend the configuration first");
    };
    if config.web.dir.join("index.html").exists() {
        return Finding::good("web", config.web.dir.display().to_string());
    }
    let place = config.web.dir.display();
    Finding::good(
        "web",
        format!("none in {place}: the API is served alone; `kagectl bootstrap --dev` builds one"),
    )
}

async fn server(session: &Session) -> Vec<Finding> {
    if !matches!(Running::find(&session.state), Ok(Some(_))) {
        let (database, bus, apps) = (database(session).await, bus(session).await, apps(session).await);
        let runtime = runtime::finding(session).await;
        return [database, bus]
            .into_iter()
            .chain(apps)
            .chain([runtime, Finding::good("server", "not running")])
            .collect();
    }
    match asked(session).await {
        Ok(findings) => findings.into_iter().chain([Finding::good("server", "running")]).collect(),
        Err(error) => vec![Finding::bad(
            "server",
            error.message,
            "look into `kagectl logs server`, then `kagectl down` and `serve`",
        )],
    }
}

/// What the running server says.
pub(super) async fn asked(session: &Session) -> Result<Vec<Finding>> {
    let remote = Remote::find(&session.state)?;
    let readiness = remote.readiness().await?;
    let mut findings: Vec<Finding> = readiness.dependencies.into_iter().map(dependency).collect();
    let more: FindingList = remote.ask(Method::GET, "/api/v1/doctor", None).await?;
    findings.extend(more.items);
    Ok(findings)
}

/// The database, opened here because no server has it open.
async fn database(session: &Session) -> Finding {
    let Ok(config) = session.config() else {
        return Finding::bad("database", "unknown without a configuration", "mend the configuration first");
    };
    if config.database.url.is_none() && !session.state.database_file().exists() {
        return Finding::good("database", "not made yet; `kagectl serve` makes it");
    }
    match opens(&DbOptions::new(serve::database_url(session, &config))).await {
        Ok(_) => Finding::good("database", "opens"),
        Err(error) => {
            Finding::bad("database", error.message, "look at database.url, the disk and the file's owner")
        }
    }
}

/// The databases of workspaces in the state folder, opened here because no server has them open.
async fn apps(session: &Session) -> Vec<Finding> {
    let names = database_files(session).unwrap_or_default();
    let mut findings = Vec::new();
    for name in names.into_iter().filter(|name| name.as_os_str() != PLATFORM) {
        let file = session.state.root().join(&name);
        findings.push(match opens(&DbOptions::new(format!("sqlite:{}", file.display()))).await {
            Ok(bytes) => {
                Finding::good("apps", format!("{} opens, {} KB", name.display(), bytes.div_ceil(1024)))
            }
            Err(error) => {
                let advice = "look at the file's owner and the disk, or restore a backup";
                Finding::bad("apps", format!("{}: {}", name.display(), error.message), advice)
            }
        });
    }
    findings
}

/// The size of a database that can be read.
async fn opens(options: &DbOptions) -> Result<u64> {
    let db = Db::open(options).await.context("it cannot be opened")?;
    let size = db.size().await.context("it cannot be read");
    db.close().await;
    size
}

/// The way to other servers, tried here because no server uses it.
async fn bus(session: &Session) -> Finding {
    let Ok(config) = session.config() else {
        return Finding::bad(BUS, "unknown without a configuration", "mend the configuration first");
    };
    match serve::bus(session, &config).await {
        Ok(None) => Finding::good(BUS, "inside the process"),
        Ok(Some(bus)) => {
            let health = bus.health();
            bus.close().await;
            match health {
                Some(health) if !health.ok => Finding::bad(BUS, health.detail, BUS_ADVICE),
                health => Finding::good(BUS, health.map(|health| health.detail).unwrap_or_default()),
            }
        }
        Err(error) => Finding::bad(BUS, error.message, BUS_ADVICE),
    }
}

fn dependency(dependency: crate::wire::Dependency) -> Finding {
    let advice = if dependency.name == BUS { BUS_ADVICE } else { "look into `kagectl logs server`" };
    if dependency.ok {
        Finding::good(&dependency.name, dependency.detail)
    } else {
        Finding::bad(&dependency.name, dependency.detail, advice)
    }
}
