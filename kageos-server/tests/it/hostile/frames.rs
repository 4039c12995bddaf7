//! Apps that break the protocol of the link: before they are let in, and while they run a call.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use kageos_core::{
    Change, ChangeOp, Code, Host, HostError,
    link::{
        VERSIONS,
        frame::{Decoder, encode},
        message::{Answer, CallHead, Called, Message, Note, ToApp, ToPlatform},
    },
};
use kageos_sdk::{App, serve::LINK};
use serde::Serialize;
use serde_json::{json, value::RawValue};

use crate::process::{Folders, Probe, eventually, grounds, is_alive, late, try_kit, variable};

/// Before the way in the arguments of the program; what runs tests takes it for a test to leave out.
const WAY: &str = "frames:";
/// Ways of an app that is not let in.
const BEFORE: [&str; 5] = ["endless", "long", "noise", "silent", "leaves"];
/// Ways of an app that was let in, while it runs a call, and whether the call is cut off by them.
const DURING: [(&str, bool); 7] = [
    ("strange", true),
    ("torn", true),
    ("long", true),
    ("noise", true),
    ("questions", true),
    ("foreign", false),
    ("twice", false),
];

/// How long an app may take to be gone that broke the protocol.
const GONE: Duration = Duration::from_secs(10);

/// Whether the program was started to break the protocol, and does so.
pub(crate) fn attacks() -> bool {
    let Some(way) = std::env::args().find_map(|it| it.strip_prefix(WAY).map(str::to_owned)) else {
        return false;
    };
    let Some((when, way)) = way.split_once('-') else { return false };
    let stream = UnixStream::connect(variable(LINK).unwrap()).unwrap();
    let mut link = Raw { stream, decoder: Decoder::default() };
    if when == "before" {
        link.breaks(way, None);
    } else {
        link.runs(way);
    }
    // It does not go by itself.
    std::thread::sleep(Duration::from_secs(3600));
    true
}

struct Raw {
    stream: UnixStream,
    decoder: Decoder,
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

impl Raw {
    /// Sends bytes; that nobody takes them any more is what it wants to bring about.
    fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    fn say(&mut self, message: &Message, body: &[u8]) {
        let mut frame = Vec::new();
        encode(&serde_json::to_vec(message).unwrap(), body, &mut frame);
        self.bytes(&frame);
    }

    fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(frame) = self.decoder.take().unwrap() {
                return Some(serde_json::from_slice(&frame.head).unwrap());
            }
            let mut some = [0; 4096];
            match self.stream.read(&mut some) {
                Ok(read @ 1..) => self.decoder.push(&some[..read]),
                _ => return None,
            }
        }
    }

    /// Is let in as any app, and breaks the protocol at the first call.
    fn runs(&mut self, way: &str) {
        let manifest = Box::new(App::new("probe").form::<Probe>().manifest().unwrap());
        let hello = ToPlatform::Hello { versions: VERSIONS, manifest };
        self.say(&Message::Ask { id: 1, ask: raw(&hello) }, &[]);
        let mut asked = 1;
        while let Some(message) = self.next() {
            match message {
                Message::Answer { .. } if asked == 1 => {
                    asked = 2;
                    self.say(&Message::Ask { id: 2, ask: raw(&ToPlatform::Ready) }, &[]);
                }
                Message::Ask { id, ask } => match serde_json::from_str(ask.get()).unwrap() {
                    ToApp::Call(head) => return self.breaks(way, Some((id, *head))),
                    _ => self.say(&Message::Answer { id, answer: Answer::Done(raw(&())) }, &[]),
                },
                _ => {}
            }
        }
    }

    fn breaks(&mut self, way: &str, call: Option<(u64, CallHead)>) {
        match (way, call) {
            ("endless", _) => {
                // As much as a frame may have, and it never ends.
                self.bytes(&(100_u32 * 1024 * 1024).to_be_bytes());
                self.bytes(&10_u32.to_be_bytes());
                loop {
                    self.bytes(&[b' '; 100]);
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            ("long", _) => self.bytes(&[0xff; 64]),
            ("noise", _) => {
                let noise: Vec<u8> = (0..100_000_u32).map(|at| (at * at % 251) as u8).collect();
                self.bytes(&[&[0, 0, 0, 200, 0, 0, 0, 100][..], &noise].concat());
            }
            ("silent", _) => {}
            ("leaves", _) => std::process::exit(0),
            ("strange", _) => {
                self.say(&Message::Answer { id: 999, answer: Answer::Done(raw(&())) }, &[]);
            }
            ("torn", _) => {
                let mut frame = Vec::new();
                encode(&[b'{'; 50], &[], &mut frame);
                self.bytes(&frame[..20]);
                self.stream.shutdown(std::net::Shutdown::Write).unwrap();
            }
            ("questions", _) => {
                for id in 3..200_000 {
                    self.say(&Message::Ask { id, ask: raw(&json!({ "never": "heard" })) }, &[0; 1000]);
                }
                self.bytes(&[0xff; 64]);
            }
            ("foreign", Some((id, head))) => {
                let path = "/other/app/probe.form".parse().unwrap();
                let change = Change {
                    path,
                    row: Some("1".to_owned()),
                    version: Some(1),
                    op: ChangeOp::Create,
                    old: None,
                    new: Some(json!({ "made": head.path })),
                };
                self.done(id, vec![change]);
            }
            ("twice", Some((id, head))) => {
                let entry = kageos_core::LogEntry::new(kageos_core::LogLevel::Info, "a call of nobody");
                let call = Some(kageos_core::CallId::NIL).filter(|nobody| *nobody != head.id);
                self.say(&Message::Note(Note::Log { call, entry }), &[]);
                self.done(id, Vec::new());
                self.done(id, Vec::new());
            }
            (way, _) => panic!("{way} is no way"),
        }
    }

    fn done(&mut self, id: u64, changes: Vec<Change>) {
        let called = Called { changes, receipt: false, undoable: false };
        self.say(&Message::Answer { id, answer: Answer::Done(raw(&called)) }, b"\"done\"");
    }
}

#[tokio::test]
async fn an_app_that_breaks_the_protocol_is_ended_and_nothing_else() {
    for ground in grounds().await {
        let driver = ground.driver();
        let (apps, beside) = (Folders::new(), Folders::new());
        let (other, _host) = try_kit(&beside, &driver, &["--nocapture"], |_| {}).await.unwrap();
        for way in BEFORE {
            let named = format!("{WAY}before-{way}");
            // Who only takes its time is given little of it.
            let is_slow = matches!(way, "endless" | "silent");
            let soon = |options: &mut kageos_server::runtime::AppOptions| {
                if is_slow {
                    options.ready_within = Duration::from_secs(2);
                }
            };
            let refused = try_kit(&apps, &driver, &["--skip", &named], soon).await;
            let error = refused.map(drop).unwrap_err();
            assert_eq!(error.code, Code::Unavailable, "{way}: {error:?}");
            assert_eq!(error.message.contains("in time"), is_slow, "{way}: {error:?}");
        }
        for (way, cuts_off) in DURING {
            let named = format!("{WAY}during-{way}");
            let (kit, host) = try_kit(&apps, &driver, &["--skip", &named], |_| {}).await.unwrap();
            let pid = host.pid().await.unwrap_or_else(|| panic!("{way}: {:?}", kit.logs()));
            let done = host.call(late(&kit, "probe.form", "")).await;
            match (way, done) {
                ("twice", Ok(reply)) => assert_eq!(reply.output.get(), "\"done\""),
                ("foreign", Err(HostError::Ended(error))) => assert_eq!(error.code, Code::Internal),
                (_, Err(HostError::CutOff(error))) if cuts_off => {
                    assert_eq!(error.code, Code::Unavailable, "{way}");
                }
                (way, done) => panic!("{way}: {done:?}"),
            }
            // What was foreign harms its call, and an answer that comes again nobody; every other way is the end of the app.
            if !cuts_off {
                assert!(is_alive(pid), "{way}");
                host.stop(Duration::ZERO).await;
            }
            let gone = async || (!is_alive(pid)).then_some(());
            assert!(tokio::time::timeout(GONE, eventually(gone)).await.is_ok(), "{way}: it runs on");
        }
        let input = json!({ "what": "nothing" });
        other.call("probe.form", "submit", input).await.expect("another app goes on");
    }
}
