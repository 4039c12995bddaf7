//! Bytes go in and come out the same, wherever they lie.

use std::env;

use kageos_core::platform::files::{Objects, S3Options};
use kageos_core::platform::identity::Secret;
use kageos_core::sql::testing;
use kageos_core::{Code, Env};
use serde_json::json;

use crate::files_world::World;

/// The parts that a store takes have this size.
const PART: usize = 5 * 1024 * 1024;

/// Every store that this machine offers: memory, a folder, and S3 where `KAGEOS_TEST_S3_URL` names a server's address
/// with a bucket as its path.
#[expect(clippy::disallowed_methods, reason = "tests have no main that could hand the address in")]
fn stores(folder: &std::path::Path) -> Vec<Objects> {
    let mut all = vec![Objects::memory(), Objects::folder(folder).unwrap()];
    if let Ok(url) = env::var("KAGEOS_TEST_S3_URL") {
        let (endpoint, bucket) = url.rsplit_once('/').unwrap();
        let prefix = Env::system().trace().id();
        let options = S3Options {
            url: format!("s3://{bucket}/{prefix}"),
            endpoint: Some(endpoint.to_owned()),
            region: "us-east-1".to_owned(),
            access_key_id: Some("test".to_owned()),
            secret_access_key: Some(Secret::new("test")),
        };
        all.push(Objects::s3(&options).unwrap());
    }
    all
}

/// A folder that goes.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = env::temp_dir().join(format!("kageos-objects-{}", Env::system().trace().id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// How many files are in it.
    fn files(&self) -> usize {
        let count = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::read_dir(path).unwrap().count() } else { 1 }
        };
        std::fs::read_dir(&self.0).unwrap().map(count).sum()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn objects_come_out_as_they_went_in() {
    let folder = Folder::new();
    for objects in stores(&folder.0) {
        let db = testing::sqlite().await.unwrap();
        objects.probe("one").await.unwrap();
        let world = World::new(&db, objects, 1).await;
        for size in [0, 1, PART - 1, PART, PART + 1, 2 * PART + 77] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let file = world.bring(&world.owner, "/demo", &bytes).await.unwrap();
            assert_eq!((file.size, file.name.as_str()), (size as u64, "photo.png"));
            let content = world.platform.files().content(file.id).await.unwrap();
            assert_eq!(content.read(0..u64::MAX).await.unwrap(), bytes, "{size}");
            let middle = size / 2..(size / 2 + 100).min(size);
            let part = content.read(middle.start as u64..middle.end as u64).await.unwrap();
            assert_eq!(part, bytes[middle], "{size}");
            world.ask(&world.owner, "/demo", "discard_file", json!({ "file": file.id })).await.unwrap();
            assert_eq!(world.read(&world.owner, &file).await.unwrap_err().code, Code::NotFound);
            assert_eq!(world.platform.sweep_files().await.unwrap(), 1);
            let gone = content.read(0..1).await;
            assert!(size == 0 || gone.is_err_and(|error| error.code == Code::Unavailable), "{size}");
        }
    }
    assert_eq!(folder.files(), 0, "what was removed is gone from the disk");
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let folder = Folder::new();
    for objects in stores(&folder.0) {
        let db = testing::sqlite().await.unwrap();
        let world = World::new(&db, objects, 2).await;
        let files = world.platform.files();
        let mut upload = files.begin(&world.owner, "big", "").await.unwrap();
        upload.push(&vec![1; 2 * PART]).await.unwrap();
        drop(upload);
        let mut large = files.begin(&world.owner, "too big", "").await.unwrap();
        let refused = large.push(&vec![1; 17 * 1024 * 1024]).await.unwrap_err();
        assert_eq!(refused.code, Code::PayloadTooLarge);
        drop(large);
        let mut wrong = files.begin(&world.owner, "a.png", "image/png").await.unwrap();
        wrong.push(b"no picture").await.unwrap();
        assert_eq!(wrong.finish().await.unwrap_err().code, Code::UnsupportedMediaType);
        // Each is marked by a task of its own, or at the latest by its age.
        world.clock.advance(std::time::Duration::from_secs(3_601));
        while world.platform.sweep_files().await.unwrap() > 0 {}
        let rows = world.platform.db().fetch_all("SELECT id FROM file_object", &[]).await.unwrap();
        assert!(rows.is_empty(), "{rows:?}");
    }
    assert_eq!(folder.files(), 0);
}

#[test]
fn a_bucket_that_is_none_is_refused() {
    let options = |url: &str| S3Options {
        url: url.to_owned(),
        endpoint: None,
        region: "us-east-1".to_owned(),
        access_key_id: None,
        secret_access_key: None,
    };
    for url in ["s3://", "http://bucket", "", "s3://bucket/../up"] {
        assert_eq!(Objects::s3(&options(url)).unwrap_err().code, Code::InvalidInput, "{url}");
    }
    let half = S3Options { access_key_id: Some("id".to_owned()), ..options("s3://bucket") };
    assert_eq!(Objects::s3(&half).unwrap_err().code, Code::InvalidInput);
}
