//! Text that is reviewed: a difference fails. `KAGEOS_BLESS=1 cargo test` writes it anew.

use std::path::Path;

/// Compares `text` with `tests/it/snapshots/{name}`.
#[track_caller]
pub(crate) fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(name);
    if option_env!("KAGEOS_BLESS").is_some() {
        std::fs::write(&path, text).expect("the snapshot is written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{name} differs; now it is\n{text}");
}
