//! How much one question may cost.

/// Steps of all triggers together that one call takes at most: 20 to 50 milliseconds of work, for a step is one or two
/// microseconds. A page of runs takes some hundreds.
pub const MAX_STEPS: usize = 16_384;

/// What a year costs through which a cron engine looks day by day.
const STEPS_A_YEAR: usize = 6;

/// The steps that a call has left.
#[derive(Debug)]
pub(crate) struct Steps(usize);

impl Steps {
    pub(crate) fn all() -> Self {
        Self(MAX_STEPS)
    }

    pub(crate) fn take(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    /// For an engine that went through so many years at once.
    pub(crate) fn take_years(&mut self, years: i16) {
        self.0 = self.0.saturating_sub(usize::from(years.unsigned_abs()) * STEPS_A_YEAR);
    }

    pub(crate) fn are_out(&self) -> bool {
        self.0 == 0
    }
}
