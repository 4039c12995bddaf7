//! What a running server knows about the parts that it depends on and that may fail alone: the apps and their databases.

use std::{future::Future, time::Duration};

use kageos_core::{
    CallId, Code, Error, Host, NodeId, Result,
    platform::{
        tree::{Node, NodeKind, Origin},
        workspace::{Found, Orphan},
    },
};

use crate::{shared::Shared, wire::Finding};

/// Longest wait for one part.
const PATIENCE: Duration = Duration::from_secs(5);
/// Orphans that are named; further ones are counted.
const MAX_NAMED: usize = 10;

/// Every layer above the platform's own database.
pub(crate) async fn findings(shared: &Shared) -> Vec<Finding> {
    let mut findings = vec![runtime(shared).await];
    if let Some(runtime) = &shared.0.runtime {
        findings.push(runtime.scripts_finding().await);
    }
    for (id, host) in shared.platform().mounts().all() {
        findings.push(app(shared, id, &*host).await);
    }
    findings.extend(databases(shared).await);
    findings
}

/// Whether every app that the tree knows runs here.
async fn runtime(shared: &Shared) -> Finding {
    let tree = shared.platform().tree().snapshot();
    let mounted: Vec<NodeId> = shared.platform().mounts().all().into_iter().map(|(id, _)| id).collect();
    let declares = |node: &Node| {
        tree.nodes().any(|below| {
            below.origin == Origin::Manifest
                && below.chain.get(1) == Some(&node.id)
                && below.path.kind().is_some()
        })
    };
    let missing = tree
        .nodes()
        .filter(|node| node.kind == NodeKind::Workspace && !mounted.contains(&node.id) && declares(node))
        .map(|node| node.path.to_string())
        .collect::<Vec<_>>();
    if missing.is_empty() {
        return match &shared.0.runtime {
            Some(runtime) => runtime.finding(mounted.len()).await,
            None => Finding::good("runtime", format!("in this process, {} apps", mounted.len())),
        };
    }
    let detail = format!("the app of {} does not run here", missing.join(", "));
    Finding::bad(
        "runtime",
        detail,
        "look into `kagectl logs server`; publish a release, or delete the workspace",
    )
}

/// Whether the database of an app answers: its tables were brought up to date when it was mounted, and of what it
/// says about a call every outcome depends.
async fn app(shared: &Shared, id: NodeId, host: &dyn Host) -> Finding {
    let tree = shared.platform().tree().snapshot();
    let path = tree.by_id(id).map_or_else(|| id.to_string(), |node| node.path.to_string());
    let advice = "look at the workspace's database (file, disk or server) and into `kagectl logs server`";
    if let Some((_, live)) = shared.0.runtime.as_ref().and_then(|runtime| runtime.attached(id)) {
        let state = if live { "runs there" } else { "does not run now" };
        return Finding::good("apps", format!("{path} is attached from a developer's machine and {state}"));
    }
    let held = match &shared.0.runtime {
        Some(runtime) => within(runtime.data_told(id)).await.ok().flatten(),
        None => None,
    };
    if let Some((true, held)) = held {
        let advice = "delete rows or files of it, or raise runtime.max_data_bytes; reading goes on meanwhile";
        return Finding::bad("apps", format!("{path} keeps {held} that it may"), advice);
    }
    let held = held.map(|(_, held)| format!(", keeps {held}")).unwrap_or_default();
    // Nothing is started to see whether it would.
    if let Some(runtime) = &shared.0.runtime
        && runtime.rests(id).await
    {
        let size = size(shared, id).await;
        return Finding::good("apps", format!("{path} is stopped until somebody calls{size}{held}"));
    }
    match within(host.receipt(CallId::new(shared.env()))).await {
        Ok(_) => Finding::good("apps", format!("{path} answers{}{held}", size(shared, id).await)),
        Err(error) => Finding::bad("apps", format!("{path}: {}", error.message), advice),
    }
}

async fn size(shared: &Shared, workspace: NodeId) -> String {
    let Some(runtime) = &shared.0.runtime else { return String::new() };
    match within(runtime.database_size(workspace)).await {
        Ok(None) => String::new(),
        Ok(Some((bytes, engine))) => format!(", {} KB on {engine}", bytes.div_ceil(1024)),
        Err(error) => format!(", size unknown: {}", error.message),
    }
}

/// What a database server holds of ours beside what it should hold.
async fn databases(shared: &Shared) -> Option<Finding> {
    let databases = shared.0.databases.as_ref()?;
    Some(match within(databases.look()).await {
        Ok(found) => on_server(&found),
        Err(error) => {
            Finding::bad("databases", error.message, "look at workspaces.admin_url and that server")
        }
    })
}

/// What was found on a database server.
pub(crate) fn on_server(found: &Found) -> Finding {
    if found.orphans.is_empty() {
        return Finding::good("databases", format!("{} on the server of workspaces", found.databases));
    }
    let named = found.orphans.iter().take(MAX_NAMED).map(words).collect::<Vec<_>>().join("; ");
    let more = found.orphans.len().saturating_sub(MAX_NAMED);
    let detail = if more > 0 { format!("{named}; and {more} more") } else { named };
    let advice = "bring what is missing back from a backup of that server; what has no workspace drop there, unless \
                  another Kageos works on it";
    Finding::bad("databases", detail, advice)
}

fn words(orphan: &Orphan) -> String {
    match orphan {
        Orphan::Database(name) => format!("the database {name} has no workspace"),
        Orphan::Account(name) => format!("the account {name} has no workspace"),
        Orphan::NoDatabase(workspace, name) => {
            format!("the workspace {workspace} has lost its database {name}")
        }
        Orphan::NoAccount(workspace, name) => {
            format!("the workspace {workspace} has lost its account {name}")
        }
        other => format!("{other:?}"),
    }
}

async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| Error::new(Code::DeadlineExceeded, "It does not answer in time.");
    tokio::time::timeout(PATIENCE, work).await.map_err(late)?
}
