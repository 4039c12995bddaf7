//! Apps that a developer runs beside a server, under the real program. The app is this very program, as in `process`.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use kageos_core::Code;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    cli::check_exit,
    workspaces::{PATH, Shop},
};

/// The app of `process` with a table and forms that do what they are told.
const ACTS: &str = "";
/// The one that tries what an app may not do.
const PROBES: &str = "--nocapture";

/// A program that comes to a platform as the app that `process` has for an argument.
fn program(shop: &Shop, app: &str) -> PathBuf {
    let file = shop.machine.dir.path().join(format!("app{app}"));
    let own = std::env::current_exe().unwrap();
    let run = format!(
        "#!/bin/sh\nexec {} --exact process::app_of_this_program --quiet {app} >/dev/null\n",
        own.display()
    );
    fs::write(&file, run).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

/// Who attaches what, and to where.
struct Attaching<'a> {
    shop: &'a Shop,
    app: &'a str,
    place: &'a str,
    token: Option<&'a str>,
    more: &'a [&'a str],
}

impl Attaching<'_> {
    fn command(&self) -> Command {
        let program = program(self.shop, self.app);
        let folder = self.shop.machine.dir.path().to_str().unwrap().to_owned();
        let args =
            ["workspace", "attach", &folder, self.place, "--program", program.to_str().unwrap(), "--json"];
        let mut command = self.shop.machine.command(&[&args, self.more].concat());
        self.token.map(|token| command.env("KAGEOS_TOKEN", token));
        command.env("KAGEOS_DATABASE__URL", "sqlite:/nowhere");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[track_caller]
    fn is_attached(&self) -> Attached {
        let mut child = self.command().spawn().unwrap();
        let (mut line, mut out) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        if out.read_line(&mut line).unwrap() == 0 {
            panic!("{:?}", child.wait_with_output().unwrap());
        }
        // What it logs goes on, and nobody here reads it.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Attached { told: serde_json::from_str(&line).unwrap(), child: Some(child) }
    }

    #[track_caller]
    fn is_refused(&self, code: Code) -> Value {
        let output = self.command().output().unwrap();
        check_exit(&output, code);
        serde_json::from_slice(&output.stderr).unwrap_or_else(|_| panic!("{output:?}"))
    }
}

/// An app that is attached; it ends with the test.
struct Attached {
    told: Value,
    child: Option<Child>,
}

impl Attached {
    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for its end.
    fn output(mut self) -> Output {
        self.child.take().unwrap().wait_with_output().unwrap()
    }

    /// What Ctrl-C does.
    #[track_caller]
    fn stop(self) {
        self.signal(Signal::INT);
        let output = self.output();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// A token of a user for a path and below, with these rights.
fn token(shop: &Shop, user: &str, path: &str, rights: &str) -> String {
    let args = ["token", "create", "t", "--user", user, "--path", path, "--rights", rights];
    shop.machine.json(&args)["token"].as_str().unwrap().to_owned()
}

fn address(shop: &Shop) -> String {
    shop.machine.json(&["status"])["address"].as_str().unwrap().to_owned()
}

/// Asks as who has a token; answers the status and what is said.
fn ask(shop: &Shop, token: &str, path: &str, request: Option<&Value>, headers: &[&str]) -> (String, Value) {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-m", "30", "-w", "\n%{http_code}", "-H", "content-type: application/json"]);
    curl.args(["-H", &format!("authorization: Bearer {token}")]);
    for header in headers {
        curl.args(["-H", header]);
    }
    if let Some(request) = request {
        curl.args(["-d", &request.to_string()]);
    }
    let output = curl.arg(format!("{}/api/v1{path}", address(shop))).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), serde_json::from_str(body).unwrap_or_default())
}

/// Calls an action as who has a token.
fn call_as(shop: &Shop, token: &str, path: &str, action: &str, input: Value) -> (String, Value) {
    let request = json!({ "action": action, "input": input });
    ask(shop, token, &format!("/call{path}"), Some(&request), &[])
}

