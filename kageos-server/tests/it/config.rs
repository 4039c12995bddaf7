//! Configuration from file and environment.

use std::{collections::HashMap, path::Path, time::Duration};

use kageos_core::Code;
use kageos_server::{Config, ConfigError, runtime::BuildLimits};

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&path, environment.collect())
}

#[test]
fn nothing_given_is_the_default() {
    let config = Config::load(Path::new("/nowhere/config.toml"), HashMap::new()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.server.address.to_string(), "127.0.0.1:8080");
}

#[test]
fn the_environment_is_stronger_than_the_file() {
    let file = "[server]\naddress = \"127.0.0.1:1\"\nmax_body_bytes = 10\n[log]\nfilter = \"debug\"";
    let config =
        load(file, &[("KAGEOS_SERVER__ADDRESS", "[::1]:2"), ("KAGEOS_STATE", "x"), ("HOME", "/")]).unwrap();
    assert_eq!(config.server.address.to_string(), "[::1]:2");
    assert_eq!(config.server.max_body_bytes, 10);
    assert_eq!(config.log.filter, "debug");
}

#[test]
fn all_mistakes_are_told_at_once_with_their_keys() {
    let file =
        "colour = \"red\"\n[server]\naddress = \"here\"\nmax_body_bytes = -1\nport = 80\n[web]\ndir = \"x\"";
    let problems = load(file, &[("KAGEOS_SERVER__REQUEST_TIMEOUT_MS", "0"), ("KAGEOS_WEB__SIZE", "1")])
        .unwrap_err()
        .problems;
    let keys: Vec<_> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "colour",
            "server.address",
            "server.max_body_bytes",
            "server.port",
            "server.request_timeout_ms",
            "web.size"
        ]
    );
}

#[test]
fn keys_that_do_not_go_together_are_told_too() {
    let nodes = load("[runtime]\nplace = \"nodes\"\n[node]\nname = \"A 1\"\nlabels = [\"eu\", \"\"]", &[]);
    let told = nodes.unwrap_err().problems;
    assert_eq!(
        told,
        [
            "node.labels: must be lower-case letters, digits, - and _, at most 64",
            "node.name: must be lower-case letters, digits, - and _, at most 64",
            "runtime.place: rows of apps on runtime nodes lie on a database server, workspaces.admin_url",
            "runtime.place: runtime nodes are reached over bus.url",
        ]
    );
    let told = load("[node]\nrole = \"runtime\"", &[]).unwrap_err().problems;
    assert_eq!(told, ["node.role: a runtime node needs bus.url"]);
    let file = "[node]\nrole = \"runtime\"\nlabels = \"eu, gpu\"\n[bus]\nurl = \"nats://127.0.0.1:1\"";
    let config = load(file, &[]).unwrap();
    let labels: Vec<_> = config.node.labels.into_iter().map(|label| label.into_string()).collect();
    assert_eq!((labels, config.node.capacity), (vec!["eu".to_owned(), "gpu".to_owned()], 100));
}

#[test]
fn what_releases_and_builds_may_take_is_read() {
    let runtime = Config::default().runtime;
    assert_eq!((runtime.drain, runtime.builds.time), (Duration::from_secs(30), Duration::from_secs(900)));
    let file = "[runtime]\ndrain_ms = 1500\nbuild_timeout_ms = 60000\nmax_build_memory_bytes = 7\nmax_build_processes = 8";
    let runtime = load(file, &[]).unwrap().runtime;
    let builds = BuildLimits { memory: 7, processes: 8, time: Duration::from_secs(60) };
    assert_eq!((runtime.drain, runtime.builds), (Duration::from_millis(1500), builds));
    let told = load("[runtime]\ndrain_ms = 0\nmax_build_processes = 0", &[]).unwrap_err().problems;
    assert_eq!(
        told,
        ["runtime.drain_ms: must be more than 0", "runtime.max_build_processes: must be more than 0"]
    );
}

#[test]
fn trusted_proxies_are_a_list_or_a_text() {
    assert_eq!(Config::default().server.trusted_proxies, []);
    let told =
        |config: Config| config.server.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>();
    let file = "[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]";
    assert_eq!(told(load(file, &[]).unwrap()), ["10.0.0.0/8", "::1/128"]);
    let environment = [("KAGEOS_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1")];
    assert_eq!(told(load("", &environment).unwrap()), ["10.0.0.0/8", "127.0.0.1/32"]);
    let problems = load("[server]\ntrusted_proxies = [\"10.0.0.0/33\", \"x\"]", &[]).unwrap_err().problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn a_file_that_is_not_toml_is_an_error() {
    assert_eq!(load("[server", &[]).unwrap_err().problems.len(), 1);
}

#[test]
fn where_files_lie_is_read_and_its_secret_is_not_shown() {
    let file = "[files]\nurl = \"s3://bucket/prefix\"\nendpoint = \"http://127.0.0.1:9\"\nmax_bytes = 5";
    let secret = ("KAGEOS_FILES__SECRET_ACCESS_KEY", "hunter2");
    let config = load(file, &[("KAGEOS_FILES__ACCESS_KEY_ID", "me"), secret]).unwrap();
    assert!(config.files.secret_access_key.as_ref().is_some_and(|key| key.expose() == "hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
    let opened = kageos_server::files::open(&config.files, Path::new("/nowhere")).unwrap();
    assert_eq!((opened.max_bytes, opened.objects.place()), (5, "s3://bucket/prefix"));
    for (url, code) in [
        ("ftp://x", Code::InvalidInput),
        ("s3://", Code::InvalidInput),
        ("file:///nowhere", Code::Unavailable),
    ] {
        let config = load(&format!("[files]\nurl = {url:?}"), &[]).unwrap();
        let refused = kageos_server::files::open(&config.files, Path::new("/nowhere")).unwrap_err();
        assert_eq!(refused.code, code, "{url}");
    }
}
