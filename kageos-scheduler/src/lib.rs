//! Unattended work: what runs, for whom, when, and what became of it.
//!
//! A [`Scheduler`] keeps [tasks](Task) in a database, makes an [execution](Execution) of each of their times, and gives it to
//! an [`Executor`] of yours. As many as you like share one database; each time of a task still has one execution.
//!
//! ```
//! use kageos_core::{Env, sql::{Db, DbOptions}};
//! use kageos_scheduler::{NewTask, Output, Run, Schedule, Scheduler, Trigger};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("kageos-scheduler-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let db = Db::open(&DbOptions::new(format!("sqlite:{}/tasks.db", folder.display()))).await?;
//! let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
//! let greet = move |run: Run| {
//!     let said = said.clone();
//!     async move {
//!         said.send(format!("Good morning, {}!", run.payload::<String>()?))?;
//!         Ok(Output::none())
//!     }
//! };
//! let scheduler = Scheduler::builder(db, Env::system()).executor("greet", greet).start().await?;
//!
//! let weekdays = Schedule::new(vec![Trigger::Cron("0 9 * * MON-FRI".to_owned())]);
//! let task = scheduler.create(NewTask::new("greet", &"Ada")?.schedule(weekdays)).await?;
//! scheduler.run(task.id, None, None).await?; // now too, and the schedule goes on as it was
//! assert_eq!(heard.recv().await.as_deref(), Some("Good morning, Ada!"));
//! scheduler.stop().await;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What holds of executions
//!
//! - What was acknowledged is kept, also when the process is killed: a task that was created, a run that was asked for.
//! - A time of a task has one record, whatever happens: an execution, or an entry that says why there was none.
//! - At most one end of each attempt is accepted, of the worker that it belongs to. An attempt whose worker is gone is made
//!   again by another one, so an executor may be asked twice for the same thing: [`Run::key`] is what makes an effect happen
//!   once.
//! - A worker that cannot reach its database for the time of a lease drops what it runs, so that nothing runs twice at a
//!   time. A process that was stopped and goes on may still run a moment before it notices; its end is not accepted.
//!
//! # Schedules
//!
//! A [`Schedule`] is data that stands in a row or in a request: triggers, a zone, exclusions, rules for the days on
//! which the wall clock jumps. A [`Plan`] is a schedule made ready to be asked what comes next. Neither reads a
//! clock, draws a random number or waits; whoever keeps the time asks with the time.
//!
//! ```
//! use kageos_core::Timestamp;
//! use kageos_scheduler::{Jump, Plan, Schedule};
//!
//! // Each day at half past two; on 29 March 2026 the clocks of Berlin go from two to three.
//! let schedule: Schedule = serde_json::from_str(
//!     r#"{"triggers": [{"cron": "30 2 * * *"}], "zone": "Europe/Berlin"}"#,
//! )?;
//! let saturday: Timestamp = "2026-03-28T12:00:00Z".parse()?;
//! schedule.check(saturday)?;
//!
//! let plan = Plan::new(&schedule)?;
//! let next = plan.next(saturday, None)?.occurrence().ok_or("nothing comes")?;
//! assert_eq!(next.nominal.to_string(), "2026-03-29T01:00:00Z");
//! assert!(matches!(next.jump, Some(Jump::Moved { wall }) if wall.to_string() == "2026-03-29T02:30:00"));
//!
//! let after = plan.next(next.nominal, None)?.occurrence().ok_or("nothing comes")?;
//! assert_eq!(after.nominal.to_string(), "2026-03-30T00:30:00Z");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds of schedules
//!
//! - What comes next lies strictly after what was asked about; a search that finds anything else is an error.
//! - The nominal time of an [`Occurrence`] is its identity. Jitter moves when it is [planned](Plan::planned) and nothing
//!   else.
//! - All work is bounded: of a schedule that [`Schedule::check`] took, each call takes [`MAX_STEPS`] at most.
//! - A search that fails is a [`SearchError`] and never the same as "nothing comes". A trigger whose search fails stops
//!   no other.
//! - Zones come from a database in the program, so all servers know the same one; [`zone_data_version`] names it.

mod check;
mod cron;
mod decide;
mod error;
mod exclude;
mod execution;
mod flow;
mod grammar;
mod jitter;
mod local;
mod occurrence;
mod plan;
mod policy;
mod preview;
mod rules;
mod schedule;
mod scheduler;
mod search;
mod steps;
mod store;
mod task;
mod text;
mod trigger;
mod wall;
mod zone;

pub use check::{MAX_BLACKOUTS, MAX_DATES, MAX_JITTER_S, MAX_TRIGGERS, MAX_WINDOWS};
pub use cron::MAX_CRON_BYTES;
pub use error::SearchError;
pub use exclude::{Blackout, Day, Exclude, Window};
pub use execution::{Attempt, Ended, Execution, Reason, Record, Source, State};
pub use occurrence::{Jump, Next, Occurrence};
pub use plan::Plan;
pub use policy::{
    MAX_ATTEMPTS, MAX_LAST, MAX_OVERLAP, MAX_PRIORITY, MAX_SECONDS, Missed, ON_TIME, Overlap, Policy, Retry,
};
pub use preview::{Entry, MAX_PREVIEW, Preview};
pub use schedule::{OnFold, OnGap, Schedule};
pub use scheduler::{Builder, Executor, MAX_OUTPUT_BYTES, MAX_PAGE, Output, Run, RunError, Scheduler};
pub use search::MAX_EXCLUDED;
pub use steps::MAX_STEPS;
pub use store::MIGRATIONS;
#[cfg(feature = "testing")]
pub use store::{Memory, Weather};
pub use task::{
    MAX_NAME_BYTES, MAX_NOTE, MAX_PAYLOAD_BYTES, MAX_TITLE, NewTask, Task, TaskChange, TaskState,
};
pub use trigger::{At, Delay, Every, Trigger};
pub use zone::{FIRST, LAST, zone_data_version};
