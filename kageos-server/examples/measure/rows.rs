//! A server with many rows.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use kageos_core::{ActionName, Clock, Dispatch, ResourcePath, SystemClock};
use kageos_sdk::InProcess;
use kageos_server::{Server, serve};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    app,
    door::{Place, sqlite},
};

/// Lines of one import: what `import of 100,000 CSV rows` is measured with.
const BLOCK: u64 = 100_000;

/// Fills the table up to `rows`, says where it answers and how long the first import took, and serves.
pub(crate) async fn serve(folder: &Path, rows: u64) -> Result<()> {
    let place = Place::open(folder).await?;
    let (platform, path) = (&place.platform, "/bench/app".parse::<ResourcePath>()?);
    let db = sqlite(&folder.join("bench.db")).await?;
    let env = platform.env().clone();
    let host = InProcess::open(&app::app(), path.clone(), db.clone(), env, place.secrets.server_key).await?;
    let dispatch: Arc<dyn Dispatch> = Arc::new(platform.dispatcher().clone());
    host.connect(&dispatch);
    let owner = place.actor.id.context("the user system has an id")?;
    platform.mount(&path, owner, host).await?;
    platform.recover().await?;
    let first_import_ms = fill(&place, rows).await?;
    let server = Server::builder(platform.clone()).build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let password = place.secrets.system_password.expose();
    println!(
        "{}",
        json!({ "address": address, "user": "system", "password": password, "rows": rows, "import_ms": first_import_ms })
    );
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async {
        terminate.recv().await;
    };
    serve::serve(listener, &server, stop, Duration::from_secs(5)).await;
    platform.close().await;
    db.close().await;
    Ok(())
}

/// Imports what is missing; answers the milliseconds of a whole block, when one was imported.
async fn fill(place: &Place, rows: u64) -> Result<Option<u64>> {
    let (table, clock) = ("/bench/app/item.table".parse()?, SystemClock::new());
    let mut first = None;
    let mut there = count(place, &table).await?;
    while there < rows {
        let to = rows.min(there + BLOCK);
        let csv = app::csv(there, to);
        let begun = clock.monotonic();
        place.call(&table, ActionName::IMPORT, json!({ "csv": csv })).await?;
        let took = (clock.monotonic() - begun).as_millis() as u64;
        first = first.or((to - there == BLOCK).then_some(took));
        there = to;
    }
    Ok(first)
}

/// How many rows there are, from the code of the newest.
async fn count(place: &Place, table: &ResourcePath) -> Result<u64> {
    let reply = place.call(table, ActionName::SEARCH, json!({ "limit": 1 })).await?;
    let page: Value = serde_json::from_str(reply.output.get())?;
    let code = page["rows"][0]["values"]["code"].as_str().and_then(|code| code.strip_prefix("C-"));
    Ok(code.map(str::parse::<u64>).transpose()?.map_or(0, |last| last + 1))
}
