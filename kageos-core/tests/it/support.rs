//! What several tests need.

use std::path::PathBuf;
use std::sync::Arc;

use kageos_core::clock::ManualClock;
use kageos_core::entropy::SeededEntropy;
use kageos_core::platform::oplog::SigningKey;
use kageos_core::{ActionName, Actor, Call, CallId, Env, Source, SourceKind, Timestamp};

/// A fixed start: 2026-01-01T00:00:00Z.
pub(crate) fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Time that stands still and randomness that follows from `seed`.
pub(crate) fn env(seed: u64) -> Env {
    Env { clock: Arc::new(ManualClock::at(start())), entropy: Arc::new(SeededEntropy::new(seed)) }
}

/// The key that signs heads in tests.
pub(crate) fn log_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// A file of its own for signed heads; its folder goes when this is dropped.
#[derive(Debug)]
pub(crate) struct HeadsFile(pub PathBuf);

impl HeadsFile {
    pub(crate) fn new(env: &Env) -> Self {
        let unique = u64::from_le_bytes(env.random()) ^ u64::from(std::process::id());
        let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
        let folder = std::env::temp_dir().join(format!("kageos-heads-{unique:x}-{thread}"));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder.join("heads.jsonl"))
    }
}

impl Drop for HeadsFile {
    fn drop(&mut self) {
        if let Some(folder) = self.0.parent() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A call by the platform itself.
pub(crate) fn call(env: &Env, path: &str, action: &str, input: serde_json::Value) -> Call {
    Call {
        id: CallId::new(env),
        path: path.parse().unwrap(),
        action: ActionName::new(action).unwrap(),
        input,
        actor: Actor::system(),
        source: Source::of(SourceKind::Cli),
        trace: env.trace(),
        deadline: None,
        idempotency_key: None,
        dry_run: false,
    }
}
