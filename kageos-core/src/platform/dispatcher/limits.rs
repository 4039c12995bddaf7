//! How much one actor may have running at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Actor, Code, Error, Result, UserId};

/// Calls of one actor that run at the same time.
const MAX_RUNNING: u32 = 128;

/// Counts what runs.
#[derive(Debug, Default, Clone)]
pub(super) struct Limits {
    running: Arc<Mutex<HashMap<UserId, u32>>>,
}

/// A place among the running calls of an actor; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    limits: Limits,
    actor: Option<UserId>,
}

impl Limits {
    /// Takes a place.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] when all are taken.
    pub(super) fn enter(&self, actor: &Actor) -> Result<Place> {
        if let Some(id) = actor.id {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            let count = running.entry(id).or_default();
            if *count >= MAX_RUNNING {
                return Err(Error::of(Code::TooManyRequests));
            }
            *count += 1;
        }
        Ok(Place { limits: self.clone(), actor: actor.id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(id) = self.actor else { return };
        let mut running = self.limits.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                running.remove(&id);
            }
        }
    }
}
