//! What `scripts/bench.sh` measures without a browser or a second program.
//!
//! - `measure core`: the door without storage, decisions from the cache, the search of the tree; prints JSON.
//! - `measure rows FOLDER ROWS`: a server with a table of 20 columns, filled by imports through the door; prints JSON
//!   when it answers and serves until it is told to end.
//! - `measure link call SOCKET CALLERS SECONDS`: calls to the app that comes to the socket, `measure link app SOCKET`;
//!   prints JSON.
#![expect(clippy::print_stdout, reason = "a measuring program prints")]

mod app;
mod core;
mod door;
mod link;
mod nodes;
mod rows;

use std::env;

use anyhow::{Context, Result, bail};

/// As the programs that it stands for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("core") => println!("{}", core::measure().await?),
        Some("rows") => {
            let usage = "usage: measure rows FOLDER ROWS";
            let folder = arguments.next().context(usage)?;
            let rows = arguments.next().context(usage)?.parse().context(usage)?;
            rows::serve(folder.as_ref(), rows).await?;
        }
        Some("link") => {
            let usage = "usage: measure link app SOCKET | measure link call SOCKET CALLERS SECONDS";
            let (end, socket) = arguments.next().zip(arguments.next()).context(usage)?;
            match end.as_str() {
                "app" => return link::app(socket.as_ref()).await,
                // As a runtime starts it.
                "hosted" => {
                    let given = env::vars_os().find(|(name, _)| name == kageos_sdk::serve::LINK);
                    let (_, socket) = given.context(usage)?;
                    return link::app(socket.as_ref()).await;
                }
                _ => {}
            }
            let mut number = || arguments.next().and_then(|text| text.parse().ok()).context(usage);
            let (callers, seconds) = (number()?, number()?);
            println!("{}", link::call(socket.as_ref(), callers, seconds.into()).await?);
        }
        Some("nodes") => {
            let usage = "usage: measure nodes NATS KAGECTL CALLERS SECONDS";
            let (nats, kagectl) = arguments.next().zip(arguments.next()).context(usage)?;
            let mut number = || arguments.next().and_then(|text| text.parse().ok()).context(usage);
            let (callers, seconds) = (number()?, number()?);
            println!("{}", nodes::call(&nats, kagectl.into(), callers, seconds.into()).await?);
        }
        _ => bail!("usage: measure core | measure link … | measure nodes … | measure rows FOLDER ROWS"),
    }
    Ok(())
}
