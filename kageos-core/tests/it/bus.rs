//! The bus, inside one process and over NATS.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kageos_core::bus::nats::{NatsBus, NatsOptions};
use kageos_core::bus::testing::{conforms, connects, delete_stream, hear, nats_url, numbered};
use kageos_core::bus::{Bus, Events, Missed, WINDOW};
use kageos_core::{Env, StreamId};

/// Longest wait for a connection that comes back.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream of its own on the machine's NATS, gone when it is dropped in order.
struct Nats {
    url: String,
    prefix: String,
    env: Env,
}

impl Nats {
    fn new() -> Option<Self> {
        let Some(url) = nats_url() else {
            println!("skipped: no NATS");
            return None;
        };
        Some(Self::at(url))
    }

    fn at(url: String) -> Self {
        let env = Env::system();
        let prefix = format!("test_{}", StreamId::new(&env));
        Self { url, prefix, env }
    }

    async fn open(&self) -> NatsBus {
        let options = NatsOptions::new(&self.url, StreamId::new(&self.env)).prefix(&self.prefix);
        NatsBus::open(options).await.unwrap()
    }

    async fn delete(&self) {
        delete_stream(&self.url, &self.prefix).await.unwrap();
    }
}

#[tokio::test]
async fn a_bus_inside_a_process_conforms() {
    let env = Env::system();
    conforms(&Events::new(StreamId::new(&env)), &env).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_over_nats_conforms() {
    let Some(nats) = Nats::new() else { return };
    let bus = nats.open().await;
    conforms(&bus, &nats.env).await;
    bus.close().await;
    nats.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_connects_processes() {
    let Some(nats) = Nats::new() else { return };
    let (one, other) = (nats.open().await, nats.open().await);
    connects(&one, &other).await;
    assert!(one.health().unwrap().ok);
    nats.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_comes_later_knows_what_is_kept() {
    let Some(nats) = Nats::new() else { return };
    let (one, other) = (nats.open().await, nats.open().await);
    let mut there = other.listen(None).unwrap();
    (1..=9).for_each(|number| one.publish(numbered(number)));
    let last = hear(&mut there).await.unwrap().id;
    while hear(&mut there).await.unwrap().body != numbered(9) {}
    let later = nats.open().await;
    let mut again = later.listen(Some(last)).unwrap();
    for number in 2..=9 {
        assert_eq!(hear(&mut again).await.unwrap().body, numbered(number));
    }
    nats.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_the_stream_has_let_go_were_missed() {
    let Some(nats) = Nats::new() else { return };
    let one = nats.open().await;
    let mut listener = one.listen(None).unwrap();
    one.publish(numbered(1));
    let last = hear(&mut listener).await.unwrap().id;
    one.close().await;
    // The stream is made anew, with other numbers.
    nats.delete().await;
    let other = nats.open().await;
    assert_eq!(other.listen(Some(last)).err(), Some(Missed));
    nats.delete().await;
}

/// A NATS server of the test's own, which it can stop.
struct Server {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Server {
    fn start(env: &Env) -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("kageos-nats-{}", StreamId::new(env)));
        let mut server = Self { folder, port, child: None };
        if server.run() { Some(server) } else { None }
    }

    fn run(&mut self) -> bool {
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"]).arg(&self.folder);
        match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => self.child = Some(child),
            Err(error) => println!("skipped: nats-server: {error}"),
        }
        self.child.is_some()
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

fn ok(bus: &NatsBus) -> bool {
    bus.health().unwrap().ok
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_nats_a_process_works_alone_and_catches_up() {
    let env = Env::system();
    let Some(mut server) = Server::start(&env) else { return };
    let nats = Nats::at(format!("nats://127.0.0.1:{}", server.port));
    let (one, other) = (nats.open().await, nats.open().await);
    until("both come up", || ok(&one) && ok(&other)).await;
    let (mut here, mut there) = (one.listen(None).unwrap(), other.listen(None).unwrap());
    one.publish(numbered(1));
    assert_eq!(hear(&mut here).await.unwrap().body, numbered(1));
    assert_eq!(hear(&mut there).await.unwrap().body, numbered(1));

    server.kill();
    until("it is noticed", || !ok(&one) && !ok(&other)).await;
    one.publish(numbered(2));
    assert_eq!(hear(&mut here).await.unwrap().body, numbered(2), "here it is told at once");
    server.run();
    until("both come back", || ok(&one) && ok(&other)).await;
    assert_eq!(
        hear(&mut there).await.unwrap().body,
        numbered(2),
        "there it comes late, and nothing was missed"
    );
    one.publish(numbered(3));
    assert_eq!(hear(&mut there).await.unwrap().body, numbered(3));
    assert_eq!(hear(&mut here).await.unwrap().body, numbered(3), "and here nothing twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_queue_can_hold_is_known_to_be_missed() {
    let env = Env::system();
    let Some(mut server) = Server::start(&env) else { return };
    let nats = Nats::at(format!("nats://127.0.0.1:{}", server.port));
    let (one, other) = (nats.open().await, nats.open().await);
    until("both come up", || ok(&one) && ok(&other)).await;
    server.kill();
    until("it is noticed", || !ok(&one) && !ok(&other)).await;
    let mut there = other.listen(None).unwrap();
    let mut here = one.listen(None).unwrap();
    one.publish(numbered(0));
    let last = hear(&mut here).await.unwrap().id;
    let many = 2 * WINDOW as u64;
    (1..=many).for_each(|number| one.publish(numbered(number)));
    assert!(one.dropped() > 0);
    assert_eq!(one.listen(Some(last)).err(), Some(Missed), "nobody can go on over the gap");
    server.run();
    until("both come back", || ok(&one) && ok(&other)).await;
    let heard = tokio::time::timeout(PATIENCE, async { while hear(&mut there).await.is_ok() {} });
    heard.await.expect("who listens there is told that something was missed");
    one.publish(numbered(many + 1));
    while hear(&mut there).await.map(|event| event.body.clone()) != Ok(numbered(many + 1)) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_starts_before_nats_does() {
    let env = Env::system();
    let Some(mut server) = Server::start(&env) else { return };
    server.kill();
    let nats = Nats::at(format!("nats://127.0.0.1:{}", server.port));
    let bus = nats.open().await;
    assert!(!ok(&bus), "it says that it works alone");
    let mut listener = bus.listen(None).unwrap();
    bus.publish(numbered(1));
    assert_eq!(hear(&mut listener).await.unwrap().body, numbered(1));
    server.run();
    until("it comes up", || ok(&bus)).await;
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    let options = NatsOptions::new("http://127.0.0.1", StreamId::NIL);
    assert!(NatsBus::open(options).await.is_err());
}
