//! What an app did to its tables when it opened them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Result;

/// Steps that are kept of one release: a foreign app tells them.
const MAX_STEPS: usize = 300;
/// Characters of a name that are kept.
const MAX_NAME: usize = 200;

/// What was done to a table so that it is as the app declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStep {
    /// The path of the table inside the workspace.
    pub table: String,
    /// What was done.
    pub step: TableStepKind,
    /// To which field or column; `None` when it was done to the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableStepKind {
    /// The table was made, with the columns of its fields.
    CreateTable,
    /// The column of a field was made.
    AddColumn,
    /// A column that a field's texts are found by was made, and filled from the field.
    AddSearchColumn,
    /// Rows that had no value of a field got its default.
    FillDefault,
    /// The column that a field's texts were found by is gone; the field has its values.
    DropSearchColumn,
    /// An index was made.
    AddIndex,
    /// An index is gone.
    DropIndex,
    /// A field is not declared any more; its values stay.
    KeepField,
    /// A field is declared again, with the values that it had.
    ReuseField,
    /// One that a later version knows.
    #[serde(other)]
    Other,
}

/// Steps in the order in which they were done, each once; see [`TableSteps::bounded`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSteps {
    /// The first of them.
    #[serde(default)]
    pub steps: Vec<TableStep>,
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u32,
}

impl TableSteps {
    /// Whether nothing was done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.more == 0
    }

    /// Adds a step, unless it is there already; one that there is no place for is counted.
    pub fn add(&mut self, step: TableStep) {
        if self.steps.contains(&step) {
            return;
        }
        if self.steps.len() < MAX_STEPS {
            self.steps.push(step);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Adds what was done later.
    pub fn extend(&mut self, later: Self) {
        self.more = self.more.saturating_add(later.more);
        for step in later.steps {
            self.add(step);
        }
    }

    /// As much of it as is kept, whoever told it: 300 steps, names of 200 characters that can be shown.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        // Counted without a look, so that a long list costs nothing.
        let beyond = self.steps.len().saturating_sub(MAX_STEPS);
        self.steps.truncate(MAX_STEPS);
        let more = self.more.saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX));
        let mut kept = Self { steps: Vec::with_capacity(self.steps.len()), more };
        for TableStep { table, step, name } in self.steps {
            kept.add(TableStep { table: shown(&table), step, name: name.as_deref().map(shown) });
        }
        kept
    }
}

/// Who keeps what an app did to its tables.
#[async_trait]
pub trait StepSink: Send + Sync + std::fmt::Debug {
    /// Keeps it. When this returns, whoever looks finds it.
    ///
    /// # Errors
    /// What the database answers.
    async fn take(&self, steps: TableSteps) -> Result<()>;
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(more: &u32) -> bool {
    *more == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(name: &str) -> TableStep {
        let (table, step) = ("a.table".to_owned(), TableStepKind::AddColumn);
        TableStep { table, step, name: Some(name.to_owned()) }
    }

    fn many(count: usize) -> TableSteps {
        TableSteps { steps: (0..count).map(|at| step(&at.to_string())).collect(), more: 0 }
    }

    #[test]
    fn a_long_list_is_cut_and_says_by_how_much() {
        let cut = many(MAX_STEPS + 7).bounded();
        assert_eq!((cut.steps.len(), cut.more), (MAX_STEPS, 7));
        assert_eq!(cut.steps.last(), Some(&step("299")));
        assert_eq!(many(MAX_STEPS).bounded(), many(MAX_STEPS));
        let liar = TableSteps { more: u32::MAX, ..many(MAX_STEPS + 7) };
        assert_eq!(liar.bounded().more, u32::MAX);
    }

    #[test]
    fn a_name_is_cut_and_has_nothing_that_moves_a_cursor() {
        let hostile = TableStep { table: "a\u{1b}[2J".to_owned(), ..step(&"ä".repeat(MAX_NAME + 1)) };
        let kept = TableSteps { steps: vec![hostile], more: 0 }.bounded();
        assert_eq!(kept.steps, [TableStep { table: "a[2J".to_owned(), ..step(&"ä".repeat(MAX_NAME)) }]);
    }

    #[test]
    fn what_is_done_again_stands_once() {
        let mut all = many(2);
        all.extend(many(3));
        assert_eq!(all, many(3));
        let twice = TableSteps { steps: [many(2).steps, many(2).steps].concat(), more: 0 };
        assert_eq!(twice.bounded(), many(2));
        let mut full = many(MAX_STEPS);
        full.extend(TableSteps { steps: vec![step("5"), step("new")], more: 2 });
        assert_eq!((full.steps.len(), full.more), (MAX_STEPS, 3));
    }

    #[test]
    fn a_step_that_only_a_later_version_knows_is_another_one() {
        let told = json!({ "steps": [{ "table": "a.table", "step": "sort_rows", "name": "b", "why": 1 }] });
        let read: TableSteps = serde_json::from_value(told).unwrap();
        assert_eq!(read.steps, [TableStep { step: TableStepKind::Other, ..step("b") }]);
        assert!(!read.is_empty() && TableSteps::default().is_empty());
        assert_eq!(serde_json::to_value(many(1)).unwrap()["steps"][0]["step"], "add_column");
    }
}
