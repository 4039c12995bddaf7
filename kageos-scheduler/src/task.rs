//! Work that is scheduled: what runs, for whom, when, and how it stands.

use std::sync::Arc;

use kageos_core::{Error, FieldError, Result, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::execution::words;
use crate::policy::{MAX_ATTEMPTS, MAX_LAST, MAX_OVERLAP, MAX_PRIORITY, MAX_SECONDS};
use crate::rules::Written;
use crate::{Missed, Overlap, Policy, Schedule};

/// Longest title, in characters.
pub const MAX_TITLE: usize = 200;
/// Longest owner, executor, subject and key, in bytes: what fits an index of every database.
pub const MAX_NAME_BYTES: usize = 64;
/// Largest payload, in bytes of JSON.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;
/// Longest note on a pause, in characters.
pub const MAX_NOTE: usize = 2000;

words! {
    /// How a task stands.
    TaskState {
        /// Its schedule runs.
        Active = "active",
        /// Its schedule stands still; it runs when somebody asks for it.
        Paused = "paused",
        /// Its schedule has no more runs; it runs when somebody asks for it.
        Over = "over",
    }
}

/// A task to be made.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Whose rights it has; what that means is known to who embeds the scheduler.
    pub owner: String,
    /// For people.
    pub title: String,
    /// What it is about, such as a path or an id; tasks can be found by it.
    pub subject: Option<String>,
    /// The name of the [`Executor`](crate::Executor).
    pub executor: String,
    /// What the executor gets, as JSON.
    pub payload: Box<RawValue>,
    /// When it runs; without one only when somebody asks for it.
    pub schedule: Option<Schedule>,
    /// What happens when it cannot.
    pub policy: Policy,
    /// The same owner and key make one task, however often they are sent.
    pub key: Option<String>,
}

/// A task as it stands.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Whose rights it has.
    pub owner: String,
    /// For people.
    pub title: String,
    /// What it is about.
    pub subject: Option<String>,
    /// The name of the executor.
    pub executor: String,
    /// What the executor gets, as JSON.
    pub payload: Arc<RawValue>,
    /// When it runs.
    pub schedule: Option<Schedule>,
    /// What happens when it cannot.
    pub policy: Policy,
    /// How it stands.
    pub state: TaskState,
    /// Why it is paused.
    pub note: Option<String>,
    /// Why its schedule could not be searched; it is tried again.
    pub problem: Option<String>,
    /// Grows with each change by people.
    pub revision: u64,
    /// Occurrences up to this nominal time are decided.
    pub cursor: Timestamp,
    /// The nominal time that comes next.
    pub next: Option<Timestamp>,
    /// When the scheduler looks at it next: the planned time of what comes next.
    pub next_run: Option<Timestamp>,
    /// How often its schedule made it run.
    pub runs: u64,
    /// The version of the zone database that `next` was worked out with.
    pub zone_data: String,
    /// When it was made.
    pub created: Timestamp,
    /// When people changed it last.
    pub changed: Timestamp,
}

/// What a change leaves out stays.
#[derive(Debug, Clone, Default)]
pub struct TaskChange {
    /// For people.
    pub title: Option<String>,
    /// What the executor gets, as JSON.
    pub payload: Option<Box<RawValue>>,
    /// When it runs. From now on: what was due before is not made up for.
    pub schedule: Option<Schedule>,
    /// What happens when it cannot.
    pub policy: Option<Policy>,
}

impl NewTask {
    /// A task of nobody in particular that runs when somebody asks for it.
    ///
    /// # Errors
    /// [`Code::InvalidInput`](kageos_core::Code::InvalidInput) when the payload is no JSON.
    pub fn new(executor: impl Into<String>, payload: &impl Serialize) -> Result<Self> {
        let payload = serde_json::value::to_raw_value(payload)
            .map_err(|error| Error::field("/payload", "json", error.to_string()))?;
        let executor = executor.into();
        Ok(Self {
            owner: "system".to_owned(),
            title: executor.clone(),
            subject: None,
            executor,
            payload,
            schedule: None,
            policy: Policy::default(),
            key: None,
        })
    }

    /// With this schedule.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = Some(schedule);
        self
    }

    /// With this policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Under this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn check(&self, now: Timestamp) -> Result<()> {
        let mut wrong = Vec::new();
        for (pointer, text) in [("/owner", &self.owner), ("/executor", &self.executor)] {
            name(pointer, text, &mut wrong);
        }
        for (pointer, text) in [("/subject", &self.subject), ("/key", &self.key)] {
            text.iter().for_each(|text| name(pointer, text, &mut wrong));
        }
        title(&self.title, &mut wrong);
        payload("/payload", &self.payload, &mut wrong);
        rules(self.schedule.as_ref(), &self.policy, now, &mut wrong);
        if wrong.is_empty() { Ok(()) } else { Err(Error::invalid(wrong)) }
    }

    pub(crate) fn written(&self) -> Written {
        Written { schedule: self.schedule.clone(), policy: self.policy.clone() }
    }
}

