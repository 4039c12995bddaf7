//! The server of Kageos: `kagectl serve` under its own name.

use std::process::ExitCode;

/// Many small, short-lived values on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut args: Vec<_> = std::env::args_os().collect();
    // Apps are started through this program too, which sets their limits and measures them.
    if args.get(1).is_none_or(|first| first != "restrict" && first != "probe") {
        args.insert(1.min(args.len()), "serve".into());
    }
    kageos_server::cli::run(args, std::env::vars().collect())
}
