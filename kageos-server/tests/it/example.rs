//! The example workspace under the real program: where its sources are, and what builds it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Names the server on which apps have their rows.
pub(crate) const SERVERS: &str = "KAGEOS_WORKSPACES__ADMIN_URL";

/// The sources of Kageos.
pub(crate) fn sources() -> &'static str {
    static SOURCES: OnceLock<String> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        above.to_str().unwrap().to_owned()
    })
}

/// Where what apps are built on lies: beside what the tests are built to, so that it is made once.
fn layers() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("layers")
}

/// What apps are built on, once it is there.
pub(crate) fn layer() -> PathBuf {
    given();
    let whole = std::fs::read_dir(layers()).unwrap().map(|entry| entry.unwrap().path().join("layer.json"));
    let newest = whole.max_by_key(|about| std::fs::metadata(about).and_then(|it| it.modified()).ok());
    newest.unwrap().parent().unwrap().to_owned()
}

/// The environment of a program that builds apps, once what they are built on is there.
pub(crate) fn given() -> Vec<(String, String)> {
    static PREPARED: OnceLock<Vec<(String, String)>> = OnceLock::new();
    PREPARED.get_or_init(prepare).clone()
}

/// The environment in which the toolchain is found.
#[expect(clippy::disallowed_methods, reason = "tests have no main that could hand in where the toolchain is")]
pub(crate) fn tools() -> Vec<(String, String)> {
    let names = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    names.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}

fn prepare() -> Vec<(String, String)> {
    let mut given = tools();
    given.push(("KAGEOS_RUNTIME__LAYERS".to_owned(), layers().to_str().unwrap().to_owned()));
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kagectl"));
    command.arg("--state").arg(state.path()).args(["runtime", "prepare", "--sources", sources()]);
    let done = command.env_clear().envs(given.clone()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // Some tests run the server as another user.
    assert!(Command::new("chmod").args(["-R", "a+rX"]).arg(layers()).status().unwrap().success());
    given
}
