//! The platform's end of a link, and what comes of apps that are slow, lie, or say nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kageos_core::file::NewFile;
use kageos_core::host::NoControl;
use kageos_core::link::frame::{self, Decoder, Frame, FrameError, MAX_HEAD};
use kageos_core::link::message::{Answer, Message, Note, ToApp, ToPlatform};
use kageos_core::link::{Closed, LinkHost, LinkOptions, MAX_ASKS, MAX_FRAME, VERSIONS};
use kageos_core::log::NoLog;
use kageos_core::{
    Actor, Call, CallId, Code, Dispatch, Env, Error, FileId, FileInfo, Files, Host, HostCall, HostError,
    LogCall, LogEntry, LogLevel, LogSink, LogSource, Manifest, Progress, Reply, Result, Source, SourceKind,
    StepSink, TableSteps,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

/// Whatever is cut, and wherever, the same frames come out.
fn decoded(bytes: &[u8], cut: usize) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for piece in bytes.chunks(cut.max(1)) {
        decoder.push(piece);
        while let Some(frame) = decoder.take()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in(
        frames in prop::collection::vec((".{0,40}", prop::collection::vec(any::<u8>(), 0..200)), 0..8),
        cut in 1..100_usize,
    ) {
        let frames: Vec<Frame> =
            frames.into_iter().map(|(head, body)| Frame { head: head.into_bytes(), body }).collect();
        let mut bytes = Vec::new();
        frames.iter().for_each(|it| frame::encode(&it.head, &it.body, &mut bytes));
        prop_assert_eq!(decoded(&bytes, cut), Ok(frames));
    }

    #[test]
    fn no_bytes_bring_the_decoder_down(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 1..50_usize) {
        let whole = decoded(&bytes, bytes.len());
        prop_assert_eq!(whole, decoded(&bytes, cut));
    }

    #[test]
    fn a_flipped_bit_is_another_frame_or_none(at in 0..60_usize, bit in 0..8_u8, cut in 1..9_usize) {
        let mut bytes = Vec::new();
        frame::encode(b"{\"cancel\":{\"id\":1}}", &[7; 20], &mut bytes);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        for frame in decoded(&bytes, cut).into_iter().flatten() {
            prop_assert!(frame.head.len() + frame.body.len() <= bytes.len());
            let _ = serde_json::from_slice::<Message>(&frame.head);
        }
    }
}

/// A message of each kind as a peer sends it, with what it carries.
fn messages() -> Vec<(Message, Vec<u8>)> {
    let raw = |value: Value| serde_json::value::to_raw_value(&value).unwrap();
    let failed = HostError::Refused(Error::field("/task", "done", "This is done already."));
    let entry = LogEntry::new(LogLevel::Info, "It is done.").with("rows", 3);
    let call = CallId::NIL;
    let progress = Progress { done: 1, total: Some(7), message: "so far".to_owned() };
    let hello = ToPlatform::Hello { versions: VERSIONS, manifest: Box::new(manifest()) };
    let asks = [raw(json!(hello)), raw(json!(ToPlatform::Ready)), raw(json!(ToApp::Fence { call }))];
    let asks = asks.into_iter().zip(1..).map(|(ask, id)| Message::Ask { id, ask });
    let answers = [Answer::Done(raw(json!({ "changes": [], "undoable": false }))), Answer::Failed(failed)];
    let answers = answers.into_iter().zip(1..).map(|(answer, id)| Message::Answer { id, answer });
    let notes = [
        Note::Progress { call, progress },
        Note::Log { call: Some(call), entry },
        Note::LogLost { lines: 9 },
        Note::Stop { call },
        Note::Drain,
    ];
    let all = asks.chain(answers).chain(notes.map(Message::Note)).chain([Message::Cancel { id: 2 }]);
    all.zip(0..).map(|(message, at)| (message, vec![at; usize::from(at) * 31])).collect()
}

/// What is done to a stream of valid frames on its way.
#[derive(Debug, Clone)]
enum Damage {
    Flip {
        at: usize,
        bit: u8,
    },
    Cut {
        at: usize,
        bytes: usize,
    },
    Insert {
        at: usize,
        bytes: Vec<u8>,
    },
    /// A part of the stream comes again somewhere else.
    Merge {
        from: usize,
        bytes: usize,
        at: usize,
    },
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = || any::<prop::sample::Index>().prop_map(|index| index.index(1 << 20));
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        (at(), 1..200_usize).prop_map(|(at, bytes)| Damage::Cut { at, bytes }),
        (at(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Damage::Insert { at, bytes }),
        (at(), 1..200_usize, at()).prop_map(|(from, bytes, at)| Damage::Merge { from, bytes, at }),
    ]
}

fn damaged(mut stream: Vec<u8>, damage: &[Damage]) -> Vec<u8> {
    for one in damage {
        let len = stream.len().max(1);
        let part = |from: usize, bytes: usize| from % len..(from % len + bytes).min(stream.len());
        match one {
            Damage::Flip { at, bit } => stream[at % len] ^= 1 << bit,
            Damage::Cut { at, bytes } => drop(stream.drain(part(*at, *bytes))),
            Damage::Insert { at, bytes } => drop(stream.splice(at % len..at % len, bytes.clone())),
            Damage::Merge { from, bytes, at } => {
                let again = stream[part(*from, *bytes)].to_vec();
                drop(stream.splice(at % len..at % len, again));
            }
        }
        if stream.is_empty() {
            break;
        }
    }
    stream
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Each frame of a stream that was valid and is damaged lies in it, where it says; the frames before the first damage
    /// come out whole; a head that was damaged is a message or none; and how the stream is cut makes no difference.
    #[test]
    fn valid_frames_that_are_damaged_are_other_frames_or_none(
        order in prop::collection::vec(0..11_usize, 1..6),
        damage in prop::collection::vec(damage(), 0..4),
        cut in 1..300_usize,
    ) {
        let messages = messages();
        prop_assert_eq!(messages.len(), 11);
        let mut stream = Vec::new();
        let mut sent = Vec::new();
        for index in order {
            let (message, body) = &messages[index];
            let head = serde_json::to_vec(message).unwrap();
            frame::encode(&head, body, &mut stream);
            sent.push((stream.len(), Frame { head, body: body.clone() }));
        }
        let bytes = damaged(stream.clone(), &damage);
        let whole = bytes.iter().zip(&stream).take_while(|(a, b)| a == b).count();
        let mut decoder = Decoder::default();
        let mut found = Vec::new();
        let mut failed = None;
        'pieces: for piece in bytes.chunks(cut) {
            decoder.push(piece);
            loop {
                match decoder.take() {
                    Ok(Some(frame)) => found.push(frame),
                    Ok(None) => break,
                    Err(error) => {
                        failed = Some(error);
                        break 'pieces;
                    }
                }
            }
        }
        let mut at = 0;
        for frame in &found {
            let mut again = Vec::new();
            frame::encode(&frame.head, &frame.body, &mut again);
            prop_assert_eq!(bytes.get(at..at + again.len()), Some(&*again));
            at += again.len();
            if let Ok(message) = serde_json::from_slice::<Message>(&frame.head) {
                let told = serde_json::to_vec(&message).unwrap();
                prop_assert!(serde_json::from_slice::<Message>(&told).is_ok());
            }
        }
        for (frame, (_, sent)) in found.iter().zip(sent.iter().take_while(|(end, _)| *end <= whole)) {
            prop_assert_eq!(frame, sent);
        }
        let untouched = sent.iter().filter(|(end, _)| *end <= whole).count();
        prop_assert!(found.len() >= untouched, "{} of {}", found.len(), untouched);
        prop_assert_eq!(decoded(&bytes, bytes.len()).err(), failed);
        if failed.is_none() {
            prop_assert_eq!(decoded(&bytes, bytes.len()).map(|all| all.len()), Ok(found.len()));
            prop_assert_eq!(decoder.is_empty(), at == bytes.len());
        }
    }
}

