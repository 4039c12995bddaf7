//! The state folder.

use std::{fs, os::unix::fs::PermissionsExt};

use kageos_core::entropy::SeededEntropy;
use kageos_server::{
    StateDir,
    state::{LockError, RunLock, Running},
};

fn fresh() -> (tempfile::TempDir, StateDir) {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::at(dir.path().join("dev"));
    (dir, state)
}

#[test]
fn a_folder_is_private_and_kept() {
    let (_dir, state) = fresh();
    assert!(!state.exists());
    let first = state.init(&SeededEntropy::new(1)).unwrap();
    assert!(state.exists());
    assert_eq!(state.exposed().unwrap(), Vec::<std::path::PathBuf>::new());
    let again = state.init(&SeededEntropy::new(2)).unwrap();
    assert_eq!(first.server_key, again.server_key);
    assert_eq!(first.log_key, again.log_key);
    assert_eq!(first.local_token.expose(), again.local_token.expose());
    assert_eq!(first.system_password.expose(), again.system_password.expose());
    assert_ne!(first.server_key, first.log_key);
    let text = fs::read_to_string(state.env_file()).unwrap();
    assert_eq!(text, format!("SYSTEM_USER_PASSWORD={}\n", first.system_password.expose()));
}

#[test]
fn what_others_may_read_is_found() {
    let (_dir, state) = fresh();
    state.init(&SeededEntropy::new(1)).unwrap();
    fs::set_permissions(state.env_file(), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(state.exposed().unwrap(), [state.env_file()]);
}

#[test]
fn a_damaged_key_is_an_error_and_stays() {
    let (_dir, state) = fresh();
    state.init(&SeededEntropy::new(1)).unwrap();
    fs::write(state.secret_file("log.key"), "short").unwrap();
    assert!(state.init(&SeededEntropy::new(1)).err().unwrap().to_string().contains("log.key"));
    assert_eq!(fs::read_to_string(state.secret_file("log.key")).unwrap(), "short");
}

#[test]
fn one_process_holds_the_lock() {
    let (_dir, state) = fresh();
    state.init(&SeededEntropy::new(1)).unwrap();
    assert_eq!(Running::find(&state).unwrap(), None);
    let mut lock = RunLock::acquire(&state).unwrap();
    lock.announce("http://127.0.0.1:1").unwrap();
    let running = Running::find(&state).unwrap().unwrap();
    assert_eq!(running, Running { pid: std::process::id(), address: Some("http://127.0.0.1:1".to_owned()) });
    assert!(matches!(RunLock::acquire(&state), Err(LockError::Held(holder)) if holder == running));
    drop(lock);
    assert_eq!(Running::find(&state).unwrap(), None);
    RunLock::acquire(&state).unwrap();
}

#[test]
fn first_starts_at_the_same_time_have_the_same_secrets() {
    let (_dir, state) = fresh();
    let starts: Vec<_> = (0..16)
        .map(|seed| {
            let state = state.clone();
            std::thread::spawn(move || state.init(&SeededEntropy::new(seed)).unwrap().log_key)
        })
        .collect();
    let keys: std::collections::BTreeSet<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    assert_eq!(keys.len(), 1);
}
