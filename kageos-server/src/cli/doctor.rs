//! `kagectl doctor`: every layer, and what to do about what is wrong.

use kageos_core::{
    Code, Error, Result,
    bus::Bus,
    sql::{Db, DbOptions},
};
use serde::Serialize;

use super::{Session, remote::Remote, serve};
use crate::{shared::BUS, state::Running};

/// What to do when events do not go to other servers or come from them.
const BUS_ADVICE: &str = "look at bus.url, and whether NATS answers there with JetStream on";

/// What was found in one layer.
#[derive(Debug, Serialize)]
struct Finding {
    layer: &'static str,
    ok: bool,
    detail: String,
    /// What to do; empty when nothing.
    advice: &'static str,
}

impl Finding {
    fn good(layer: &'static str, detail: impl Into<String>) -> Self {
        Self { layer, ok: true, detail: detail.into(), advice: "" }
    }

    fn bad(layer: &'static str, detail: impl Into<String>, advice: &'static str) -> Self {
        Self { layer, ok: false, detail: detail.into(), advice }
    }
}

pub(super) async fn run(session: &Session) -> Result<()> {
    let mut findings = vec![state(session), configuration(session), web(session)];
    findings.extend(server(session).await);
    session.output.result(&findings, || findings.iter().map(line).collect::<Vec<_>>().join("\n"));
    if findings.iter().all(|finding| finding.ok) {
        Ok(())
    } else {
        Err(Error::new(Code::Unavailable, "Something is not well; the list says what to do."))
    }
}

fn line(finding: &Finding) -> String {
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

fn web(session: &Session) -> Finding {
    let Ok(config) = session.config() else {
        return Finding::bad("web", "unknown without a configuration", "mend the configuration first");
    };
    if config.web.dir.join("index.html").exists() {
        return Finding::good("web", config.web.dir.display().to_string());
    }
    Finding::bad(
        "web",
        format!("{} holds no built web application", config.web.dir.display()),
        "run `kagectl bootstrap --dev` with Node 20 or newer",
    )
}

async fn server(session: &Session) -> Vec<Finding> {
    if !matches!(Running::find(&session.state), Ok(Some(_))) {
        return vec![database(session).await, bus(session).await, Finding::good("server", "not running")];
    }
    let remote = Remote::find(&session.state);
    let readiness = match remote {
        Ok(remote) => remote.readiness().await,
        Err(error) => Err(error),
    };
    match readiness {
        Ok(readiness) => readiness
            .dependencies
            .into_iter()
            .map(dependency)
            .chain([Finding::good("server", "running")])
            .collect(),
        Err(error) => vec![Finding::bad(
            "server",
            error.message,
            "look into `kagectl logs server`, then `kagectl down` and `serve`",
        )],
    }
}

/// The database, opened here because no server has it open.
async fn database(session: &Session) -> Finding {
    let Ok(config) = session.config() else {
        return Finding::bad("database", "unknown without a configuration", "mend the configuration first");
    };
    if config.database.url.is_none() && !session.state.database_file().exists() {
        return Finding::good("database", "not made yet; `kagectl serve` makes it");
    }
    match Db::open(&DbOptions::new(serve::database_url(session, &config))).await {
        Ok(db) => {
            db.close().await;
            Finding::good("database", "opens")
        }
        Err(error) => {
            Finding::bad("database", error.to_string(), "look at database.url, the disk and the file's owner")
        }
    }
}

/// The way to other servers, tried here because no server uses it.
async fn bus(session: &Session) -> Finding {
    let Ok(config) = session.config() else {
        return Finding::bad("bus", "unknown without a configuration", "mend the configuration first");
    };
    match serve::bus(session, &config).await {
        Ok(None) => Finding::good("bus", "inside the process"),
        Ok(Some(bus)) => {
            let health = bus.health();
            bus.close().await;
            let (ok, detail) = health.map_or((true, String::new()), |health| (health.ok, health.detail));
            Finding { layer: "bus", ok, detail, advice: BUS_ADVICE }
        }
        Err(error) => Finding::bad("bus", error.message, BUS_ADVICE),
    }
}

fn dependency(dependency: crate::wire::Dependency) -> Finding {
    if dependency.name == BUS {
        return Finding { layer: "bus", ok: dependency.ok, detail: dependency.detail, advice: BUS_ADVICE };
    }
    let detail = format!("{}: {}", dependency.name, dependency.detail);
    if dependency.ok {
        Finding::good("server", detail)
    } else {
        Finding::bad("server", detail, "look into `kagectl logs server`")
    }
}
