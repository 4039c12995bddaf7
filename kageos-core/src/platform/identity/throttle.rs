//! Guessing passwords takes time.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::secret::Digest;

/// Most accounts, networks and pairs of both that are remembered, each: some 8 MB when someone fills them.
const MAX_REMEMBERED: usize = 32_768;
/// How long after the last attempt a series of attempts is forgotten.
const FORGET: Duration = Duration::from_secs(60 * 60);

/// How failed attempts of one account, or from one address, slow down the next.
#[derive(Debug, Clone, Copy)]
struct Backoff {
    /// Attempts without a wait.
    free: u32,
    /// The first wait; it doubles with each attempt.
    first: Duration,
    /// The longest wait, so that nobody is locked out for good.
    longest: Duration,
}

/// Of one account from one network: 17 attempts in the first hour and 6 in each further one.
const PAIR: Backoff = Backoff { free: 5, first: Duration::from_secs(4), longest: Duration::from_secs(600) };
/// Of one account from everywhere: at most 20 attempts in the first hour. Each network counts for its free attempts
/// only, so that it takes more than two of them to keep the owner waiting who comes from yet another one.
const ACCOUNT: Backoff =
    Backoff { free: 2 * PAIR.free + 1, first: Duration::from_secs(60), longest: Duration::from_secs(600) };
/// An office shares one address, so it has more: about 85 attempts in the first hour.
const ADDRESS: Backoff =
    Backoff { free: 20, first: Duration::from_secs(2), longest: Duration::from_secs(60) };

/// Attempts in a row, the current one included until it succeeds.
#[derive(Debug, Clone, Copy)]
struct Series {
    attempts: u32,
    last: Duration,
}

impl Backoff {
    /// How long the next attempt must wait.
    fn wait(self, series: Option<&Series>, now: Duration) -> Duration {
        let Some(series) = series.filter(|it| it.attempts >= self.free) else { return Duration::ZERO };
        let doublings = (series.attempts - self.free).min(16);
        let pause = self.longest.min(self.first * (1 << doublings));
        (series.last + pause).saturating_sub(now)
    }
}

/// Remembers attempts by account, by network and by both, in bounded memory. Asked before a password is hashed.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Tables>);

/// An account, and the network that somebody tries it from.
type Pair = (Digest, Option<IpAddr>);

#[derive(Debug, Default)]
struct Tables {
    /// By the folded login, whether there is such an account or not.
    accounts: HashMap<Digest, Series>,
    networks: HashMap<IpAddr, Series>,
    pairs: HashMap<Pair, Series>,
}

impl Throttle {
    /// Admits an attempt and counts it as a failure until [`Throttle::succeeded`], so that attempts at the
    /// same time count too.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn admit(
        &self,
        account: Digest,
        address: Option<IpAddr>,
        now: Duration,
    ) -> Result<(), Duration> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = address.map(network);
        let pair = (account, network);
        let wait = PAIR
            .wait(tables.pairs.get(&pair), now)
            .max(ACCOUNT.wait(tables.accounts.get(&account), now))
            .max(ADDRESS.wait(network.and_then(|it| tables.networks.get(&it)), now));
        if !wait.is_zero() {
            return Err(wait);
        }
        if count(&mut tables.pairs, pair, now) <= PAIR.free {
            count(&mut tables.accounts, account, now);
        }
        if let Some(network) = network {
            count(&mut tables.networks, network, now);
        }
        Ok(())
    }

    /// Forgets the attempts on an account whose password came, and this one of its network. The other attempts
    /// of the network stay: whoever guesses may have an account too.
    pub(super) fn succeeded(&self, account: Digest, address: Option<IpAddr>) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = address.map(network);
        tables.accounts.remove(&account);
        tables.pairs.remove(&(account, network));
        if let Some(series) = network.and_then(|it| tables.networks.get_mut(&it)) {
            series.attempts = series.attempts.saturating_sub(1);
        }
    }
}

/// What one guesser easily has: an IPv4 address, or the 2^64 addresses of an IPv6 network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// Counts an attempt; answers how many there were in its series.
fn count<K: Hash + Eq>(table: &mut HashMap<K, Series>, key: K, now: Duration) -> u32 {
    if table.len() >= MAX_REMEMBERED && !table.contains_key(&key) {
        shrink(table, now);
    }
    let series = table.entry(key).or_insert(Series { attempts: 0, last: now });
    if now.saturating_sub(series.last) >= FORGET {
        series.attempts = 0;
    }
    *series = Series { attempts: series.attempts.saturating_add(1), last: now };
    series.attempts
}

/// Makes room: what is old goes, then the half with the fewest attempts, so that a flood of new names does not
/// wash out an account that is under attack.
fn shrink<K: Hash + Eq>(table: &mut HashMap<K, Series>, now: Duration) {
    table.retain(|_, series| now.saturating_sub(series.last) < FORGET);
    if table.len() < MAX_REMEMBERED {
        return;
    }
    let mut attempts: Vec<u32> = table.values().map(|series| series.attempts).collect();
    let (_, median, _) = attempts.select_nth_unstable(MAX_REMEMBERED / 2);
    let median = *median;
    let mut surplus = MAX_REMEMBERED / 2;
    table.retain(|_, series| {
        let goes = series.attempts <= median && surplus > 0;
        surplus -= usize::from(goes);
        !goes
    });
}