impl TaskChange {
    /// Holds what is changed against the rules; `task` has what stays.
    pub(crate) fn check(&self, policy: &Policy, now: Timestamp) -> Result<()> {
        let mut wrong = Vec::new();
        self.title.iter().for_each(|text| title(text, &mut wrong));
        self.payload.iter().for_each(|json| payload("/payload", json, &mut wrong));
        rules(self.schedule.as_ref(), self.policy.as_ref().unwrap_or(policy), now, &mut wrong);
        if wrong.is_empty() { Ok(()) } else { Err(Error::invalid(wrong)) }
    }
}

fn mistake(pointer: &str, code: &'static str, message: String) -> FieldError {
    FieldError { pointer: pointer.to_owned(), code: code.into(), message }
}

pub(crate) fn name(pointer: &str, text: &str, wrong: &mut Vec<FieldError>) {
    if text.is_empty() || text.len() > MAX_NAME_BYTES {
        wrong.push(mistake(pointer, "maxLength", format!("It has 1 to {MAX_NAME_BYTES} bytes.")));
    } else if text.chars().any(char::is_control) {
        wrong.push(mistake(pointer, "pattern", "It has no control characters.".to_owned()));
    }
}

fn title(text: &str, wrong: &mut Vec<FieldError>) {
    if text.trim().is_empty() || text.chars().count() > MAX_TITLE || text.chars().any(char::is_control) {
        let message = format!("It has 1 to {MAX_TITLE} characters, none of them a control character.");
        wrong.push(mistake("/title", "maxLength", message));
    }
}

pub(crate) fn payload(pointer: &str, json: &RawValue, wrong: &mut Vec<FieldError>) {
    if json.get().len() > MAX_PAYLOAD_BYTES {
        wrong.push(mistake(pointer, "maxLength", format!("It has at most {MAX_PAYLOAD_BYTES} bytes.")));
    }
}

fn rules(schedule: Option<&Schedule>, policy: &Policy, now: Timestamp, wrong: &mut Vec<FieldError>) {
    if let Some(Err(error)) = schedule.map(|it| it.check(now)) {
        wrong.extend(error.fields.into_iter().map(|mut field| {
            field.pointer = format!("/schedule{}", field.pointer);
            field
        }));
    }
    policy_numbers(policy, wrong);
    if let Some(message) = contradiction(policy) {
        wrong.push(mistake("/policy/missed", "contradiction", message));
    }
}

fn policy_numbers(policy: &Policy, wrong: &mut Vec<FieldError>) {
    let mut within = |pointer: &str, number: u32, least: u32, most: u32| {
        if !(least..=most).contains(&number) {
            let code = if number < least { "minimum" } else { "maximum" };
            let message = format!("It is from {least} to {most}.");
            wrong.push(mistake(&format!("/policy/{pointer}"), code, message));
        }
    };
    if let Missed::Last(count) = policy.missed {
        within("missed/last", count, 1, MAX_LAST);
    }
    match policy.overlap {
        Overlap::Queue(most) => within("overlap/queue", most, 1, MAX_OVERLAP),
        Overlap::Allow(most) => within("overlap/allow", most, 1, MAX_OVERLAP),
        Overlap::Skip | Overlap::CancelPrevious => {}
    }
    within("retry/max_attempts", policy.retry.max_attempts, 1, MAX_ATTEMPTS);
    within("retry/first_s", policy.retry.first_s, 0, MAX_SECONDS);
    within("retry/cap_s", policy.retry.cap_s, 0, MAX_SECONDS);
    within("timeout_s", policy.timeout_s, 1, MAX_SECONDS);
    within("priority", policy.priority.into(), 0, MAX_PRIORITY.into());
    if let Some(within_s) = policy.start_within_s {
        within("start_within_s", within_s, 1, MAX_SECONDS);
    }
}

/// Why missed runs that are made up for would be lost to the rule for runs that overlap.
fn contradiction(policy: &Policy) -> Option<String> {
    let several = match policy.missed {
        Missed::Skip | Missed::Once => return None,
        Missed::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
        Missed::All => usize::MAX,
    };
    let room = match policy.overlap {
        Overlap::Skip | Overlap::CancelPrevious => 1,
        // All of them wait for room; a number is made at once.
        Overlap::Queue(_) | Overlap::Allow(_) if policy.missed == Missed::All => usize::MAX,
        Overlap::Queue(most) => usize::try_from(most).unwrap_or(usize::MAX) + 1,
        Overlap::Allow(most) => usize::try_from(most).unwrap_or(usize::MAX),
    };
    (several > room).then(|| {
        "Several missed runs would be made up for at once, and the rule for runs that overlap would leave \
         some of them out: allow or queue as many."
            .to_owned()
    })
}