#[test]
fn lengths_that_cannot_be_are_refused_before_anything_is_kept() {
    let frame = |length: u32, head: u32| [length.to_be_bytes(), head.to_be_bytes()].concat();
    let long = MAX_FRAME as u32 + 1;
    assert_eq!(decoded(&long.to_be_bytes(), 8), Err(FrameError::TooLong(MAX_FRAME + 1)));
    let head = MAX_HEAD as u32 + 1;
    assert_eq!(decoded(&frame(MAX_FRAME as u32, head), 8), Err(FrameError::TooLong(MAX_HEAD + 1)));
    assert_eq!(decoded(&frame(10, 7), 8), Err(FrameError::Torn { frame: 10, head: 7 }));
    assert_eq!(decoded(&3_u32.to_be_bytes(), 8), Err(FrameError::Torn { frame: 3, head: 0 }));
    assert!(frame::check(&vec![0; MAX_HEAD + 1], &[]).is_err());
}

/// Answers with what it was asked for.
#[derive(Debug)]
struct Outside;

#[async_trait]
impl Dispatch for Outside {
    async fn dispatch(&self, call: Call) -> Result<Reply> {
        let shown = json!({ "actor": call.actor.name, "app": call.actor.app, "source": call.source, "dry": call.dry_run,
            "path": call.path, "input": call.input });
        let output = serde_json::value::to_raw_value(&shown).map_err(Error::internal)?.into();
        Ok(Reply {
            call: call.id,
            output,
            changes: vec![],
            dry_run: call.dry_run,
            undoable: false,
            diff_hash: None,
        })
    }
}

