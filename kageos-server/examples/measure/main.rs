//! What `scripts/bench.sh` measures without a browser or a second program.
//!
//! - `measure core`: the door without storage, decisions from the cache, the search of the tree; prints JSON.
//! - `measure rows FOLDER ROWS`: a server with a table of 20 columns, filled by imports through the door; prints JSON
//!   when it answers and serves until it is told to end.
#![expect(clippy::print_stdout, reason = "a measuring program prints")]

mod app;
mod core;
mod door;
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
        _ => bail!("usage: measure core | measure rows FOLDER ROWS"),
    }
    Ok(())
}
