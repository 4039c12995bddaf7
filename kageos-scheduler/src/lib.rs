//! When work runs: schedules in time, as pure functions.
//!
//! A [`Schedule`] is data that stands in a row or in a request: triggers, a zone, exclusions, rules for the days on
//! which the wall clock jumps. A [`Plan`] is a schedule made ready to be asked what comes next. Nothing here reads a
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
//! # What holds
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
mod error;
mod exclude;
mod grammar;
mod jitter;
mod local;
mod occurrence;
mod plan;
mod preview;
mod schedule;
mod search;
mod steps;
mod text;
mod trigger;
mod wall;
mod zone;

pub use check::{MAX_BLACKOUTS, MAX_DATES, MAX_JITTER_S, MAX_TRIGGERS, MAX_WINDOWS};
pub use cron::MAX_CRON_BYTES;
pub use error::SearchError;
pub use exclude::{Blackout, Day, Exclude, Window};
pub use occurrence::{Jump, Next, Occurrence};
pub use plan::Plan;
pub use preview::{Entry, MAX_PREVIEW, Preview};
pub use schedule::{OnFold, OnGap, Schedule};
pub use search::MAX_EXCLUDED;
pub use steps::MAX_STEPS;
pub use trigger::{At, Delay, Every, Trigger};
pub use zone::{FIRST, LAST, zone_data_version};