#[async_trait]
impl Files for Outside {
    async fn find(&self, _: &HostCall, _: &[FileId]) -> Result<Vec<FileInfo>> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Vec::new())
    }
    async fn claim(&self, _: &HostCall, _: &[FileId]) -> Result<()> {
        Ok(())
    }
    async fn read(&self, _: &HostCall, _: FileId, _: std::ops::Range<u64>) -> Result<Vec<u8>> {
        Ok(vec![1, 2, 3])
    }
    async fn write(&self, _: &HostCall, _: NewFile) -> Result<FileInfo> {
        Err(Error::of(Code::StorageFull))
    }
}

/// An app that says whatever a test wants.
struct Raw {
    stream: DuplexStream,
    decoder: Decoder,
    asked: u64,
}

impl Raw {
    async fn say(&mut self, head: &Value, body: &[u8]) {
        let mut bytes = Vec::new();
        frame::encode(head.to_string().as_bytes(), body, &mut bytes);
        self.bytes(&bytes).await;
    }

    async fn bytes(&mut self, bytes: &[u8]) {
        // The platform may have closed the link already.
        let _ = self.stream.write_all(bytes).await;
    }

    async fn ask(&mut self, ask: &Value, body: &[u8]) -> u64 {
        self.asked += 1;
        self.say(&json!({ "ask": { "id": self.asked, "ask": ask } }), body).await;
        self.asked
    }

    /// The next message; `None` when the link has ended.
    async fn next(&mut self) -> Option<(Message, Vec<u8>)> {
        loop {
            if let Some(frame) = self.decoder.take().unwrap() {
                return Some((serde_json::from_slice(&frame.head).unwrap(), frame.body));
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.decoder.push(&bytes[..count]),
            }
        }
    }

    /// Asks and waits for the answer, over whatever is asked meanwhile.
    async fn answer(&mut self, ask: &Value, body: &[u8]) -> Result<(Value, Vec<u8>), HostError> {
        let asked = self.ask(ask, body).await;
        while let Some((message, body)) = self.next().await {
            match message {
                Message::Answer { id, answer: Answer::Done(value) } if id == asked => {
                    return Ok((serde_json::from_str(value.get()).unwrap(), body));
                }
                Message::Answer { id, answer: Answer::Failed(error) } if id == asked => return Err(error),
                _ => {}
            }
        }
        panic!("the link has ended");
    }

    /// What the platform asks next: the id, the question and the body.
    async fn asked(&mut self) -> (u64, Value, Vec<u8>) {
        while let Some((message, body)) = self.next().await {
            if let Message::Ask { id, ask } = message {
                return (id, serde_json::from_str(ask.get()).unwrap(), body);
            }
        }
        panic!("the link has ended");
    }

    async fn hello(&mut self, versions: Value) -> Result<(Value, Vec<u8>), HostError> {
        self.hello_as(versions, manifest()).await
    }

    async fn hello_as(&mut self, versions: Value, manifest: Manifest) -> Result<(Value, Vec<u8>), HostError> {
        let manifest = serde_json::to_value(manifest).unwrap();
        self.answer(&json!({ "hello": { "versions": versions, "manifest": manifest } }), &[]).await
    }
}

fn manifest() -> Manifest {
    serde_json::from_value(json!({ "schema_version": 1, "app": "raw", "title": "Raw", "directories": [],
        "functions": [] }))
    .unwrap()
}

fn pair() -> (Raw, DuplexStream) {
    let (app, platform) = tokio::io::duplex(1024);
    (Raw { stream: app, decoder: Decoder::default(), asked: 0 }, platform)
}

