//! What an action does to the world, stated once beside its schema.

use serde::{Deserialize, Serialize};

/// What an action touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<EffectName>", into = "Vec<EffectName>")]
pub struct Effects {
    /// Makes rows.
    pub creates: bool,
    /// Changes rows.
    pub updates: bool,
    /// Removes rows.
    pub deletes: bool,
    /// Touches something outside the world of Kageos.
    pub external: bool,
    /// Reads rows; what only reads has no intent in the operation log.
    pub reads: bool,
}

impl Effects {
    /// Only reads.
    pub const READS: Self =
        Self { reads: true, creates: false, updates: false, deletes: false, external: false };

    /// Whether anything is changed.
    #[must_use]
    pub const fn changes(self) -> bool {
        self.creates || self.updates || self.deletes || self.external
    }
}

/// The effects by name, as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectName {
    /// [`Effects::reads`].
    Reads,
    /// [`Effects::creates`].
    Creates,
    /// [`Effects::updates`].
    Updates,
    /// [`Effects::deletes`].
    Deletes,
    /// [`Effects::external`].
    External,
}

impl From<Vec<EffectName>> for Effects {
    fn from(names: Vec<EffectName>) -> Self {
        let has = |name| names.contains(&name);
        Self {
            reads: has(EffectName::Reads),
            creates: has(EffectName::Creates),
            updates: has(EffectName::Updates),
            deletes: has(EffectName::Deletes),
            external: has(EffectName::External),
        }
    }
}

impl From<Effects> for Vec<EffectName> {
    fn from(effects: Effects) -> Self {
        [
            (effects.reads, EffectName::Reads),
            (effects.creates, EffectName::Creates),
            (effects.updates, EffectName::Updates),
            (effects.deletes, EffectName::Deletes),
            (effects.external, EffectName::External),
        ]
        .into_iter()
        .filter_map(|(has, name)| has.then_some(name))
        .collect()
    }
}

/// Whether a person has to agree before the action runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// It runs at once.
    #[default]
    None,
    /// Somebody else agrees first.
    Required,
}

/// Who an action is offered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// People in the browser.
    People,
    /// AI agents.
    Agents,
    /// Schedules.
    Schedules,
    /// Anyone with a public link.
    Public,
}

/// How much the operation log keeps of a call that only reads; what changes something is always recorded whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audit {
    /// Nothing, when a person asks in the browser and it succeeds; else as [`Audit::Summary`].
    None,
    /// Who asked what of which path, when, and how it ended.
    #[default]
    Summary,
    /// Also the input, redacted.
    Full,
}

/// The effect record of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What it touches.
    pub effects: Effects,
    /// The same call twice leaves the same state as once.
    pub idempotent: bool,
    /// The rows it changed can be set back.
    pub undoable: bool,
    /// It can be tried without leaving a trace.
    pub dry_run: bool,
    /// Whether a person agrees first.
    pub approval: Approval,
    /// Longest run, in milliseconds.
    pub timeout_ms: u64,
    /// Who it is offered to.
    pub audience: Vec<Audience>,
    /// How much is recorded of it when it only reads.
    #[serde(default)]
    pub audit: Audit,
}

/// Longest run of an action that states none, in milliseconds: long enough for a form, short enough to notice.
pub const DEFAULT_TIMEOUT_MS: u64 = 30_000;

impl Effect {
    /// The record of an action that touches `effects` and nothing outside the world of Kageos.
    #[must_use]
    pub fn of(effects: Effects) -> Self {
        Self {
            effects,
            idempotent: !effects.changes(),
            undoable: effects.changes() && !effects.external,
            dry_run: !effects.external,
            approval: Approval::None,
            timeout_ms: DEFAULT_TIMEOUT_MS,
            audience: vec![Audience::People, Audience::Agents, Audience::Schedules],
            audit: Audit::default(),
        }
    }
}
