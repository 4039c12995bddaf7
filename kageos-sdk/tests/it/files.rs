//! Files in fields and in functions, through the whole door.

use std::time::Duration;

use kageos_core::{FileId, platform::oplog::Status};
use kageos_sdk::{
    App, Code, Ctx, Error, FileInfo, FileRef, Form, Object, Result, RowId, Submit, Table, testkit::Kit,
};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Table)]
#[table(history)]
struct Letter {
    #[field(id)]
    id: RowId,
    #[field(accept = "text/*", max_bytes = 1_000)]
    text: Option<FileRef>,
    papers: Vec<FileRef>,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Object)]
struct Line {
    scan: Option<FileRef>,
}

/// Reads a file, makes another one and keeps both in a row, unless it is told to fail.
#[derive(Debug, Form)]
#[form(effect(creates))]
struct Shout {
    text: FileRef,
    fail: bool,
}

#[derive(Debug, PartialEq, Object)]
struct Shouted {
    made: FileRef,
}

impl Submit for Shout {
    type Output = Shouted;

    async fn submit(self, ctx: &Ctx) -> Result<Shouted> {
        let text = ctx.files().read(self.text, 1_000).await?;
        let info = ctx.files().info(self.text).await?;
        let loud = String::from_utf8_lossy(&text).to_uppercase();
        let made = ctx.files().write(format!("loud {}", info.name), "text/plain", loud).await?;
        assert_eq!(ctx.files().info(made).await?.size, 5, "a call sees what it makes");
        if !ctx.dry_run() {
            assert_eq!(ctx.files().read(made, 5).await?, b"HELLO");
        }
        let letter =
            Letter { id: ctx.row_id(), text: Some(self.text), papers: vec![made], lines: Vec::new() };
        ctx.table::<Letter>().create(letter).await?;
        if self.fail { Err(Error::field("/fail", "told", "as told")) } else { Ok(Shouted { made }) }
    }
}

async fn kit() -> Kit {
    Kit::open(&App::new("post").table::<Letter>().form::<Shout>()).await.unwrap()
}

async fn text(kit: &Kit, path: &str) -> FileInfo {
    kit.upload(path, "a.txt", "text/plain", b"hello").await.unwrap()
}

/// Whether the sweep of the day after leaves the file.
async fn stays(kit: &Kit, id: FileId) -> bool {
    kit.advance(Duration::from_secs(24 * 60 * 60 + 1));
    kit.platform().sweep_files().await.unwrap();
    kit.platform().files().content(id).await.is_ok()
}

#[tokio::test]
async fn a_row_keeps_its_files() {
    let kit = kit().await;
    let (file, paper, scan) = (
        text(&kit, "letter.table").await,
        text(&kit, "letter.table").await,
        text(&kit, "letter.table").await,
    );
    let values = json!({ "text": file.id, "papers": [paper.id], "lines": [{ "scan": scan.id }] });
    let made = kit.call("letter.table", "create", json!({ "values": values })).await.unwrap();
    assert_eq!(made.output["values"]["text"], json!(file.id));
    let page = kit
        .call("letter.table", "search", json!({ "filter": { "not": { "empty": "papers" } } }))
        .await
        .unwrap();
    assert_eq!(page.output["labels"]["papers"][paper.id.to_string()], "a.txt");
    assert_eq!(page.output["files"][file.id.to_string()]["size"], 5);
    let none = kit.call("letter.table", "search", json!({ "filter": { "empty": "text" } })).await.unwrap();
    assert_eq!(none.output["rows"], json!([]));
    // A field that is emptied lets go of nothing: the history names the file still.
    let patch = json!({ "id": made.output["id"], "version": 1, "patch": { "text": null } });
    kit.call("letter.table", "update", patch).await.unwrap();
    assert!(stays(&kit, file.id).await && stays(&kit, paper.id).await && stays(&kit, scan.id).await);
}

#[tokio::test]
async fn rows_from_csv_name_only_files_that_are_there() {
    let kit = kit().await;
    let file = text(&kit, "letter.table").await;
    let import = |id: FileId| json!({ "csv": format!("text\n{id}\n") });
    let unknown = "01j0000000000000000000000a".parse().unwrap();
    let refused = kit.call("letter.table", "import", import(unknown)).await.unwrap_err();
    assert_eq!((refused.code, &*refused.fields[0].code), (Code::InvalidInput, "not_found"));
    kit.call("letter.table", "import", import(file.id)).await.unwrap();
    assert!(stays(&kit, file.id).await);
}

#[tokio::test]
async fn a_function_reads_and_makes_files() {
    let kit = kit().await;
    let file = text(&kit, "shout.form").await;
    let shouted = kit.submit(&Shout { text: FileRef(file.id), fail: false }).await.unwrap();
    let made = shouted.output.made.0;
    assert!(stays(&kit, made).await && stays(&kit, file.id).await);
    let content = kit.platform().files().content(made).await.unwrap();
    assert_eq!(content.read(0..100).await.unwrap(), b"HELLO");
    let shown = shouted.changes.iter().filter_map(|change| change.new.as_ref()?.get("file"));
    let names: Vec<&Value> = shown.map(|file| &file["name"]).collect();
    assert_eq!(names, ["loud a.txt"]);
    let info = kit.call("shout.form", "read_file", json!({ "file": made })).await.unwrap();
    assert_eq!(info.output["type"], "text/plain");
}

#[tokio::test]
async fn what_a_function_made_goes_with_its_failure() {
    let kit = kit().await;
    let file = text(&kit, "shout.form").await;
    kit.submit(&Shout { text: FileRef(file.id), fail: true }).await.unwrap_err();
    let listed = kit.call("shout.form", "list_files", json!({})).await.unwrap();
    assert_eq!(listed.output["items"].as_array().unwrap().len(), 1, "the one that was brought");
    assert_eq!(kit.platform().sweep_files().await.unwrap(), 1);
    assert!(!stays(&kit, file.id).await);
    let last = kit.activity().await.unwrap();
    assert!(last.iter().any(|it| it.action.as_str() == "submit" && it.status == Status::Failed));
}

#[tokio::test]
async fn a_dry_run_shows_the_file_and_keeps_none() {
    let kit = kit().await;
    let file = text(&kit, "shout.form").await;
    let kit = kit.dry_run(true);
    let tried = kit.submit(&Shout { text: FileRef(file.id), fail: false }).await.unwrap();
    assert_eq!(tried.changes.last().unwrap().new.as_ref().unwrap()["file"]["size"], 5);
    let kit = kit.dry_run(false);
    let listed = kit.call("shout.form", "list_files", json!({})).await.unwrap();
    assert_eq!(listed.output["items"].as_array().unwrap().len(), 1);
    assert_eq!(kit.platform().sweep_files().await.unwrap(), 1);
}

#[tokio::test]
async fn a_function_reads_no_file_that_its_caller_may_not() {
    let kit = kit().await;
    let file = text(&kit, "shout.form").await;
    let loose = text(&kit, "").await;
    let refused = kit.submit(&Shout { text: FileRef(loose.id), fail: false }).await.unwrap_err();
    assert_eq!(refused.fields[0].pointer, "/text");
    let stranger = kit.stranger("eve").await.unwrap();
    let kit = kit.acting(stranger);
    let hidden = kit.call("shout.form", "read_file", json!({ "file": file.id })).await.unwrap_err();
    assert_eq!(hidden.code, Code::NotFound);
}