fn act(what: &str) -> String {
    json!({ "what": what }).to_string()
}

/// The consent to what the app reaches.
#[track_caller]
fn consent(attaching: &Attaching<'_>) -> String {
    let refused = attaching.is_refused(Code::ConsentRequired);
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("reaches https://shop.example.com"), "{message}");
    message.rsplit_once("--consent ").unwrap().1[..64].to_owned()
}

/// What the log of operations has of the workspace and below, the newest first: path, action, status.
fn records(shop: &Shop) -> Vec<[String; 3]> {
    let local = fs::read_to_string(shop.machine.dir.path().join(".kageos/dev/secrets/local.token")).unwrap();
    let (status, found) = ask(shop, local.trim(), &format!("/activity?path={PATH}&limit=100"), None, &[]);
    assert_eq!(status, "200", "{found}");
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let items = found["items"].as_array().unwrap().iter();
    items.map(|item| [text(item, "path"), text(item, "action"), text(item, "status")]).collect()
}

#[test]
fn an_app_is_attached_for_its_developer_and_gives_the_place_back() {
    let mut shop = Shop::new();
    shop.machine.json(&["user", "add", "ada", "--admin"]);
    let ada = token(&shop, "ada", "/system", "read,write,update,delete,run,admin");
    let attaching = Attaching { shop: &shop, app: ACTS, place: PATH, token: None, more: &[] };
    let digest = consent(&attaching);
    let first = Attaching { more: &["--consent", &digest], ..attaching }.is_attached();
    assert_eq!(first.told["app"], "conformance");
    assert!(first.told["address"].as_str().unwrap().ends_with(PATH), "{}", first.told);
    shop.machine.json(&["call", "/system/todo/act.form", "submit", &act("own")]);
    let count = || {
        let found = shop.machine.json(&["call", "/system/todo/item.table", "search", r#"{"count":true}"#]);
        found["output"]["count"].clone()
    };
    assert_eq!(count(), 1);
    // Whoever else may do everything everywhere sees that it is there, and is not answered.
    let (status, node) = ask(&shop, &ada, "/node/system/todo/item.table", None, &[]);
    assert_eq!((status.as_str(), &node["attached"]["live"]), ("200", &json!(true)), "{node}");
    assert_eq!(node["attached"]["by"]["login"], "system");
    let (status, refused) = call_as(&shop, &ada, "/system/todo/item.table", "search", json!({}));
    assert_eq!((status.as_str(), &refused["code"]), ("403", &json!("forbidden")), "{refused}");

    // Another program takes its place, with what it declares.
    let second = Attaching { app: PROBES, ..attaching }.is_attached();
    let ended = first.output();
    check_exit(&ended, Code::Unavailable);
    let probe = |what: &str, with: &str| {
        let input = json!({ "what": what, "with": with }).to_string();
        shop.machine.json(&["call", "/system/todo/probe.form", "submit", &input])["output"].clone()
    };
    // It knows of its environment what it needs, and nothing that is meant for what has started it.
    let all = probe("environment", "");
    let mut names: Vec<_> =
        all.as_str().unwrap().split(' ').filter(|name| name.starts_with("KAGEOS_")).collect();
    names.sort_unstable();
    assert_eq!(names, ["KAGEOS_DATABASE", "KAGEOS_LINK"]);
    check_exit(&shop.machine.run(&["call", "/system/todo/item.table", "search", "{}"]), Code::NotFound);
    second.stop();
    let gone = shop.machine.run(&["call", "/system/todo/probe.form", "submit", r#"{"what":"-"}"#]);
    check_exit(&gone, Code::Unavailable);
    let (_, node) = ask(&shop, &ada, "/node/system/todo", None, &[]);
    assert_eq!(node["attached"]["live"], false, "{node}");
    check_exit(&shop.machine.run(&["workspace", "detach", PATH]), Code::Conflict);

    // Attached again it has its rows, and needs no other consent; so it does on a server that was started anew.
    let again = Attaching { more: &["--consent", &digest], ..attaching }.is_attached();
    assert_eq!(count(), 1);
    again.stop();
    shop.start_again();
    let again = Attaching { shop: &shop, app: ACTS, place: PATH, token: None, more: &[] }.is_attached();
    assert_eq!(
        shop.machine.json(&["call", "/system/todo/item.table", "search", r#"{"count":true}"#])["output"]["count"],
        1
    );
    shop.machine.json(&["workspace", "detach", PATH]);
    check_exit(&again.output(), Code::Unavailable);
    let actions: Vec<_> =
        records(&shop).into_iter().filter(|[path, ..]| path == PATH).map(|[_, action, _]| action).collect();
    assert_eq!(actions.iter().filter(|action| *action == "attach").count(), 5, "{actions:?}");
    assert!(actions.iter().any(|action| action == "detach"), "{actions:?}");
}

#[test]
fn a_release_takes_the_place_of_an_attached_app_and_keeps_it() {
    let shop = Shop::new();
    let attaching = Attaching { shop: &shop, app: PROBES, place: PATH, token: None, more: &[] };
    let attached = attaching.is_attached();
    let app = shop.app();
    assert_eq!(shop.push(&app)["state"], "live");
    check_exit(&attached.output(), Code::Unavailable);
    shop.table("create", &json!({ "values": { "name": "Call back" } }));
    attaching.is_refused(Code::Conflict);
    let local = fs::read_to_string(shop.machine.dir.path().join(".kageos/dev/secrets/local.token")).unwrap();
    let (_, node) = ask(&shop, local.trim(), "/node/system/todo", None, &[]);
    assert_eq!(node["attached"], Value::Null);
    shop.table("search", &json!({}));
}

#[test]
fn calls_that_its_end_cuts_off_are_unknown_and_wait_for_nobody() {
    let mut shop = Shop::new();
    let attaching = Attaching { shop: &shop, app: ACTS, place: PATH, token: None, more: &[] };
    let digest = consent(&attaching);
    let attached = Attaching { more: &["--consent", &digest], ..attaching }.is_attached();
    let path = "/system/todo/act.form";
    let late = || {
        let mut command = shop.machine.command(&["call", path, "submit", &act("late"), "--json"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let cut_off = late();
    runs(&shop, path);
    attached.signal(Signal::KILL);
    let output = cut_off.wait_with_output().unwrap();
    check_exit(&output, Code::OutcomeUnknown);
    drop(attached);
    let status_of_first = || records(&shop).into_iter().find(|it| it[0] == path).unwrap()[2].clone();
    assert_eq!(status_of_first(), "unknown");

    // The same when it is the server that goes away.
    let attached = attaching.is_attached();
    let mut cut_off = late();
    runs(&shop, path);
    shop.kill();
    cut_off.wait().unwrap();
    check_exit(&attached.output(), Code::Unavailable);
    shop.start_again();
    let settled = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        records(&shop).iter().filter(|it| it[0] == path && it[2] == "unknown").count() == 2
    });
    assert!(settled, "{:?}", records(&shop));
    check_exit(&shop.machine.run(&["call", path, "submit", &act("-")]), Code::Unavailable);
}

/// The cookie of a session of `system`.
fn session(shop: &Shop) -> String {
    let password = shop.machine.json(&["init", "--dev"])["password"].as_str().unwrap().to_owned();
    let body = json!({ "login": "system", "password": password }).to_string();
    let mut curl = Command::new("curl");
    curl.args(["-s", "-i", "-H", "content-type: application/json", "-d", &body]);
    let output = curl.arg(format!("{}/api/v1/session", address(shop))).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let cookie = text.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// Brings a link that no app comes over; answers its bytes and its id, or the status.
fn open_link(shop: &Shop, token: &str, link: &str) -> Result<(TcpStream, String), String> {
    let authority = address(shop).trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&authority).unwrap();
    let request = format!(
        "GET /api/v1{link} HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {token}\r\n\
         connection: upgrade\r\nupgrade: kageos-link\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let (mut head, mut lines) = (Vec::new(), BufReader::new(stream.try_clone().unwrap()));
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let status = head[0].split(' ').nth(1).unwrap().to_owned();
    let id = head.iter().find_map(|line| line.strip_prefix("kageos-link: ")).map(str::to_owned);
    if status == "101" { Ok((stream, id.unwrap())) } else { Err(status) }
}

/// Waits until a call of a path runs.
#[track_caller]
fn runs(shop: &Shop, path: &str) {
    let begun = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        records(shop).iter().any(|it| it[0] == path && it[2] == "pending")
    });
    assert!(begun, "{:?}", records(shop));
    // The app has it.
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn what_an_attached_app_asks_for_goes_no_further_than_its_token() {
    let shop = Shop::new();
    let made = json!({ "code": "other", "title": "Other" }).to_string();
    shop.machine.json(&["call", "/system", "create_directory", &made]);
    let probing = |place, token| Attaching { shop: &shop, app: PROBES, place, token, more: &[] };
    let other = "/system/other";
    let attached = probing(other, None).is_attached();
    let whole = format!("{}{PATH}", address(&shop));
    let narrow = token(&shop, "system", PATH, "read,run,admin");
    let mine = probing(&whole, Some(&narrow)).is_attached();
    let environment = json!({ "what": "environment" }).to_string();
    let names = shop.machine.json(&["call", "/system/todo/probe.form", "submit", &environment]);
    assert!(!names["output"].as_str().unwrap().contains("KAGEOS_TOKEN"), "{names}");
    // The one who calls may call the other app too, and the app may not for them.
    let calls = json!({ "what": "call", "with": "/system/other/probe.form" });
    let refused =
        shop.machine.run(&["call", "/system/todo/probe.form", "submit", &calls.to_string(), "--json"]);
    check_exit(&refused, Code::NotFound);
    mine.stop();
    // Nor is it asked for what the token may not.
    let looks = token(&shop, "system", PATH, "read,admin");
    let looking = probing(&whole, Some(&looks)).is_attached();
    let refused = shop.machine.run(&["call", "/system/todo/probe.form", "submit", &environment]);
    check_exit(&refused, Code::Forbidden);
    looking.stop();
    let wide = probing(PATH, None).is_attached();
    let given = shop.machine.json(&["call", "/system/todo/probe.form", "submit", &calls.to_string()]);
    assert_eq!(given["output"], "", "{given}");
    wide.stop();
    attached.stop();
}

#[test]
fn a_link_is_for_those_who_may_and_is_taken_once() {
    let shop = Shop::new();
    shop.machine.json(&["user", "add", "ada"]);
    shop.machine.json(&["grant", "/system", "member", "--user", "ada"]);
    let link = format!("/link{PATH}");
    let upgrade = ["connection: upgrade", "upgrade: kageos-link"];
    let member = token(&shop, "ada", "/system", "read,run,admin");
    assert_eq!(ask(&shop, &member, &link, None, &upgrade).0, "403");
    assert_eq!(ask(&shop, "kgo_nobody", &link, None, &upgrade).0, "401");
    let admin = token(&shop, "system", "/system", "read,run,admin");
    let (status, refused) = ask(&shop, &admin, &link, None, &[]);
    assert_eq!((status.as_str(), &refused["code"]), ("422", &json!("invalid_input")), "{refused}");
    assert_eq!(ask(&shop, &admin, "/link/system/none", None, &upgrade).0, "404");
    assert_eq!(ask(&shop, &admin, "/link/system", None, &upgrade).0, "404");
    let session = session(&shop);
    let mut curl = Command::new("curl");
    curl.args(["-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "-b", &session]);
    for header in upgrade {
        curl.args(["-H", header]);
    }
    let output = curl.arg(format!("{}/api/v1{link}", address(&shop))).output().unwrap();
    assert_eq!(output.stdout, b"403");
    // One is of whoever brought it, and of that workspace.
    let (stream, id) = open_link(&shop, &admin, &link).unwrap();
    shop.machine.json(&["user", "add", "bob"]);
    shop.machine.json(&["grant", "/system", "admin", "--user", "bob"]);
    let bob = token(&shop, "bob", "/system", "read,run,admin");
    let made = json!({ "code": "other", "title": "Other" }).to_string();
    shop.machine.json(&["call", "/system", "create_directory", &made]);
    let named = json!({ "link": id });
    for (token, path) in [(&bob, PATH), (&admin, "/system/other")] {
        let (status, refused) = call_as(&shop, token, path, "attach", named.clone());
        assert_eq!(
            (status.as_str(), &refused["fields"][0]["code"]),
            ("422", &json!("not_found")),
            "{refused}"
        );
    }
    drop(stream);
    let (status, refused) = call_as(&shop, &admin, PATH, "attach", named.clone());
    assert_eq!(status, "503", "{refused}");
    assert_eq!(call_as(&shop, &admin, PATH, "attach", named).0, "422");
    // Nobody takes all places, and whoever goes away gives theirs back.
    let mut open: Vec<_> = (0..8).map(|_| open_link(&shop, &admin, &link).unwrap()).collect();
    assert_eq!(open_link(&shop, &admin, &link).unwrap_err(), "429");
    open.clear();
    let given_back = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        open_link(&shop, &admin, &link).is_ok()
    });
    assert!(given_back);
    for link in ["01j0000000000000000000000a", "01J0000000000000000000000A", "x"] {
        let (status, refused) = call_as(&shop, &admin, PATH, "attach", json!({ "link": link }));
        assert_eq!((status.as_str(), &refused["code"]), ("422", &json!("invalid_input")), "{refused}");
    }
    // A token that may not administer the workspace attaches nothing, nor does one of nobody.
    let whole = format!("{}{PATH}", address(&shop));
    let attaching = |token| Attaching { shop: &shop, app: PROBES, place: &whole, token, more: &[] };
    attaching(Some(member.as_str())).is_refused(Code::Forbidden);
    attaching(Some("kgo_nobody")).is_refused(Code::Unauthenticated);
    attaching(None).is_refused(Code::InvalidInput);
    // A program that is no app says so, and nothing waits for it.
    let no_app = shop.machine.dir.path().join("no_app");
    fs::write(&no_app, "#!/bin/sh\nexit 7\n").unwrap();
    fs::set_permissions(&no_app, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = shop.machine.dir.path().to_str().unwrap();
    let program = no_app.to_str().unwrap();
    let output = shop.machine.run(&["workspace", "attach", folder, PATH, "--program", program, "--json"]);
    check_exit(&output, Code::Unavailable);
    assert!(String::from_utf8_lossy(&output.stderr).contains("exit status: 7"), "{output:?}");
}

#[test]
fn a_token_that_has_ended_ends_what_it_has_attached() {
    let shop = Shop::new();
    let args = ["token", "create", "t", "--path", PATH, "--rights", "read,run,admin"];
    let made = shop.machine.json(&args);
    let whole = format!("{}{PATH}", address(&shop));
    let token = made["token"].as_str();
    let attached = Attaching { shop: &shop, app: PROBES, place: &whole, token, more: &[] }.is_attached();
    shop.machine.json(&["call", "/system/todo/probe.form", "submit", r#"{"what":"-"}"#]);
    shop.machine.json(&["token", "revoke", made["id"].as_str().unwrap()]);
    check_exit(&attached.output(), Code::Unavailable);
    let gone = shop.machine.run(&["call", "/system/todo/probe.form", "submit", r#"{"what":"-"}"#]);
    check_exit(&gone, Code::Unavailable);
}

/// `cargo run` in the folder of an app, without a compiler: the program becomes what attaches it.
#[test]
fn a_program_that_is_told_where_attaches_itself() {
    let shop = Shop::new();
    let own = token(&shop, "system", PATH, "read,run,admin");
    let whole = format!("{}{PATH}", address(&shop));
    let mut command = Command::new(program(&shop, PROBES));
    command.current_dir(shop.machine.dir.path()).env_clear().stdin(Stdio::null());
    command.envs([("KAGEOS_ATTACH", whole.as_str()), ("KAGEOS_TOKEN", &own)]);
    command.env("KAGECTL", env!("CARGO_BIN_EXE_kagectl")).stdout(Stdio::null()).stderr(Stdio::null());
    let attached = Attached { told: Value::Null, child: Some(command.spawn().unwrap()) };
    let answers = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let run = shop.machine.run(&["call", "/system/todo/probe.form", "submit", r#"{"what":"-"}"#]);
        run.status.success()
    });
    assert!(answers);
    attached.stop();
}

#[test]
fn whoever_ends_an_app_lets_its_calls_end_first_and_ends_no_other() {
    let shop = Shop::new();
    let attaching = Attaching { shop: &shop, app: PROBES, place: PATH, token: None, more: &[] };
    let path = "/system/todo/probe.form";
    let wait = |ms: &str| {
        let input = json!({ "what": "wait", "with": ms }).to_string();
        let mut command = shop.machine.command(&["call", path, "submit", &input, "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let attached = attaching.is_attached();
    let call = wait("2000");
    std::thread::sleep(Duration::from_millis(500));
    attached.stop();
    let output = call.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    // One that does not end is cut off, and nobody waits longer for it.
    let attached = attaching.is_attached();
    let call = wait("60000");
    std::thread::sleep(Duration::from_millis(500));
    attached.stop();
    assert!(!call.wait_with_output().unwrap().status.success());

    // A second developer takes the place of the first one, whose program ends itself and not the other one.
    shop.machine.json(&["user", "add", "ada"]);
    shop.machine.json(&["grant", "/system", "admin", "--user", "ada"]);
    let (first, ada) = (attaching.is_attached(), token(&shop, "ada", "/system", "read,run,admin"));
    let whole = format!("{}{PATH}", address(&shop));
    let second = Attaching { place: &whole, token: Some(&ada), ..attaching }.is_attached();
    first.signal(Signal::INT);
    first.output();
    let (status, given) = call_as(&shop, &ada, path, "submit", json!({ "what": "-" }));
    assert_eq!(status, "200", "{given}");
    check_exit(&shop.machine.run(&["call", path, "submit", r#"{"what":"-"}"#]), Code::Forbidden);
    second.stop();
}

#[test]
fn an_attached_app_goes_with_its_workspace_and_is_remembered_when_that_comes_back() {
    let shop = Shop::new();
    let attaching = Attaching { shop: &shop, app: PROBES, place: PATH, token: None, more: &[] };
    let attached = attaching.is_attached();
    shop.machine.json(&["workspace", "rm", PATH, "--yes"]);
    check_exit(&attached.output(), Code::Unavailable);
    shop.machine.json(&["call", "/system", "restore", r#"{"code":"todo"}"#]);
    let local = fs::read_to_string(shop.machine.dir.path().join(".kageos/dev/secrets/local.token")).unwrap();
    let remembered = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let (_, node) = ask(&shop, local.trim(), "/node/system/todo/probe.form", None, &[]);
        node["attached"]["live"] == false && node["function"]["kind"] == "form"
    });
    assert!(remembered);
    let doctor: Value = serde_json::from_slice(&shop.machine.run(&["doctor", "--json"]).stdout).unwrap();
    let apps = doctor.as_array().unwrap().iter().find(|finding| finding["layer"] == "apps").unwrap();
    assert!(apps["ok"] == true && apps["detail"].as_str().unwrap().contains("does not run now"), "{apps}");
    let again = attaching.is_attached();
    shop.machine.json(&["call", "/system/todo/probe.form", "submit", r#"{"what":"-"}"#]);
    again.stop();
}