fn accept(stream: DuplexStream) -> JoinHandle<Result<Arc<LinkHost>>> {
    accept_with(stream, Arc::new(NoLog))
}

fn accept_with(stream: DuplexStream, logs: Arc<dyn LogSink>) -> JoinHandle<Result<Arc<LinkHost>>> {
    tokio::spawn(LinkHost::accept(stream, Env::system(), options(logs)))
}

fn options(logs: Arc<dyn LogSink>) -> LinkOptions {
    LinkOptions {
        workspace: "/demo/raw".parse().unwrap(),
        database: "sqlite:raw.db".to_owned(),
        cursor_key: [3; 32],
        ready_within: Duration::from_secs(5),
        dispatch: Arc::new(Outside),
        files: Arc::new(Outside),
        http: None,
        python: None,
        logs,
        steps: None,
    }
}

/// An app that was let in.
async fn linked() -> (Raw, Arc<LinkHost>) {
    let (mut raw, stream) = pair();
    let host = accept(stream);
    let host = enter(&mut raw, host).await;
    (raw, host)
}

async fn enter(raw: &mut Raw, host: JoinHandle<Result<Arc<LinkHost>>>) -> Arc<LinkHost> {
    let (welcome, _) = raw.hello(json!([1, 9])).await.unwrap();
    assert_eq!((&welcome["version"], &welcome["workspace"]), (&json!(1), &json!("/demo/raw")));
    raw.answer(&json!("ready"), &[]).await.unwrap();
    host.await.unwrap().unwrap()
}

fn call() -> HostCall {
    let env = Env::system();
    HostCall {
        id: CallId::new(&env),
        path: "/demo/raw/a.form".parse().unwrap(),
        action: kageos_core::ActionName::new("submit").unwrap(),
        input: b"{\"a\":1}".to_vec(),
        actor: Actor { name: "ada".to_owned(), ..Actor::anonymous() },
        source: Source::of(SourceKind::Web),
        trace: env.trace(),
        deadline: env.now().plus(Duration::from_secs(30)),
        dry_run: true,
        control: Arc::new(NoControl),
    }
}

fn begin(host: &Arc<LinkHost>, call: HostCall) -> JoinHandle<Result<kageos_core::HostReply, HostError>> {
    let host = Arc::clone(host);
    tokio::spawn(async move { host.call(call).await })
}

fn done(id: u64, value: &Value) -> Value {
    json!({ "answer": { "id": id, "answer": { "done": value } } })
}

/// What becomes of a call when the app answers it so, and why the link ended.
async fn after(say: impl AsyncFnOnce(&mut Raw, u64)) -> (HostError, Closed) {
    let (mut raw, host) = linked().await;
    let call = begin(&host, call());
    let (id, _, body) = raw.asked().await;
    assert_eq!(body, b"{\"a\":1}");
    say(&mut raw, id).await;
    let error = call.await.unwrap().unwrap_err();
    (error, host.closed().await)
}

#[tokio::test]
async fn who_breaks_the_protocol_ends_its_own_link() {
    let answered = json!({ "changes": [], "receipt": false, "undoable": false });
    let hostile: [(&str, Vec<u8>); 6] = [
        ("too long", (MAX_FRAME as u32 + 1).to_be_bytes().to_vec()),
        ("never asked", framed(&done(99, &answered))),
        ("comes after", framed(&json!({ "ask": { "id": 7, "ask": "ready" } }))),
        ("no message", framed(&json!({ "what": 1 }))),
        ("no message", vec![0, 0, 0, 5, 0, 0, 0, 1, 0xff]),
        ("no message", framed(&json!([[[[[1]]]]]))),
    ];
    for (why, bytes) in hostile {
        let (error, closed) = after(async |raw, _| raw.bytes(&bytes).await).await;
        assert!(
            matches!(&error, HostError::CutOff(error) if error.code == Code::Unavailable),
            "{why}: {error:?}"
        );
        assert!(matches!(&closed, Closed::Violated(text) if text.contains(why)), "{why}: {closed}");
    }
    let (error, closed) = after(async |raw, id| raw.say(&done(id, &json!(5)), b"1").await).await;
    assert!(matches!(error, HostError::CutOff(_)), "{error:?}");
    assert!(matches!(&closed, Closed::Violated(text) if text.contains("not what was asked")), "{closed}");
    let (_, closed) = after(async |raw, _| {
        raw.bytes(&[0, 0, 1]).await;
        raw.stream.shutdown().await.unwrap();
    })
    .await;
    assert!(matches!(&closed, Closed::Violated(text) if text.contains("within a frame")), "{closed}");
    let (error, closed) = after(async |raw, _| raw.stream.shutdown().await.unwrap()).await;
    assert!(matches!(error, HostError::CutOff(_)), "{error:?}");
    assert_eq!(closed, Closed::There);
}

