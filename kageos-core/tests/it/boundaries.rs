//! Dependencies point one way: the table of ARCHITECTURE.md, held against `cargo metadata`.

use std::process::Command;

use serde_json::Value;

/// One direct dependency of a member of the workspace.
struct Edge {
    from: String,
    /// Lies in `examples/`.
    from_example: bool,
    to: String,
    /// Lies in `examples/`.
    to_example: bool,
    dev: bool,
    optional: bool,
    features: Vec<String>,
}

/// The public crates and what of ours each may depend on, with which features of `kageos-core`.
const ALLOWED: [(&str, &[&str], &[&str]); 7] = [
    ("kageos-core", &[], &[]),
    ("kageos-sdk-macros", &[], &[]),
    ("kageos-sdk", &["kageos-core", "kageos-sdk-macros"], &["link", "sql", "postgres", "mysql"]),
    ("kageos-scheduler", &["kageos-core"], &["sql", "bus"]),
    ("kageos-inbox", &["kageos-core"], &["sql", "bus"]),
    ("kageos-agent", &["kageos-core"], &["sql", "bus"]),
    (
        "kageos-server",
        &["kageos-core", "kageos-sdk", "kageos-scheduler", "kageos-inbox", "kageos-agent"],
        &["link", "sql", "bus", "platform", "postgres", "mysql", "nats", "s3"],
    ),
];

/// Libraries that only one crate knows. Programs that embed Kageos bring their own.
const HELD: [(&str, &str); 3] =
    [("axum", "kageos-server"), ("sqlx", "kageos-core"), ("rusqlite", "kageos-core")];

/// Programs that embed Kageos in a service of their own; all other examples are apps and import the SDK only.
const EMBEDDING: [&str; 1] = ["kageos-example-embed"];

/// Why the design forbids the edge; `None` when it does not.
fn forbidden(edge: &Edge) -> Option<String> {
    let Edge { from, to, .. } = edge;
    let embedding = EMBEDDING.contains(&from.as_str());
    if let Some((_, holder)) = HELD.iter().find(|(library, _)| library == to) {
        return (from != holder && !embedding).then(|| format!("only {holder} knows {to}, not {from}"));
    }
    if edge.to_example {
        return Some(format!("{from} depends on the example {to}"));
    }
    if !to.starts_with("kageos-") {
        return None;
    }
    if edge.from_example {
        return (to != "kageos-sdk" && !embedding).then(|| format!("the app {from} depends on {to}"));
    }
    let Some((_, targets, features)) = ALLOWED.iter().find(|(name, ..)| name == from) else {
        return Some(format!("{from} is not in the table"));
    };
    let fitting = |feature: &String| {
        features.contains(&feature.as_str())
            || (edge.dev && matches!(feature.as_str(), "testing" | "sql" | "bus"))
    };
    let itself = edge.dev && from == to;
    if !targets.contains(&to.as_str()) && !itself {
        return Some(format!("{from} depends on {to}"));
    }
    let wrong =
        (to == "kageos-core").then(|| edge.features.iter().find(|feature| !fitting(feature))).flatten();
    wrong.map(|feature| format!("{from} takes {to} with the feature {feature}"))
}

fn metadata() -> Value {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--manifest-path", manifest])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().unwrap()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

fn edges(metadata: &Value) -> Vec<Edge> {
    let root = text(metadata, "workspace_root");
    let example =
        |path: &str| path.strip_prefix(&root).is_some_and(|inside| inside.starts_with("/examples/"));
    let of_package = |package: &Value| -> Vec<Edge> {
        let edge = |dependency: &Value| Edge {
            from: text(package, "name"),
            from_example: example(&text(package, "manifest_path")),
            to: text(dependency, "name"),
            to_example: dependency["path"].as_str().is_some_and(|path| example(&format!("{path}/"))),
            dev: dependency["kind"] == "dev",
            optional: dependency["optional"] == true,
            features: list(dependency, "features")
                .iter()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect(),
        };
        list(package, "dependencies").iter().map(edge).collect()
    };
    list(metadata, "packages").iter().flat_map(of_package).collect()
}

#[test]
fn dependencies_point_one_way() {
    let edges = edges(&metadata());
    let wrong: Vec<_> = edges.iter().filter_map(forbidden).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let has = |from: &str, to: &str| edges.iter().any(|edge| edge.from == from && edge.to == to);
    assert!(has("kageos-sdk", "kageos-core") && has("kageos-server", "axum"), "the edges were read");
    assert!(edges.iter().any(|edge| edge.from_example));
}

#[test]
fn the_contract_stays_light() {
    let edges = edges(&metadata());
    let direct = |edge: &&Edge| edge.from == "kageos-core" && !edge.optional && !edge.dev;
    let names: Vec<_> = edges.iter().filter(direct).map(|edge| &edge.to).collect();
    assert!((1..=15).contains(&names.len()), "kageos-core without features depends on {names:?}");
    for heavy in ["tokio", "sqlx", "rusqlite", "axum", "tracing"] {
        assert!(!names.iter().any(|name| *name == heavy), "the contract depends on {heavy}");
    }
}

#[test]
fn a_forbidden_edge_is_found() {
    let edge = |from: &str, to: &str, features: &[&str]| Edge {
        from: from.to_owned(),
        from_example: from.contains("example"),
        to: to.to_owned(),
        to_example: to.contains("example"),
        dev: false,
        optional: false,
        features: features.iter().map(|feature| (*feature).to_owned()).collect(),
    };
    for (from, to, features) in [
        ("kageos-core", "kageos-sdk", &[][..]),
        ("kageos-core", "axum", &[]),
        ("kageos-sdk", "kageos-server", &[]),
        ("kageos-sdk", "kageos-core", &["platform"]),
        ("kageos-sdk", "sqlx", &[]),
        ("kageos-sdk-macros", "kageos-core", &[]),
        ("kageos-scheduler", "kageos-inbox", &[]),
        ("kageos-agent", "kageos-core", &["platform"]),
        ("kageos-server", "rusqlite", &[]),
        ("kageos-server", "kageos-example-crm", &[]),
        ("kageos-example-crm", "kageos-core", &[]),
        ("kageos-example-crm", "axum", &[]),
        ("kageos-example-crm", "kageos-example-embed", &[]),
        ("kageos-new", "kageos-core", &[]),
    ] {
        assert!(forbidden(&edge(from, to, features)).is_some(), "{from} -> {to} {features:?}");
    }
    for (from, to, features) in [
        ("kageos-sdk", "kageos-core", &["sql"][..]),
        ("kageos-server", "kageos-core", &["platform"]),
        ("kageos-server", "axum", &[]),
        ("kageos-example-crm", "kageos-sdk", &[]),
        ("kageos-example-embed", "kageos-server", &[]),
        ("kageos-example-embed", "axum", &[]),
        ("kageos-core", "serde", &[]),
    ] {
        assert_eq!(forbidden(&edge(from, to, features)), None);
    }
}
