//! A promise of SECURITY.md names tests that exist.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a row says while its test is not named.
const OPEN: &str = "*open*";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every test file of the repository: its path from the root without ending, and its text.
fn test_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for top in ["kageos-core", "kageos-sdk", "kageos-server", "examples", "web/e2e", "web/src"] {
        walk(&root().join(top), &mut files);
    }
    files
}

fn walk(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !["target", "node_modules"].iter().any(|skip| path.ends_with(skip)) {
            walk(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "ts") {
            let name = path.strip_prefix(root()).unwrap().with_extension("");
            files.push((name.to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Rust: `module::function`. TypeScript: `file.spec.ts: title`.
fn exists(name: &str, files: &[(String, String)]) -> bool {
    if let Some((file, title)) = name.split_once(".ts: ") {
        return files.iter().any(|(path, text)| path.ends_with(file) && text.contains(title));
    }
    let Some((modules, function)) = name.rsplit_once("::") else { return false };
    let place = format!("/{}", modules.replace("::", "/"));
    let declared = format!("fn {function}(");
    files.iter().any(|(path, text)| {
        let path = path.strip_suffix("/mod").unwrap_or(path);
        path.ends_with(&place) && text.contains(&declared)
    })
}

/// Number and names of tests of each promise in the table.
fn promises(text: &str) -> Vec<(String, Vec<String>)> {
    let table = text.split("## Promises").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| |") && !line.contains("---"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let tests = cells.last().unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let open = cells.last() == Some(&OPEN);
        (cells[0].to_owned(), if open { vec![OPEN.to_owned()] } else { tests })
    })
    .collect()
}

#[test]
fn each_promise_names_tests_that_exist() {
    let (promises, files) =
        (promises(&fs::read_to_string(root().join("SECURITY.md")).unwrap()), test_files());
    assert!(promises.len() >= 8, "the table was read");
    for (number, tests) in promises {
        assert!(!tests.is_empty(), "promise {number} names no test");
        for test in tests.iter().filter(|test| *test != OPEN) {
            assert!(exists(test, &files), "promise {number} names {test}, which does not exist");
        }
    }
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    let files = [
        ("a/tests/it/log/chain.x".into(), "fn edits()".into()),
        ("web/e2e/csp.spec".into(), "no inline".into()),
    ];
    assert!(!exists("log::chain::edits", &files) && !exists("edits", &files));
    let files = [("a/tests/it/log/chain".into(), "fn edits()".into()), files[1].clone()];
    assert!(exists("log::chain::edits", &files) && exists("csp.spec.ts: no inline", &files));
    assert!(
        !exists("log::chain::edit", &files)
            && !exists("log::edits", &files)
            && !exists("csp.spec.ts: x", &files)
    );
}
