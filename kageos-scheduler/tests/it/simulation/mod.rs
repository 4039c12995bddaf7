//! Schedulers over one store in virtual time, with crashes, lost answers, cut lines and clocks that jump. A seed is
//! ten minutes; what is left then must come to its end in peace. `SEEDS=from..to` runs others than those of CI.

mod check;
mod journal;
mod world;

use std::time::Duration;

use world::World;

/// The seeds of CI.
const SEEDS: std::ops::Range<u64> = 0..2000;
/// How long the faults go on.
const STORM: Duration = Duration::from_secs(600);

#[expect(clippy::disallowed_methods, reason = "whoever runs more seeds says which")]
fn seeds() -> std::ops::Range<u64> {
    let Ok(range) = std::env::var("SEEDS") else { return SEEDS };
    let (from, to) = range.split_once("..").expect("SEEDS is from..to");
    from.parse().unwrap()..to.parse().unwrap()
}

fn run(seed: u64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed).await;
        world.storm(STORM).await;
        world.peace().await;
        world.check().await;
    });
}

/// Seeds in several threads, each in a runtime of its own.
#[test]
fn nothing_is_lost_or_done_twice_whatever_happens() {
    let (seeds, threads) = (seeds(), std::thread::available_parallelism().map_or(1, usize::from));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let seeds = seeds.clone().skip(thread).step_by(threads);
            scope.spawn(move || {
                for seed in seeds {
                    let run = std::panic::catch_unwind(|| run(seed));
                    assert!(
                        run.is_ok(),
                        "SEEDS={seed}..{} cargo test -p kageos-scheduler simulation",
                        seed + 1
                    );
                }
            });
        }
    });
}

#[test]
fn a_seed_is_the_same_whenever_it_runs() {
    let trace = |seed| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(seed).await;
            world.storm(STORM).await;
            world.journal.trace()
        })
    };
    let first = trace(7);
    assert!(first.len() > 20, "{first:?}");
    assert_eq!(first, trace(7));
    assert_ne!(first, trace(8));
}
