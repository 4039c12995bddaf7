//! Builds that use up what they get.

use std::fs;

use kageos_server::runtime::{Groups, mark};
use serde_json::{Value, json};

use crate::{
    keeping::{state, until},
    process::variable,
    workspaces::{PATH, Shop},
};

/// What a build of the test may use: enough for the app that `new` makes.
const CONFIG: &str =
    "[runtime]\nbuild_timeout_ms = 12000\nmax_build_memory_bytes = 1073741824\nmax_build_processes = 150\n";

/// Starts processes without end, and says how many came.
const FORKS: &str = r#"
use std::process::{Command, Stdio};

fn main() {
    let mut all = Vec::new();
    while all.len() < 2000 {
        // Cargo waits for whoever has its outputs.
        match Command::new("sleep").arg("98765").stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => all.push(child),
            Err(error) => panic!("forked={} {error}", all.len()),
        }
    }
    panic!("forked={}", all.len());
}
"#;
/// Uses memory without end.
const EATS: &str = "fn main() { let mut all = Vec::new(); loop { all.push(vec![1_u8; 1 << 20]); } }";
/// Says something without end to Cargo, which keeps it.
const SAYS: &str = r#"fn main() { loop { println!("{}", "x".repeat(65535)); } }"#;
/// Writes without end to where Cargo writes.
const WRITES: &str = r#"
use std::{fs::OpenOptions, io::Write, os::unix::process::parent_id};

fn main() {
    let mut out = OpenOptions::new().write(true).open(format!("/proc/{}/fd/2", parent_id())).unwrap();
    let line = "x".repeat(1048575) + "\n";
    while out.write_all(line.as_bytes()).is_ok() {}
    std::thread::sleep(std::time::Duration::from_secs(98765));
}
"#;
/// Does not end.
const HANGS: &str = "fn main() { std::thread::sleep(std::time::Duration::from_secs(98765)); }";

/// Whether anything runs that a script has started.
fn something_runs() -> bool {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.into_iter().any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let has = |what: &[u8]| line.windows(what.len()).any(|it| it == what);
        has(b"sleep\098765") || has(b"todo") && has(b"build-script-build")
    })
}

/// The control groups of a server.
fn groups(shop: &Shop) -> Vec<String> {
    let begins = format!("kageos-{}-", mark(&state(shop)));
    let places = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory"];
    let all = places.iter().flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten());
    all.map(|it| it.file_name().to_string_lossy().into_owned()).filter(|it| it.starts_with(&begins)).collect()
}

#[test]
fn what_a_build_uses_up_is_its_own_and_ends_with_it() {
    let shop = Shop::with(CONFIG);
    let app = shop.app();
    let limited = Groups::find("tbuilds").is_some();
    assert!(limited || variable("CI").is_none(), "CI needs control groups");
    let build = |script: Option<&str>| -> Value {
        match script {
            Some(script) => fs::write(app.join("build.rs"), script).unwrap(),
            None => fs::remove_file(app.join("build.rs")).unwrap(),
        }
        shop.machine.json(&["workspace", "push", app.to_str().unwrap(), PATH, "--no-build"]);
        let built = shop.call("build", &json!({}));
        shop.call("read_release", &json!({ "release": built["release"] }))
    };
    let said = |release: &Value| format!("{} {}", release["error"], release["log"]);

    let release = build(Some(HANGS));
    assert_eq!(
        (&release["state"], said(&release).contains("which is 12 s")),
        (&json!("failed"), true),
        "{release}"
    );
    let release = build(Some(WRITES));
    assert_eq!(release["error"], "The build writes without end.", "{release}");
    if limited {
        let release = build(Some(FORKS));
        let said_of = said(&release);
        let (_, forked) = said_of.split_once("forked=").unwrap_or_else(|| panic!("{said_of}"));
        let forked: String = forked.chars().take_while(char::is_ascii_digit).collect();
        assert!((10..150).contains(&forked.parse().unwrap()), "{release}");
        for script in [EATS, SAYS] {
            let release = build(Some(script));
            assert_eq!(release["state"], "failed");
            assert!(said(&release).contains("all of the memory that it may"), "{release}");
        }
    }
    until("what a build has started runs on", || !something_runs());
    until("the group of a build stays", || groups(&shop).is_empty());
    // The next one has its place.
    assert_eq!(build(None)["state"], "built");
}
