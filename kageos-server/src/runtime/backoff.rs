//! How long an app is left alone that dies again and again.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Deaths within [`WINDOW`] after which it is left alone for a while.
const DEATHS: usize = 3;
/// How long a death counts, and how long a process has to run to have lived: then nothing is held against the app.
const WINDOW: Duration = Duration::from_secs(60);
/// The first pause; each death after it doubles that.
const FIRST: Duration = Duration::from_secs(10);
/// The longest pause: somebody who has mended what the app needs does not want to wait longer.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// After so long without a death none is held against the app, whether it ran or not.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);

/// When an app died, and until when it is not started for that.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// When it died, the last first.
    deaths: VecDeque<Instant>,
    /// Since when its last process runs.
    started: Option<Instant>,
    /// How long it is left alone after the last death.
    pause: Duration,
}

impl Backoff {
    /// A process of it is there.
    pub(super) fn started(&mut self, now: Instant) {
        self.started = Some(now);
    }

    /// Its process has died, or could not be started.
    pub(super) fn died(&mut self, now: Instant) {
        let lived = self.started.take().is_some_and(|started| now.duration_since(started) >= WINDOW);
        if lived || self.last(now).is_some_and(|since| since >= FORGOTTEN) {
            *self = Self::default();
        }
        self.deaths.push_front(now);
        self.deaths.truncate(DEATHS);
        let of_late = self.deaths.iter().filter(|at| now.duration_since(**at) < WINDOW).count();
        if !self.pause.is_zero() {
            self.pause = (self.pause * 2).min(LONGEST);
        } else if of_late == DEATHS {
            self.pause = FIRST;
        }
    }

    /// How long it is not started yet; `None` when it may be.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        self.last(now).and_then(|since| self.pause.checked_sub(since)).filter(|rest| !rest.is_zero())
    }

    /// Whether it did not die lately.
    pub(super) fn is_well(&self, now: Instant) -> bool {
        self.last(now).is_none_or(|since| since >= WINDOW.max(self.pause))
    }

    /// How long ago it died last.
    fn last(&self, now: Instant) -> Option<Duration> {
        self.deaths.front().map(|at| now.duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Dies as soon as it may be started, and answers the pauses in seconds.
    fn pauses(backoff: &mut Backoff, now: &mut Instant, deaths: usize) -> Vec<u64> {
        let mut all = Vec::new();
        for _ in 0..deaths {
            backoff.started(*now);
            *now += SECOND;
            backoff.died(*now);
            let rest = backoff.rest(*now).unwrap_or_default();
            all.push(rest.as_secs());
            *now += rest;
            assert_eq!(backoff.rest(*now), None);
        }
        all
    }

    #[test]
    fn the_pause_grows_while_it_keeps_dying_and_begins_anew_once_it_has_lived() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        assert!(backoff.is_well(now));
        assert_eq!(pauses(&mut backoff, &mut now, 9), [0, 0, 10, 20, 40, 80, 160, 300, 300]);
        assert!(backoff.is_well(now), "it may be started");
        backoff.started(now);
        now += WINDOW;
        backoff.died(now);
        assert_eq!((backoff.rest(now), backoff.is_well(now)), (None, false));
        assert_eq!(pauses(&mut backoff, &mut now, 3), [0, 10, 20]);
        now += FORGOTTEN;
        assert_eq!(pauses(&mut backoff, &mut now, 3), [0, 0, 10]);
    }

    #[test]
    fn deaths_that_are_far_apart_are_put_up_with() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        for _ in 0..10 {
            // One that cannot even be started.
            backoff.died(now);
            assert_eq!(backoff.rest(now), None);
            now += WINDOW / 2;
        }
        backoff.died(now);
        assert!(backoff.rest(now + FIRST).is_none() && !backoff.is_well(now));
    }
}
