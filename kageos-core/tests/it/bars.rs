//! What a reviewer can count: length of files, SQL where it belongs, no way around the lints.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Longest file without its tests, in lines.
const MAX_LINES: usize = 800;

/// How a statement starts; upper case, as all our SQL is written.
const STATEMENTS: [&str; 13] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE UNIQUE ",
    "CREATE DATABASE ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
    "SAVEPOINT ",
];

/// Folders and files that may hold SQL: store modules, the seam, migrations.
const SQL_PLACES: [&str; 4] = ["store", "sql", "migrations", "migrate"];

/// Folders with no source of ours that ships: built, fetched, tests, measurements.
const SKIPPED: [&str; 7] = ["target", "node_modules", "dist", "tests", "generated", "examples", "benches"];

struct Source {
    /// From the root of the repository.
    name: String,
    /// Without the inline tests at its end.
    lines: Vec<String>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for top in [
        "kageos-core",
        "kageos-scheduler",
        "kageos-sdk",
        "kageos-server",
        "examples",
        "web/src",
        "web/scripts",
        "web/e2e",
    ] {
        walk(&root.join(top), &mut files);
    }
    let read = |file: PathBuf| Source {
        name: file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
        lines: without_tests(&fs::read_to_string(&file).unwrap()),
    };
    files.into_iter().map(read).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let ours = !SKIPPED.iter().any(|skip| name == *skip);
        let source =
            path.extension().is_some_and(|ending| ["rs", "ts", "vue", "mjs"].iter().any(|e| ending == *e));
        if path.is_dir() && ours {
            walk(&path, files);
        } else if source
            && !name.to_string_lossy().contains(".test.")
            && !name.to_string_lossy().ends_with(".d.ts")
        {
            files.push(path);
        }
    }
}

fn without_tests(text: &str) -> Vec<String> {
    text.lines().take_while(|line| *line != "#[cfg(test)]").map(str::to_owned).collect()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn holds_sql(line: &str) -> bool {
    !is_comment(line) && STATEMENTS.iter().any(|statement| starts_in_literal(line, statement))
}

/// The statement stands at the start of a line or of a literal, and a name or a list follows.
fn starts_in_literal(line: &str, statement: &str) -> bool {
    let starts = |text: &str| text.strip_prefix(statement).is_some_and(|rest| !rest.starts_with(['=', '(']));
    starts(line.trim_start()) || line.match_indices(['"', '`']).any(|(at, _)| starts(&line[at + 1..]))
}

fn may_hold_sql(name: &str) -> bool {
    name.ends_with(".rs")
        && name.split('/').any(|part| {
            let part = part.trim_end_matches(".rs");
            SQL_PLACES.contains(&part) || part.ends_with("_store")
        })
}

/// Ways around the lints: what stands in code as `unsafe` or `#[allow`.
fn goes_around(line: &str) -> bool {
    let around = |mark: &str| line.contains(mark);
    !is_comment(line)
        && (around("unsafe {")
            || around("unsafe fn")
            || around("unsafe impl")
            || around("#[allow(")
            || around("#![allow("))
}

fn findings(of: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    let sources = sources();
    assert!(sources.len() > 20, "the sources were read");
    sources.iter().flat_map(of).collect()
}

fn lines_where(source: &Source, wrong: fn(&str) -> bool) -> Vec<String> {
    let numbered = source.lines.iter().enumerate().filter(|(_, line)| wrong(line));
    numbered.map(|(at, line)| format!("{}:{}: {}", source.name, at + 1, line.trim())).collect()
}

#[test]
fn no_file_is_too_long() {
    let long = findings(|source| {
        let lines = source.lines.len();
        (lines > MAX_LINES).then(|| format!("{} has {lines} lines", source.name)).into_iter().collect()
    });
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn sql_stands_in_stores_only() {
    let wrong =
        findings(
            |source| {
                if may_hold_sql(&source.name) { Vec::new() } else { lines_where(source, holds_sql) }
            },
        );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_goes_around_the_lints() {
    let is_rust = |source: &Source| source.name.ends_with(".rs");
    let wrong =
        findings(|source| if is_rust(source) { lines_where(source, goes_around) } else { Vec::new() });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_member_takes_the_table_of_lints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = workspace.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members: Vec<String> = serde_json::from_str(members).unwrap();
    for member in members {
        let manifest = fs::read_to_string(root.join(&member).join("Cargo.toml")).unwrap();
        // An app stands alone, for its source goes to a server.
        let own = member == "examples/crm" && manifest.contains("unsafe_code = \"forbid\"");
        assert!(own || manifest.contains("[lints]\nworkspace = true"), "{member}");
    }
    assert!(
        workspace.contains("unsafe_code = \"forbid\"") && workspace.contains("allow_attributes = \"deny\"")
    );
}

#[test]
fn the_marks_are_found() {
    assert!(holds_sql("    let text = \"SELECT id FROM node\";") && holds_sql("  UPDATE node SET"));
    assert!(holds_sql("format!(\"DELETE FROM {table}\")") && holds_sql("sql(`PRAGMA user_version`)"));
    assert!(
        !holds_sql("// SELECT id")
            && !holds_sql("Select a row")
            && !holds_sql("UPDATE = 1")
            && !holds_sql("\"Selection\"")
    );
    assert!(
        may_hold_sql("a/src/tree/store.rs")
            && may_hold_sql("a/src/sql/db.rs")
            && may_hold_sql("a/log_store.rs")
    );
    assert!(!may_hold_sql("a/src/restore.rs") && !may_hold_sql("web/src/store/a.ts"));
    assert!(
        goes_around("#[allow(dead_code)]") && goes_around("unsafe { x }") && !goes_around("// unsafe { x }")
    );
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {}").len(), 1);
}
