//! Keys and passwords, made once from the randomness that comes in.

use std::{fs, io};

use kageos_core::{Entropy, platform::identity::Secret};

use super::{StateDir, private};

/// Where the system user's password stands in `env/kageos.env`.
const PASSWORD_KEY: &str = "SYSTEM_USER_PASSWORD=";
/// The key that seals secrets, and while it is replaced the one that is to take its place.
const SEAL_KEY: &str = "seal.key";
const NEXT_SEAL_KEY: &str = "seal.key.next";
/// Letters and digits that cannot be mistaken for one another; 32 of them, so a byte's low bits choose evenly.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Length of a made password: 100 bits.
const PASSWORD_LEN: usize = 20;

/// The secrets of a state folder.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "secrets must not reach a log")]
pub struct Secrets {
    /// Signs cursors and sessions: 32 bytes.
    pub server_key: [u8; 32],
    /// Signs the heads of the operation log: the seed of an ed25519 key.
    pub log_key: [u8; 32],
    /// Seals the secrets that lie in the database.
    pub seal_key: [u8; 32],
    /// What the command line on this machine shows to the server.
    pub local_token: Secret,
    /// The password of the user `system`.
    pub system_password: Secret,
}

impl Secrets {
    /// Reads the secrets and makes those that are missing.
    pub(super) fn open(state: &StateDir, entropy: &dyn Entropy) -> io::Result<Self> {
        if state.secret_file(NEXT_SEAL_KEY).exists() {
            let message = "a rotation of secrets/seal.key was cut off; `kagectl secret rotate` ends it";
            return Err(io::Error::other(message));
        }
        Ok(Self {
            server_key: key(state, "server.key", entropy)?,
            log_key: key(state, "log.key", entropy)?,
            seal_key: key(state, SEAL_KEY, entropy)?,
            local_token: Secret::new(kageos_core::hex(&key(state, "local.token", entropy)?)),
            system_password: password(state, entropy)?,
        })
    }

    /// The token of the command line, when the folder has one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn local_token(state: &StateDir) -> io::Result<Secret> {
        fs::read_to_string(state.secret_file("local.token")).map(|text| Secret::new(text.trim()))
    }
}

/// A key that takes the place of another one.
pub(crate) struct Rotation {
    /// The key that has sealed what is there.
    pub(crate) old: [u8; 32],
    /// The one that is to seal it: that of a rotation that was cut off, else a new one.
    pub(crate) new: [u8; 32],
}

impl Rotation {
    /// What a rotation works with; nothing is written yet.
    pub(crate) fn of(state: &StateDir, entropy: &dyn Entropy) -> io::Result<Self> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no key yet");
        let old = known(state, SEAL_KEY)?.ok_or_else(missing)?;
        let new = known(state, NEXT_SEAL_KEY)?.unwrap_or_else(|| {
            let mut bytes = [0; 32];
            entropy.fill(&mut bytes);
            bytes
        });
        Ok(Self { old, new })
    }

    /// Keeps the new key, before anything is sealed with it.
    pub(crate) fn begin(&self, state: &StateDir) -> io::Result<()> {
        let text = format!("{}\n", kageos_core::hex(&self.new));
        private::write(&state.secret_file(NEXT_SEAL_KEY), text.as_bytes())
    }

    /// Lets the new key take the place of the old one, once everything is sealed with it.
    pub(crate) fn end(&self, state: &StateDir) -> io::Result<()> {
        let file = state.secret_file(SEAL_KEY);
        fs::rename(state.secret_file(NEXT_SEAL_KEY), &file)?;
        file.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    }
}

/// The key that is there, made when it is missing.
fn key(state: &StateDir, name: &str, entropy: &dyn Entropy) -> io::Result<[u8; 32]> {
    if let Some(key) = known(state, name)? {
        return Ok(key);
    }
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    private::write(&state.secret_file(name), format!("{}\n", kageos_core::hex(&bytes)).as_bytes())?;
    Ok(bytes)
}

fn known(state: &StateDir, name: &str) -> io::Result<Option<[u8; 32]>> {
    let file = state.secret_file(name);
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a key", file.display()));
    match fs::read_to_string(&file) {
        Ok(text) => unhex(text.trim()).ok_or_else(wrong).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn password(state: &StateDir, entropy: &dyn Entropy) -> io::Result<Secret> {
    let file = state.env_file();
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    if let Some(known) = text.lines().find_map(|line| line.strip_prefix(PASSWORD_KEY)) {
        return Ok(Secret::new(known.trim()));
    }
    let made = new_password(entropy);
    private::write(&file, format!("{text}{PASSWORD_KEY}{made}\n").as_bytes())?;
    Ok(Secret::new(made))
}

/// A new password.
pub(crate) fn new_password(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; PASSWORD_LEN];
    entropy.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}
fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let plain = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    for (at, byte) in bytes.iter_mut().enumerate().filter(|_| plain) {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    plain.then_some(bytes)
}
