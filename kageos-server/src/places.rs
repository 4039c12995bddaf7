//! Places that nobody can take all of.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// A number of places, of which each holder has at most a part.
#[derive(Debug, Clone)]
pub(crate) struct Places<K: Eq + Hash + Clone> {
    all: usize,
    each: usize,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

/// A place that is held; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash + Clone> {
    places: Places<K>,
    holder: K,
}

impl<K: Eq + Hash + Clone> Places<K> {
    pub(crate) fn new(all: usize, each: usize) -> Self {
        Self { all, each, taken: Arc::default() }
    }

    /// A place for `holder`; `None` when it has its part, or all are taken.
    pub(crate) fn take(&self, holder: K) -> Option<Place<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let room = taken.values().sum::<usize>() < self.all;
        let count = taken.get(&holder).copied().unwrap_or(0);
        if !room || count >= self.each {
            return None;
        }
        taken.insert(holder.clone(), count + 1);
        Some(Place { places: self.clone(), holder })
    }
}

impl<K: Eq + Hash + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.holder) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.holder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places() {
        let places = Places::new(3, 2);
        let mine: Vec<_> = (0..2).filter_map(|_| places.take("me")).collect();
        assert!(mine.len() == 2 && places.take("me").is_none());
        let other = places.take("you");
        assert!(other.is_some() && places.take("they").is_none());
        drop(mine);
        assert!(places.take("they").is_some() && places.take("me").is_some());
    }
}
