//! Why a search gave no answer.

/// The search for the next occurrence failed. None of these says that nothing is left to run: a task with such an
/// error stays as it is and is looked at by people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The cron engine gave up on an expression that it had taken.
    #[error("no next time was found for the cron expression `{expression}`: {reason}")]
    Cron {
        /// The expression.
        expression: String,
        /// What the engine says.
        reason: String,
    },
    /// What was found does not lie after what was asked about; it was not used.
    #[error("the search for what comes after {after} found {found}")]
    NotAfter {
        /// What was asked about.
        after: String,
        /// What was found.
        found: String,
    },
    /// So many occurrences in a row are excluded that the search was ended.
    #[error("{steps} occurrences in a row are excluded")]
    Excluded {
        /// How many: [`MAX_EXCLUDED`](crate::MAX_EXCLUDED).
        steps: usize,
    },
    /// The steps of one call ran out before any trigger had an answer.
    #[error("nothing was found within {} steps", crate::MAX_STEPS)]
    Steps,
}
