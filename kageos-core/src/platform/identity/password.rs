//! Passwords: which are good enough, and how they are kept.

use std::{
    collections::HashSet,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use super::{Secret, fold};
use crate::{Code, Env, Error};

/// Shortest password, in characters.
pub const MIN_PASSWORD: usize = 12;
/// Longest password, in characters.
pub const MAX_PASSWORD: usize = 128;
/// Shortest login that a password must not contain; a shorter one is in many good passwords by chance.
const MIN_LOGIN_INSIDE: usize = 3;

/// Memory of one hash in KiB, passes and lanes: OWASP's first choice for argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at the same time: each takes 19 MiB and a whole core for some 20 ms.
const AT_ONCE: usize = 2;
/// Hashes that wait or run; one more is refused. The last in line waits for about a second.
const MAX_IN_LINE: usize = 64;

/// Common passwords that are long enough to pass otherwise, folded, one a line.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Refuses a password that is too short, too long, common, or holds the login. There are no other rules, and
/// the password is taken as typed.
///
/// # Errors
/// [`Code::InvalidInput`] at `/password`.
pub fn check_password(password: &Secret, login: &str) -> Result<(), Error> {
    let text = password.expose();
    let folded = fold(text);
    let login = fold(login);
    let length = text.chars().count();
    let (code, message) = if length < MIN_PASSWORD {
        ("minLength", format!("A password has at least {MIN_PASSWORD} characters."))
    } else if length > MAX_PASSWORD {
        ("maxLength", format!("A password has at most {MAX_PASSWORD} characters."))
    } else if COMMON.contains(folded.as_str()) {
        ("common", "This password is among the first that anyone would try.".to_owned())
    } else if login.chars().count() >= MIN_LOGIN_INSIDE && folded.contains(&login) {
        ("login", "A password does not contain the login.".to_owned())
    } else {
        return Ok(());
    };
    Err(Error::field("/password", code, message))
}

/// Hashes passwords on threads that may block, a few at a time.
#[derive(Debug)]
pub(super) struct Passwords {
    slots: Arc<Semaphore>,
    line: Arc<Semaphore>,
    checks: AtomicU64,
    /// Checked when there is no such account, so that the answer takes as long.
    nobody: Arc<str>,
}

impl Passwords {
    pub(super) async fn new(env: &Env) -> Result<Self, Error> {
        let nobody: Arc<str> = Arc::from("");
        let passwords = Self {
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            line: Arc::new(Semaphore::new(MAX_IN_LINE)),
            checks: AtomicU64::new(0),
            nobody,
        };
        let nobody = passwords.hash(env, &super::secret::session_token(env)).await?.into();
        Ok(Self { nobody, ..passwords })
    }

    /// The hash of a password, with its parameters and a new salt, as a PHC string.
    pub(super) async fn hash(&self, env: &Env, password: &Secret) -> Result<String, Error> {
        let (salt, password) = (env.random::<16>(), password.clone());
        self.run(move || {
            let hash: PasswordHash =
                argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password belongs to this hash; without a hash it never does, after the same time.
    pub(super) async fn verify(&self, password: &Secret, hash: Option<&str>) -> Result<bool, Error> {
        self.checks.fetch_add(1, Ordering::Relaxed);
        let known = hash.is_some();
        let hash: Arc<str> = hash.map_or_else(|| Arc::clone(&self.nobody), Arc::from);
        let password = password.clone();
        self.run(move || match argon2()?.verify_password(password.expose().as_bytes(), &*hash) {
            Ok(()) => Ok(known),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }

    /// How many passwords were compared with a hash.
    pub(super) fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, password_hash::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let in_line = Arc::clone(&self.line).try_acquire_owned();
        let in_line = in_line.map_err(|_| Error::of(Code::TooManyRequests))?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(Error::internal)?;
        let work = move || {
            let done = work();
            drop((slot, in_line));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(Error::internal)
    }
}

fn argon2() -> Result<Argon2<'static>, password_hash::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| password_hash::Error::Internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}
