//! Files are governed: who may bring, read and name them, and what stays when a call is cut off.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kageos_core::platform::oplog::{ActivityQuery, Status};
use kageos_core::platform::tree::DirectoryHost;
use kageos_core::{Actor, Call, Code, Dispatch, FileId, FileInfo, Host, Right, Rights, Role, Scope};
use serde_json::{Value, json};

use crate::files_world::{AWAY, LOST, PNG, REFUSED, TABLE, World, each_engine};
use crate::support::call;

const DAY: Duration = Duration::from_secs(24 * 60 * 60 + 1);

/// Whether the sweep of the day after leaves the file.
async fn stays(world: &World, file: &FileInfo) -> bool {
    world.clock.advance(DAY);
    world.platform.sweep_files().await.unwrap();
    world.read(&world.owner, file).await.is_ok()
}

fn places(error: &kageos_core::Error) -> Vec<(&str, &str)> {
    error.fields.iter().map(|field| (field.pointer.as_str(), &*field.code)).collect()
}

#[tokio::test]
async fn a_file_is_for_those_who_may_read_where_it_lies() {
    each_engine(async |world| {
        let member = world.person("mia", Some(Role::Member), "/demo/album").await;
        let viewer = world.person("vic", Some(Role::Viewer), "/demo/album").await;
        let stranger = world.person("eve", None, "/demo").await;
        let file = world.bring(&member, TABLE, PNG).await.unwrap();
        assert_eq!((file.media_type.as_str(), file.kept), ("image/png", false));
        assert_eq!(world.read(&member, &file).await.unwrap(), PNG);
        assert_eq!(world.read(&viewer, &file).await.unwrap(), PNG);
        assert_eq!(world.read(&stranger, &file).await.unwrap_err().code, Code::NotFound);
        assert_eq!(world.bring(&viewer, TABLE, PNG).await.unwrap_err().code, Code::Forbidden);
        assert_eq!(world.bring(&stranger, TABLE, PNG).await.unwrap_err().code, Code::NotFound);
        let discard = json!({ "file": file.id });
        let refused = world.ask(&viewer, TABLE, "discard_file", discard).await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden);

        let scoped = |rights: Rights, path: &str| {
            let scope = Some(Scope { path: Some(path.parse().unwrap()), rights });
            Actor { scope, ..member.clone() }
        };
        let only = |right| [right].into_iter().collect::<Rights>();
        let reads = scoped(only(Right::Read), "/demo/album");
        assert_eq!(world.read(&reads, &file).await.unwrap(), PNG);
        assert_eq!(world.bring(&reads, TABLE, PNG).await.unwrap_err().code, Code::Forbidden);
        let updates = scoped(only(Right::Read).with(Right::Update), "/demo/album");
        world.bring(&updates, TABLE, PNG).await.unwrap();
        let elsewhere = scoped(Rights::EVERY, "/other");
        assert_eq!(world.read(&elsewhere, &file).await.unwrap_err().code, Code::NotFound);

        // A file is asked for at its own path only.
        let asked = world.ask(&world.owner, "/demo", "read_file", json!({ "file": file.id })).await;
        assert_eq!(asked.unwrap_err().code, Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_was_given_up_is_not_brought_later() {
    each_engine(async |world| {
        let mut upload = world.platform.files().begin(&world.owner, "x.txt", "text/plain").await.unwrap();
        upload.push(b"hello").await.unwrap();
        let staged = upload.finish().await.unwrap();
        let said = json!({ "file": staged.id, "name": "x.txt", "type": "text/plain", "size": 5, "sha256": staged.sha256 });
        let late = Call {
            actor: world.owner.clone(),
            ..call(world.platform.env(), TABLE, "upload_file", said.clone())
        };
        // Another server has said so, in the table of receipts that all actions of the platform share.
        let given_up = DirectoryHost::new(world.platform.tree().clone()).fence(late.id).await.unwrap();
        assert!(given_up.is_none());
        assert_eq!(world.platform.dispatcher().dispatch(late).await.unwrap_err().code, Code::Cancelled);
        world.ask(&world.owner, TABLE, "upload_file", said).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_recorded_as_what_came() {
    each_engine(async |world| {
        let file = world.bring(&world.owner, TABLE, PNG).await.unwrap();
        let query = ActivityQuery { path: TABLE.parse().unwrap(), limit: 10, next: None };
        let (items, _) = world.platform.log().activity(&query).await.unwrap();
        assert_eq!((items[0].action.as_str(), items[0].status), ("upload_file", Status::Ok));
        let shown = items[0].changes[0].new.as_ref().unwrap();
        assert_eq!((&shown["file"]["sha256"], &shown["file"]["name"]), (&json!(file.sha256), &json!("photo.png")));

        // Nobody brings what somebody else has sent, or as something else than it is.
        let other = world.person("mia", Some(Role::Member), "/demo/album").await;
        let mut upload = world.platform.files().begin(&world.owner, "x.txt", "text/plain").await.unwrap();
        upload.push(b"hello").await.unwrap();
        let staged = upload.finish().await.unwrap();
        let said = |size: u64| {
            json!({ "file": staged.id, "name": "x.txt", "type": "text/plain", "size": size, "sha256": staged.sha256 })
        };
        let refused = world.ask(&other, TABLE, "upload_file", said(5)).await.unwrap_err();
        assert_eq!(places(&refused), [("/file", "not_found")]);
        let refused = world.ask(&world.owner, TABLE, "upload_file", said(6)).await.unwrap_err();
        assert_eq!(places(&refused), [("/sha256", "differs")]);
        world.ask(&world.owner, TABLE, "upload_file", said(5)).await.unwrap();
        let again = world.ask(&world.owner, TABLE, "upload_file", said(5)).await.unwrap_err();
        assert_eq!(places(&again), [("/file", "not_found")]);
    })
    .await;
}

#[tokio::test]
async fn a_field_takes_only_files_that_are_there_for_its_caller_and_fit() {
    each_engine(async |world| {
        let member = world.person("mia", Some(Role::Member), "/demo/album").await;
        let other = world.person("max", Some(Role::Member), "/demo/album").await;
        let mine = world.bring(&member, TABLE, PNG).await.unwrap();
        let theirs = world.bring(&other, TABLE, PNG).await.unwrap();
        let text = world.bring(&member, TABLE, b"plain words").await.unwrap();
        let large = [PNG, &[0; 100]].concat();
        let large = world.bring(&member, TABLE, &large).await.unwrap();
        let loose = world.bring(&world.owner, "/demo/album", PNG).await.unwrap();
        let none = FileId::new(&world.env);
        let refused = |values: Value| {
            let (world, member) = (&world, &member);
            async move { world.create(member, values).await.unwrap_err() }
        };
        assert_eq!(places(&refused(json!({ "photo": text.id })).await), [("/values/photo", "accept")]);
        assert_eq!(places(&refused(json!({ "photo": large.id })).await), [("/values/photo", "max_bytes")]);
        let error = refused(json!({ "photo": none, "papers": [mine.id, theirs.id, loose.id] })).await;
        let missing = [
            ("/values/photo", "not_found"),
            ("/values/papers/1", "not_found"),
            ("/values/papers/2", "not_found"),
        ];
        assert_eq!(places(&error), missing);
        world.create(&member, json!({ "photo": mine.id, "papers": [text.id] })).await.unwrap();
        // What a row names may be named by others who read it, and is not discarded.
        world.create(&other, json!({ "photo": mine.id })).await.unwrap();
        let refused =
            world.ask(&member, TABLE, "discard_file", json!({ "file": mine.id })).await.unwrap_err();
        assert_eq!(refused.code, Code::Conflict);
        assert!(stays(&world, &mine).await && stays(&world, &text).await && stays(&world, &loose).await);
        assert!(!stays(&world, &theirs).await && !stays(&world, &large).await);
        // What has to go for good goes by who administers the place.
        world.ask(&world.owner, TABLE, "discard_file", json!({ "file": mine.id })).await.unwrap();
        assert!(!stays(&world, &mine).await);
        world.create(&member, json!({ "photo": mine.id })).await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn what_a_refused_call_names_is_as_it_was() {
    each_engine(async |world| {
        let file = world.bring(&world.owner, TABLE, PNG).await.unwrap();
        world.album.ends.store(REFUSED, Ordering::SeqCst);
        world.create(&world.owner, json!({ "photo": file.id })).await.unwrap_err();
        assert!(!stays(&world, &file).await);
    })
    .await;
}

#[tokio::test]
async fn what_a_call_names_stays_until_it_is_known_how_the_call_ended() {
    for (ends, kept) in [(LOST, true), (AWAY, false)] {
        each_engine(async |world| {
            let file = world.bring(&world.owner, TABLE, PNG).await.unwrap();
            world.album.ends.store(ends, Ordering::SeqCst);
            let error = world.create(&world.owner, json!({ "photo": file.id })).await.unwrap_err();
            assert_eq!(error.code, Code::OutcomeUnknown);
            assert!(stays(&world, &file).await, "the call may have taken effect");
            let world = world.restarted().await;
            assert_eq!(stays(&world, &file).await, kept);
        })
        .await;
    }
}

#[tokio::test]
async fn a_staged_file_is_nobodys_and_goes_after_an_hour() {
    each_engine(async |world| {
        let files = world.platform.files();
        let mut upload = files.begin(&world.owner, "x", "").await.unwrap();
        upload.push(PNG).await.unwrap();
        let staged = upload.finish().await.unwrap();
        assert!(files.place(staged.id).await.unwrap().is_none());
        assert_eq!(files.content(staged.id).await.unwrap_err().code, Code::NotFound);
        let asked = world.ask(&world.owner, TABLE, "read_file", json!({ "file": staged.id })).await;
        assert_eq!(asked.unwrap_err().code, Code::NotFound);
        assert_eq!(world.platform.sweep_files().await.unwrap(), 0);
        world.clock.advance(Duration::from_secs(3_601));
        assert_eq!(world.platform.sweep_files().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_page_of_rows_names_the_files_that_its_reader_may_read() {
    each_engine(async |world| {
        let file = world.bring(&world.owner, TABLE, PNG).await.unwrap();
        world.create(&world.owner, json!({ "photo": file.id, "papers": [file.id] })).await.unwrap();
        let reply = world.ask(&world.owner, TABLE, "search", json!({})).await.unwrap();
        let page: Value = serde_json::from_str(reply.output.get()).unwrap();
        let id = file.id.to_string();
        assert_eq!(page["labels"]["photo"][&id], "photo.png");
        assert_eq!(page["labels"]["papers"][&id], "photo.png");
        assert_eq!(page["files"][&id]["size"], PNG.len());
        let scope = Some(Scope { path: Some("/other".parse().unwrap()), rights: Rights::EVERY });
        let blind = Actor { scope, ..world.owner.clone() };
        assert!(world.platform.files().visible(&blind, &[file.id]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_file_follows_its_directory() {
    each_engine(async |world| {
        let made = json!({ "code": "papers", "title": "Papers" });
        world.ask(&world.owner, "/demo/album", "create_directory", made).await.unwrap();
        let file = world.bring(&world.owner, "/demo/album/papers", PNG).await.unwrap();
        assert!(file.kept && stays(&world, &file).await, "what lies in a directory stays");
        let list = |path: &'static str| {
            let world = &world;
            async move {
                let reply = world.ask(&world.owner, path, "list_files", json!({ "limit": 1 })).await.unwrap();
                serde_json::from_str::<Value>(reply.output.get()).unwrap()
            }
        };
        world.ask(&world.owner, "/demo/album/papers", "rename", json!({ "code": "deeds" })).await.unwrap();
        let listed = list("/demo/album/deeds").await;
        assert_eq!(listed["items"][0]["id"], json!(file.id));
        assert_eq!(
            (&listed["items"][0]["path"], &listed["next"]),
            (&json!("/demo/album/deeds"), &Value::Null)
        );
        world.clock.advance(Duration::from_secs(1));
        let second = world.bring(&world.owner, "/demo/album/deeds", b"more").await.unwrap();
        let listed = list("/demo/album/deeds").await;
        assert_eq!((&listed["items"][0]["id"], &listed["next"]), (&json!(second.id), &json!(second.id)));

        world.ask(&world.owner, "/demo/album/deeds", "delete", json!({})).await.unwrap();
        assert_eq!(world.read(&world.owner, &file).await.unwrap_err().code, Code::NotFound);
        world.ask(&world.owner, "/demo/album", "restore", json!({ "code": "deeds" })).await.unwrap();
        assert_eq!(world.read(&world.owner, &file).await.unwrap(), PNG);
    })
    .await;
}
