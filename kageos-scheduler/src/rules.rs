//! Schedule and policy of a task, made ready; equal ones are shared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kageos_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{Plan, Policy, Schedule};

/// Most rules that are kept ready. A plan with a cron expression holds about 5 KB, and most tasks share theirs.
const KEPT: usize = 10_000;

/// When a task runs, and what happens when it cannot. What stands in its row, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<Schedule>,
    #[serde(default)]
    pub(crate) policy: Policy,
}

/// [`Written`], made ready.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) written: Written,
    /// Nothing when the task only runs when somebody asks for it.
    pub(crate) plan: Option<Plan>,
}

/// Rules by their text.
#[derive(Debug, Default)]
pub(crate) struct RulesCache(Mutex<HashMap<Arc<str>, Arc<Rules>>>);

impl Rules {
    pub(crate) fn new(written: Written) -> Result<Self> {
        let plan = written.schedule.as_ref().map(Plan::new).transpose()?;
        Ok(Self { written, plan })
    }

    /// Those of a task that nothing is known of.
    pub(crate) fn none() -> Self {
        Self { written: Written { schedule: None, policy: Policy::default() }, plan: None }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.written.policy
    }

    pub(crate) fn is_spent(&self, runs: u64) -> bool {
        self.written.schedule.as_ref().is_some_and(|it| it.is_spent(runs))
    }

    /// How many more runs it has.
    pub(crate) fn runs_left(&self, runs: u64) -> usize {
        let most = self.written.schedule.as_ref().and_then(|it| it.max_runs);
        most.map_or(usize::MAX, |most| {
            usize::try_from(u64::from(most).saturating_sub(runs)).unwrap_or(usize::MAX)
        })
    }

    /// Whether the end of a run decides what else of the task may run.
    pub(crate) fn settles(&self) -> bool {
        self.policy().awaits_ends() || self.plan.as_ref().is_some_and(Plan::has_delay)
    }
}

impl RulesCache {
    /// The rules with this text.
    ///
    /// # Errors
    /// When the text is damaged, or of a newer release.
    pub(crate) fn of(&self, text: &Arc<str>) -> Result<Arc<Rules>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = kept.get(text) {
            return Ok(Arc::clone(rules));
        }
        let written: Written = serde_json::from_str(text).map_err(Error::internal)?;
        let rules = Arc::new(Rules::new(written)?);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(Arc::clone(text), Arc::clone(&rules));
        Ok(rules)
    }
}
