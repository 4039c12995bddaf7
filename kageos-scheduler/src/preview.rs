//! What comes next, as people want to see it before they trust a schedule.

use kageos_core::Timestamp;

use crate::{
    Plan, Preview, SearchError,
    plan::{Rule, TICK},
    zone::MICROS,
};

pub(crate) fn of(
    plan: &Plan,
    after: Timestamp,
    count: usize,
    last_end: Option<Timestamp>,
) -> Result<Vec<Preview>, SearchError> {
    let mut entries = Vec::new();
    let (mut from, mut last_end) = (after, last_end);
    while entries.len() < count {
        let Some(next) = plan.next(from, last_end)? else { break };
        from = next.nominal;
        entries.push(Preview::Run(next));
        last_end = last_end.filter(|end| !plan.has_rested(*end, from));
    }
    let until = if entries.len() == count { from } else { plan.end.minus(TICK) };
    entries.extend(plan.skipped(after, until, count)?);
    // What is skipped at a moment stands before what runs then.
    entries.sort_by_key(|entry| (entry.moment(), matches!(entry, Preview::Run(_))));
    Ok(entries)
}

impl Plan {
    /// Whether a delay that counts from `end` is over at `moment`.
    fn has_rested(&self, end: Timestamp, moment: Timestamp) -> bool {
        self.rules.iter().any(|rule| matches!(rule, Rule::Delay(rest) if end.plus(*rest) <= moment))
    }

    /// What gaps skip after `after` and up to `until`, within the schedule's start and end: at most `limit`.
    fn skipped(&self, after: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Preview>, SearchError> {
        let second = |moment: Timestamp| moment.as_micros().div_euclid(MICROS);
        let after = second(after.max(self.start.minus(TICK)));
        let mut entries = Vec::new();
        for rule in &self.rules {
            let Rule::Local(local) = rule else { continue };
            for (wall, gap) in local.skipped(&self.zone, after, second(until), limit)? {
                let gap = Timestamp::from_micros(gap * MICROS);
                if self.exclude.until(&self.zone, gap).is_none() {
                    entries.push(Preview::Skipped { wall: wall.datetime(), gap });
                }
            }
        }
        entries.sort_by_key(Preview::moment);
        entries.truncate(limit);
        Ok(entries)
    }
}