fn framed(head: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode(head.to_string().as_bytes(), &[], &mut bytes);
    bytes
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_fails_its_call_and_no_other() {
    let (mut raw, host) = linked().await;
    let elsewhere = json!([{ "path": "/other/raw/a.table", "row": "1", "op": "create" }]);
    let undeclared = json!([{ "path": "/demo/raw/a.table", "row": "1", "op": "create" }]);
    let bad = [
        (json!({ "changes": elsewhere, "receipt": true, "undoable": true }), &b"1"[..]),
        (json!({ "changes": undeclared, "receipt": true, "undoable": true }), b"1"),
        (json!({ "changes": [], "receipt": true, "undoable": true }), b"{"),
    ];
    for (answer, output) in bad {
        let call = begin(&host, call());
        let (id, ..) = raw.asked().await;
        raw.say(&done(id, &answer), output).await;
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(&error, HostError::Ended(error) if error.code == Code::Internal), "{error:?}");
    }
    let call = begin(&host, call());
    let (id, ..) = raw.asked().await;
    raw.say(
        &json!({ "answer": { "id": id, "answer": { "failed": { "refused":
        { "code": "conflict", "message": "no" } } } } }),
        &[],
    )
    .await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(&error, HostError::Refused(error) if error.message == "no"), "{error:?}");
    assert_eq!(host.closed_now(), None);
}

#[tokio::test]
async fn an_app_acts_only_in_calls_that_it_was_given() {
    let (mut raw, host) = linked().await;
    let path = "/demo/other/b.form";
    let strange = json!({ "dispatch": { "during": CallId::new(&Env::system()), "path": path, "action": "submit",
        "dry_run": false } });
    let error = raw.answer(&strange, b"{}").await.unwrap_err();
    assert!(matches!(&error, HostError::Refused(error) if error.code == Code::Forbidden), "{error:?}");

    let running = call();
    let during = running.id;
    let call = begin(&host, running);
    let (id, ask, _) = raw.asked().await;
    assert_eq!((&ask["call"]["id"], &ask["call"]["dry_run"]), (&json!(during), &json!(true)));
    let ask = json!({ "dispatch": { "during": during, "path": path, "action": "submit", "dry_run": false } });
    let (given, output) = raw.answer(&ask, b"{\"b\":2}").await.unwrap();
    // Who calls and whether it is tried only is what the platform knows of the call.
    let output: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!((&output["actor"], &output["app"]), (&json!("ada"), &json!("/demo/raw")));
    assert_eq!(
        (&output["dry"], &given["dry_run"], &output["input"]),
        (&json!(true), &json!(true), &json!({"b": 2}))
    );
    assert_eq!(output["source"]["ref"], json!(during));
    let twice = raw.answer(&ask, b"{\"b\":2,\"b\":3}").await.unwrap_err();
    assert!(matches!(&twice, HostError::Refused(error) if error.code == Code::InvalidJson), "{twice:?}");
    let file = json!({ "read_file": { "during": during, "id": FileId::new(&Env::system()), "range": { "start": 0, "end": 3 } } });
    assert_eq!(raw.answer(&file, &[]).await.unwrap().1, [1, 2, 3]);

    raw.say(&done(id, &json!({ "changes": [], "receipt": false, "undoable": false })), b"1").await;
    call.await.unwrap().unwrap();
    let error = raw.answer(&ask, b"{}").await.unwrap_err();
    assert!(
        matches!(&error, HostError::Refused(error) if error.code == Code::Forbidden),
        "it is over: {error:?}"
    );
}

#[tokio::test]
async fn an_app_is_let_in_once_and_by_a_common_version() {
    let (mut raw, stream) = pair();
    let host = accept(stream);
    let early = raw.answer(&json!("ready"), &[]).await.unwrap_err();
    assert!(matches!(early, HostError::Refused(_)), "{early:?}");
    let error = raw.hello(json!([2, 3])).await.unwrap_err();
    assert!(matches!(&error, HostError::Refused(error) if error.code == Code::Conflict), "{error:?}");
    let strange = raw.answer(&json!({ "sing": {} }), &[]).await.unwrap_err();
    assert!(matches!(&strange, HostError::Refused(error) if error.code == Code::InvalidInput), "{strange:?}");
    raw.hello(json!([1, 1])).await.unwrap();
    let again = raw.hello(json!([1, 1])).await.unwrap_err();
    assert!(matches!(again, HostError::Refused(_)), "{again:?}");
    drop(raw);
    let error = host.await.unwrap().unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.message.contains("closed by the other side"), "{error}");
}

