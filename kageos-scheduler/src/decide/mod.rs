//! What becomes of tasks and executions: what the rows say goes in, what becomes of them comes out. No clock, no database.

mod due;
mod end;
mod fire;

pub(crate) use end::{End, Ending, Outcome, end, ended, lost, released};
pub(crate) use fire::{Ahead, Firing, Open, ahead, failed, fire, passed_over};