/// Keeps what it is told; the database may be away.
#[derive(Debug, Default)]
struct Steps(Mutex<Vec<TableSteps>>, bool);

#[async_trait]
impl StepSink for Steps {
    async fn take(&self, steps: TableSteps) -> Result<()> {
        self.0.lock().unwrap().push(steps);
        if self.1 { Err(Error::of(Code::Unavailable)) } else { Ok(()) }
    }
}

/// What an app says before it is ready, what that is refused with, and what is kept.
async fn kept(says: &[Value], away: bool) -> (Vec<Option<Code>>, Vec<TableSteps>) {
    let (mut raw, stream) = pair();
    let sink = Arc::new(Steps(Mutex::default(), away));
    let options = LinkOptions { steps: Some(Arc::<Steps>::clone(&sink)), ..options(Arc::new(NoLog)) };
    let host = tokio::spawn(LinkHost::accept(stream, Env::system(), options));
    let manifest = Manifest {
        functions: vec![
            serde_json::from_value(json!({ "path": "a.table", "schema": { "kind": "table", "title": "A",
                "description": "", "tags": [], "actions": [] } }))
            .unwrap(),
        ],
        ..manifest()
    };
    let early = raw.answer(&json!({ "table_steps": { "steps": [] } }), &[]).await.unwrap_err();
    assert_eq!(early.into_error().code, Code::Conflict, "before hello");
    raw.hello_as(json!([1, 1]), manifest).await.unwrap();
    let mut answers = Vec::new();
    for ask in says {
        answers.push(raw.answer(ask, &[]).await.err().map(|error| error.into_error().code));
    }
    raw.answer(&json!("ready"), &[]).await.unwrap();
    let late = raw.answer(&json!({ "table_steps": { "steps": [] } }), &[]).await.unwrap_err();
    assert_eq!(late.into_error().code, Code::Conflict, "when it is ready");
    host.await.unwrap().unwrap();
    let kept = sink.0.lock().unwrap().clone();
    (answers, kept)
}

#[tokio::test]
async fn what_an_app_did_to_its_tables_is_kept_in_bounds() {
    let step = |table: &str, name: &str| json!({ "table": table, "step": "add_column", "name": name });
    let ask = |steps: Vec<Value>| json!({ "table_steps": { "steps": steps } });
    let some = ask(vec![step("a.table", "b"), json!({ "table": "a.table", "step": "from_tomorrow" })]);
    let (answers, all) = kept(&[some.clone(), some.clone()], false).await;
    assert_eq!(answers, [None, Some(Code::Conflict)], "it says so once");
    assert_eq!(
        serde_json::to_value(&all).unwrap(),
        json!([{ "steps": [step("a.table", "b"),
        { "table": "a.table", "step": "other" }] }])
    );

    // An app that never says so is let in, and so is one whose platform cannot keep it.
    assert_eq!(kept(&[], false).await, (vec![], vec![]));
    assert_eq!(kept(&[ask(vec![])], false).await, (vec![None], vec![]));
    assert_eq!(kept(&[some], true).await.0, [Some(Code::Unavailable)]);

    let (answers, all) = kept(&[ask(vec![step("a.table", "b"), step("b.table", "b")])], false).await;
    assert_eq!(
        (answers, all),
        (vec![Some(Code::InvalidInput)], vec![]),
        "of a table that it does not declare"
    );

    let many = (0..50_000).map(|at| step("a.table", &format!("{at}\u{1b}{}", "x".repeat(50))));
    let (answers, all) = kept(&[ask(many.collect())], false).await;
    assert_eq!((answers, all.len()), (vec![None], 1));
    assert_eq!((all[0].steps.len(), all[0].more), (300, 49_700));
    let long = ask(vec![step("a.table", &"x".repeat(100_000))]);
    let (_, all) = kept(&[long], false).await;
    assert_eq!(all[0].steps[0].name.as_ref().unwrap().len(), 200);
}

/// It cannot run, and what it did until then is kept all the same.
#[tokio::test]
async fn what_was_done_before_a_start_failed_is_kept() {
    let (app, platform) = tokio::io::duplex(1024);
    let sink = Arc::new(Steps::default());
    let options = LinkOptions { steps: Some(Arc::<Steps>::clone(&sink)), ..options(Arc::new(NoLog)) };
    let host = tokio::spawn(LinkHost::accept(platform, Env::system(), options));
    let manifest = Manifest { functions: vec![], ..manifest() };
    let open = async |served: kageos_core::link::Served| {
        let steps = TableSteps { steps: vec![], more: 7 };
        served.steps.take(steps).await?;
        Err(Error::new(Code::Conflict, "a value would be lost"))
    };
    let error = kageos_core::link::serve(app, Env::system(), &manifest, open).await.unwrap_err();
    assert_eq!(error.code, Code::Conflict);
    assert!(host.await.unwrap().unwrap_err().message.contains("a value would be lost"));
    assert_eq!(*sink.0.lock().unwrap(), [TableSteps { steps: vec![], more: 7 }]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_questions_is_refused() {
    let (mut raw, host) = linked().await;
    let running = call();
    let during = running.id;
    let call = begin(&host, running);
    raw.asked().await;
    let claim = json!({ "claim_files": { "during": during, "ids": [] } });
    for _ in 0..MAX_ASKS {
        raw.ask(&json!({ "find_files": { "during": during, "ids": [] } }), &[]).await;
    }
    let error = raw.answer(&claim, &[]).await.unwrap_err();
    assert!(matches!(&error, HostError::Refused(error) if error.code == Code::Unavailable), "{error:?}");
    // What is asked for no more goes on, and keeps its place until it has ended.
    for id in 1..raw.asked {
        raw.say(&json!({ "cancel": { "id": id } }), &[]).await;
    }
    let error = raw.answer(&claim, &[]).await.unwrap_err();
    assert!(matches!(&error, HostError::Refused(error) if error.code == Code::Unavailable), "{error:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    raw.answer(&claim, &[]).await.unwrap();
    assert!(!call.is_finished());
}

#[tokio::test]
async fn an_app_with_its_hands_full_is_still_asked_whether_it_works() {
    let (mut raw, host) = linked().await;
    let mut running = Vec::new();
    for _ in 0..MAX_ASKS - 16 {
        running.push(begin(&host, call()));
        raw.asked().await;
    }
    let error = host.call(call()).await.unwrap_err();
    assert!(matches!(&error, HostError::Refused(error) if error.code == Code::Unavailable), "{error:?}");
    let health = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.health(Duration::from_secs(20)).await }
    });
    let (id, ask, _) = raw.asked().await;
    assert_eq!(ask, json!("health"));
    raw.say(&done(id, &Value::Null), &[]).await;
    health.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_receipt_is_of_the_call_and_of_the_apps_own_rows() {
    let (mut raw, host) = linked().await;
    let named = CallId::new(&Env::system());
    let answer = async |raw: &mut Raw, call: CallId| {
        let asking = tokio::spawn({
            let host = Arc::clone(&host);
            async move { host.receipt(named).await }
        });
        let (id, ask, _) = raw.asked().await;
        assert_eq!(ask, json!({ "receipt": { "call": named } }));
        let change = json!({ "path": "/other/raw/a.table", "row": "1", "op": "create" });
        let receipt = json!({ "call": call, "request_hash": "", "output": null, "changes": [change],
            "omitted": null, "changes_hash": "", "applied_at": "2026-01-01T00:00:00Z" });
        raw.say(&done(id, &receipt), &[]).await;
        asking.await.unwrap()
    };
    let receipt = answer(&mut raw, named).await.unwrap().unwrap();
    assert_eq!(receipt.changes[0].path.as_str(), "/demo/raw/a.table", "an app has rows of its own only");
    let error = answer(&mut raw, CallId::new(&Env::system())).await.unwrap_err();
    assert_eq!(error.code, Code::Internal);
}

/// Keeps what is logged.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<(Option<LogCall>, LogEntry)>>, AtomicU64);

impl LogSink for Kept {
    fn take(&self, source: LogSource, call: Option<LogCall>, entry: LogEntry) {
        assert_eq!(source, LogSource::App);
        self.0.lock().unwrap().push((call, entry));
    }

    fn lost(&self, lines: u64) {
        self.1.fetch_add(lines, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn what_an_app_logs_is_cut_and_belongs_to_calls_that_it_runs() {
    let (mut raw, stream) = pair();
    let logs = Arc::new(Kept::default());
    let host = accept_with(stream, Arc::<Kept>::clone(&logs));
    let host = enter(&mut raw, host).await;
    let named = call();
    let (own, trace) = (named.id, named.trace);
    let running = begin(&host, named);
    let (id, ..) = raw.asked().await;
    let fields: serde_json::Map<_, _> = (0..50).map(|at| (format!("f{at}"), json!([at]))).collect();
    let entry = json!({ "level": "warn", "message": "x".repeat(20_000), "fields": fields });
    let note = |call: CallId| json!({ "note": { "log": { "call": call, "entry": entry } } });
    raw.say(&note(own), &[]).await;
    raw.say(&note(CallId::new(&Env::system())), &[]).await;
    raw.say(&json!({ "note": { "log_lost": { "lines": 7 } } }), &[]).await;
    raw.say(&json!({ "note": { "log": { "entry": { "level": "debug", "message": "alone" } } } }), &[]).await;
    raw.say(&done(id, &json!({ "changes": [], "receipt": false, "undoable": false })), b"1").await;
    running.await.unwrap().unwrap();
    let kept = logs.0.lock().unwrap();
    let [(Some(of), entry), (None, _), (None, alone)] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!((of.id, of.trace, of.path.as_str()), (own, trace, "/demo/raw/a.form"));
    assert!(entry.message.len() < 10_000 && entry.fields.len() == 32 && entry.fields["f1"] == json!("[1]"));
    assert_eq!((alone.level, logs.1.load(Ordering::Relaxed)), (LogLevel::Debug, 7));
}

#[tokio::test(start_paused = true)]
async fn an_app_that_says_nothing_is_not_waited_for() {
    let (_raw, stream) = pair();
    let error = accept(stream).await.unwrap().unwrap_err();
    assert!(error.message.contains("not ready in time"), "{error}");

    let (mut raw, host) = linked().await;
    assert_eq!(host.health(Duration::from_secs(1)).await.unwrap_err().code, Code::Unavailable);
    assert_eq!(host.receipt(CallId::new(&Env::system())).await.unwrap_err().code, Code::Unavailable);
    // A caller who goes away cancels; so does the end of a look-up.
    let dropped = tokio::time::timeout(Duration::from_secs(1), host.call(call())).await;
    assert!(dropped.is_err());
    let mut cancelled = Vec::new();
    while cancelled.len() < 3 {
        if let Some((Message::Cancel { id }, _)) = raw.next().await {
            cancelled.push(id);
        }
    }
    assert_eq!(cancelled, [1, 2, 3]);
    // An answer that comes too late is for nobody.
    raw.say(&done(1, &Value::Null), &[]).await;
    assert_eq!(host.drain(Duration::from_secs(1)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_takes_nothing_is_cut_off() {
    let (_raw, host) = linked().await;
    let large = HostCall { input: vec![b' '; 100_000], ..call() };
    let error = host.call(large).await.unwrap_err();
    assert!(matches!(error, HostError::CutOff(_)), "{error:?}");
    assert_eq!(host.closed().await, Closed::Stalled);
    let error = host.call(call()).await.unwrap_err();
    assert!(matches!(error, HostError::Refused(_)), "nothing went: {error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_drains_ends_when_its_calls_have_ended() {
    let (mut raw, host) = linked().await;
    let first = begin(&host, call());
    let (id, ..) = raw.asked().await;
    let draining = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.drain(Duration::from_secs(10)).await }
    });
    while !matches!(raw.next().await, Some((Message::Note(kageos_core::link::message::Note::Drain), _))) {}
    let refused = host.call(call()).await.unwrap_err();
    assert!(matches!(&refused, HostError::Refused(error) if error.code == Code::Unavailable), "{refused:?}");
    raw.say(&done(id, &json!({ "changes": [], "receipt": false, "undoable": false })), b"1").await;
    first.await.unwrap().unwrap();
    assert_eq!(draining.await.unwrap(), 0);
    assert!(raw.next().await.is_none());

    let (mut raw, host) = linked().await;
    let cut = begin(&host, call());
    raw.asked().await;
    assert_eq!(host.drain(Duration::from_secs(10)).await, 1);
    assert!(matches!(cut.await.unwrap().unwrap_err(), HostError::CutOff(_)));
}
