//! `kagectl workspace`: the source and the releases of a workspace, from a folder of this machine.

use std::{collections::BTreeMap, path::Path};

use hyper::Method;
use kageos_core::{Code, Error, ResourcePath, Result};
use serde_json::{Value, json};

use super::{
    Session, app_folder,
    args::Workspace,
    attach,
    call::{self, pretty},
    remote::Remote,
    workspace_logs,
};

/// Bytes of text that one call carries, about: the body of a request has a limit.
const BATCH: usize = 512 * 1024;
/// Files of one call.
const BATCH_FILES: usize = 400;

/// Who calls the actions of workspaces: a program that asks a server, or the server itself.
pub(super) trait Caller {
    /// Calls an action and answers its output.
    async fn call(&self, path: &ResourcePath, action: &str, input: Value) -> Result<Value>;
}

/// Asks the running server, and tells how far a long call is.
pub(super) struct Asking<'a>(pub(super) &'a Session, pub(super) Remote);

impl Caller for Asking<'_> {
    async fn call(&self, path: &ResourcePath, action: &str, input: Value) -> Result<Value> {
        let request = json!({ "action": action, "input": input });
        Ok(call::begin(&self.1, self.0.output, path, &request).await?["output"].take())
    }
}

pub(super) async fn run(session: &Session, command: Workspace) -> Result<()> {
    if let Workspace::New { folder, title } = command {
        return app_folder::new(session, &folder, title);
    }
    if let Workspace::Logs(args) = &command {
        return workspace_logs::run(session, args).await;
    }
    if let Workspace::Attach(args) = &command {
        return attach::run(session, args).await;
    }
    let caller = Asking(session, Remote::find(&session.state)?);
    let output = session.output;
    let (done, shown): (Value, fn(&Value) -> String) = match command {
        Workspace::New { .. } | Workspace::Logs(_) | Workspace::Attach(_) => return Ok(()),
        Workspace::Push { folder, path, message, no_build } => {
            let path = path.parse()?;
            app_folder::check(&folder)?;
            ensure(&caller.1, &path).await?;
            let pushed = push(&caller, &path, &folder, &message).await?;
            let words = format!("{} files written, {} removed", pushed.written, pushed.removed);
            if no_build {
                let pushed = json!({ "written": pushed.written, "removed": pushed.removed });
                output.result(&pushed, || words);
                return Ok(());
            }
            output.progress(&words);
            (release(&caller, &path).await?, released)
        }
        Workspace::Build { path } => (build(&caller, &path.parse()?).await?, built),
        Workspace::Publish { path, release, consent } => {
            (publish(&caller, &path.parse()?, &json!(release), consent).await?, live)
        }
        Workspace::Rollback { path } => {
            let path = path.parse()?;
            let before = before(&caller, &path).await?;
            (publish(&caller, &path, &before, None).await?, live)
        }
        Workspace::Restart { path } => {
            (caller.call(&path.parse()?, "restart", json!({})).await?, |_| "restarted".to_owned())
        }
        Workspace::Detach { path } => {
            (caller.call(&path.parse()?, "detach", json!({})).await?, |_| "detached".to_owned())
        }
        Workspace::Revert { path, commit } => {
            (caller.call(&path.parse()?, "revert_commit", json!({ "commit": commit })).await?, pretty)
        }
        Workspace::Rm { path, yes } => (remove(session, &caller, &path.parse()?, yes).await?, removed),
        looks => look(&caller, looks).await?,
    };
    output.result(&done, || shown(&done));
    Ok(())
}

/// Makes a workspace, in a namespace that is there, unless it is there too.
pub(super) async fn ensure(remote: &Remote, path: &ResourcePath) -> Result<()> {
    let found = remote.ask::<Value>(Method::GET, &format!("/api/v1/node{path}"), None).await;
    let (Err(error), Some(above)) = (found, path.parent().filter(|_| path.depth() == 2)) else {
        return Ok(());
    };
    if error.code != Code::NotFound {
        return Err(error);
    }
    let input = json!({ "code": path.code(), "title": app_folder::title_of(path.code()) });
    let request = json!({ "action": "create_directory", "input": input });
    remote.ask::<Value>(Method::POST, &format!("/api/v1/call{above}"), Some(&request)).await.map(drop)
}

/// Deletes a workspace, once a person has agreed.
async fn remove(session: &Session, caller: &impl Caller, path: &ResourcePath, agreed: bool) -> Result<Value> {
    let Some(above) = path.parent().filter(|_| path.depth() == 2 && path.kind().is_none()) else {
        return Err(Error::new(
            Code::InvalidPath,
            format!("{path} is no workspace: /namespace/workspace is."),
        ));
    };
    let days = session.config()?.runtime.keep_deleted.as_secs() / (24 * 60 * 60);
    let question =
        format!("Delete {path} with its app, rows and source? It can be restored for {days} days.");
    if !agreed && !session.output.agreed(&question)? {
        return Err(Error::new(Code::Cancelled, "Nothing was deleted."));
    }
    caller.call(path, "delete", json!({})).await?;
    Ok(json!({ "deleted": path, "restore": { "path": above, "code": path.code() }, "days": days }))
}

fn removed(done: &Value) -> String {
    format!(
        "{} is deleted; for {} days `kagectl call {} restore '{{\"code\":\"{}\"}}'` brings it back",
        text(done, "deleted"),
        done["days"],
        text(&done["restore"], "path"),
        text(&done["restore"], "code")
    )
}

/// What only reads, and how it is shown.
async fn look(caller: &impl Caller, command: Workspace) -> Result<(Value, fn(&Value) -> String)> {
    let (path, action, input, shown): (String, &str, Value, fn(&Value) -> String) = match command {
        Workspace::List { path } => {
            let files = all_files(caller, &path.parse()?).await?;
            return Ok((json!(files), |files| {
                files
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(file, _)| file.clone())
                    .collect::<Vec<_>>()
                    .join("\n")
            }));
        }
        Workspace::Releases { path } => (path, "list_releases", json!({ "limit": 100 }), table),
        Workspace::Show { path, file: None } => (path, "read_usage", json!({}), usage),
        Workspace::Show { path, file: Some(file) } => {
            (path, "read_source", json!({ "path": file }), |read| text(read, "text").trim_end().to_owned())
        }
        Workspace::Search { path, query, regex } => {
            (path, "search_source", json!({ "query": query, "regex": regex, "limit": 500 }), matches)
        }
        Workspace::Diff { path, from, to } => {
            let named = [("from", from), ("to", to)];
            let named = named.into_iter().filter_map(|(key, commit)| Some((key.to_owned(), commit?.into())));
            (path, "diff_source", Value::Object(named.collect()), patches)
        }
        Workspace::History { path } => (path, "list_commits", json!({ "limit": 100 }), commits),
        _ => return Err(Error::of(Code::UnknownAction)),
    };
    Ok((caller.call(&path.parse()?, action, input).await?, shown))
}

/// What a push did.
pub(super) struct Pushed {
    pub(super) written: usize,
    pub(super) removed: usize,
}

/// Makes the source of a workspace that of a folder, as few commits as the size of a request allows.
pub(super) async fn push(
    caller: &impl Caller,
    path: &ResourcePath,
    folder: &Path,
    message: &str,
) -> Result<Pushed> {
    let here = app_folder::texts(folder)?;
    app_folder::check(folder)?;
    let there = all_files(caller, path).await?;
    let mut writes = Vec::new();
    for (file, text) in &here {
        let hash = crate::runtime::hash(text.as_bytes())?;
        if there.get(file) != Some(&hash) {
            writes.push(json!({ "path": file, "text": text, "expected": there.get(file) }));
        }
    }
    let written = writes.len();
    for (file, hash) in there.iter().filter(|(file, _)| !here.contains_key(*file)) {
        writes.push(json!({ "path": file, "text": null, "expected": hash }));
    }
    let removed = writes.len() - written;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for write in writes {
        let size = write["text"].as_str().map_or(0, str::len);
        if !batch.is_empty() && (bytes + size > BATCH || batch.len() == BATCH_FILES) {
            let files = std::mem::take(&mut batch);
            caller.call(path, "write_source", json!({ "files": files, "message": message })).await?;
            bytes = 0;
        }
        bytes += size;
        batch.push(write);
    }
    if !batch.is_empty() {
        caller.call(path, "write_source", json!({ "files": batch, "message": message })).await?;
    }
    Ok(Pushed { written, removed })
}

/// Builds the newest commit and makes it live.
pub(super) async fn release(caller: &impl Caller, path: &ResourcePath) -> Result<Value> {
    let built = build(caller, path).await?;
    publish(caller, path, &built["release"], None).await
}

/// Makes a release live. Where somebody has to consent first, the error says to what, and how.
async fn publish(
    caller: &impl Caller,
    path: &ResourcePath,
    release: &Value,
    consent: Option<String>,
) -> Result<Value> {
    let mut input = json!({ "release": release });
    if let Some(digest) = consent {
        input["consent"] = digest.into();
    }
    caller.call(path, "publish", input).await.map_err(|error| {
        let what =
            format!("Release {release} is built, and somebody has to consent to what it does outside before it goes live");
        let how = |digest: &str| format!("kagectl workspace publish {path} {release} --consent {digest}");
        consent_wanted(error, &what, how)
    })
}

/// Where somebody has to consent first: to what, and how.
pub(super) fn consent_wanted(error: Error, what: &str, how: impl FnOnce(&str) -> String) -> Error {
    if error.code != Code::ConsentRequired {
        return error;
    }
    let of = |code: &str| {
        let found = error.fields.iter().filter(|field| field.code == code);
        found.map(|field| field.message.clone()).collect::<Vec<_>>()
    };
    let reaches = of("origin").into_iter().map(|it| format!("\n  reaches {it}"));
    let uses = of("secret").into_iter().map(|it| format!("\n  uses the secret {it}"));
    let all: String = reaches.chain(uses).collect();
    let how = how(&of("digest").concat());
    let message = format!("{what}:{all}\nTo consent: {how}");
    Error { message, fields: Vec::new(), ..error }
}

/// Builds the newest commit; what the compiler says of one that does not compile is the error.
async fn build(caller: &impl Caller, path: &ResourcePath) -> Result<Value> {
    let built = caller.call(path, "build", json!({})).await?;
    if built["state"] == "built" {
        return Ok(built);
    }
    let all = built["diagnostics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = all.iter().filter(|it| it["level"] == "error").filter_map(|it| it["text"].as_str());
    let why = built["error"].as_str().unwrap_or_default();
    let message = texts.map(str::trim_end).chain([why]).collect::<Vec<_>>().join("\n\n");
    Err(Error::new(Code::Conflict, format!("release {} is not built.\n{message}", built["release"])))
}

/// The release that was live before the one that is.
async fn before(caller: &impl Caller, path: &ResourcePath) -> Result<Value> {
    let found = caller.call(path, "list_releases", json!({ "limit": 100 })).await?;
    let all = found["releases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let older = |it: &&Value| {
        it["release"].as_u64() < found["live"].as_u64()
            && !it["binary"].is_null()
            && matches!(it["state"].as_str(), Some("retired" | "draining"))
    };
    let before = all.iter().find(older).map(|it| it["release"].clone());
    before.ok_or_else(|| Error::new(Code::Conflict, "No earlier release has its program still."))
}

/// Every file of the source with its hash.
async fn all_files(caller: &impl Caller, path: &ResourcePath) -> Result<BTreeMap<String, String>> {
    let (mut all, mut next) = (BTreeMap::new(), Value::Null);
    loop {
        let mut input = json!({ "limit": 500 });
        if !next.is_null() {
            input["next"] = next;
        }
        let page = caller.call(path, "list_source", input).await?;
        for file in page["files"].as_array().into_iter().flatten() {
            let text = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
            all.insert(text("path"), text("hash"));
        }
        next = page["next"].clone();
        if next.is_null() {
            return Ok(all);
        }
    }
}

fn live(release: &Value) -> String {
    format!("release {} is live", release["release"])
}

fn built(release: &Value) -> String {
    format!("release {} is built{}", release["release"], changes(release))
}

fn released(release: &Value) -> String {
    live(release) + &changes(release)
}

/// What a release does to functions, a line each.
fn changes(release: &Value) -> String {
    let functions = release["changes"].as_array().into_iter().flatten();
    // The app has chosen these names, and may be a foreign one.
    let line = |place: &str, change: &Value, key: &str| {
        format!("\n{place}{} {}", mark(change), workspace_logs::escaped(text(change, key)))
    };
    let told = functions.flat_map(|function| {
        let parts = function["parts"].as_array().into_iter().flatten();
        let more = function["more"].as_u64().map(|more| format!("\n    … {more} more"));
        let parts = parts.map(|part| line("    ", part, "part"));
        [line("  ", function, "path")].into_iter().chain(parts).chain(more).collect::<Vec<_>>()
    });
    told.collect()
}

/// What the starts of a release did to tables, in a few words; nothing when they did nothing.
fn tables(release: &Value) -> String {
    const WORDS: [(&str, &str); 10] = [
        ("create_table", "tables +"),
        ("add_column", "columns +"),
        ("add_search_column", "search columns +"),
        ("drop_search_column", "search columns -"),
        ("add_index", "indexes +"),
        ("drop_index", "indexes -"),
        ("fill_default", "defaults filled in "),
        ("keep_field", "fields kept "),
        ("reuse_field", "fields used again "),
        ("other", "other steps "),
    ];
    let steps = release["tables"]["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let counts = WORDS.iter().filter_map(|(step, words)| {
        let count = steps.iter().filter(|it| text(it, "step") == *step).count();
        (count > 0).then(|| format!("{words}{count}"))
    });
    let more = release["tables"]["more"].as_u64().map(|more| format!("{more} more"));
    counts.chain(more).collect::<Vec<_>>().join(", ")
}

/// What becomes of a function or a part of it.
fn mark(change: &Value) -> char {
    match text(change, "change") {
        "added" => '+',
        "removed" => '-',
        _ => '~',
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn lines<'a>(value: &'a Value, key: &str, line: impl Fn(&'a Value) -> String) -> String {
    value[key].as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}

fn usage(found: &Value) -> String {
    let megabytes = |value: &Value| value.as_u64().unwrap_or_default().div_ceil(1 << 20);
    let (source, data) = (&found["source"], &found["data"]);
    format!(
        "source  {} of {} files, {} of {} MB, {} MB with history\nrows    {} of {} MB\nbuild   {} MB, removed when \
         room is needed",
        source["files"],
        source["max_files"],
        megabytes(&source["bytes"]),
        megabytes(&source["max_bytes"]),
        megabytes(&source["history_bytes"]),
        megabytes(&data["bytes"]),
        megabytes(&data["max_bytes"]),
        megabytes(&found["build_bytes"]),
    )
}

fn table(found: &Value) -> String {
    lines(found, "releases", |it| {
        let commit = text(it, "commit").get(..10).unwrap_or_default();
        let line = format!(
            "{:>4}  {:<9} {commit}  {}  {}",
            it["release"],
            text(it, "state"),
            text(it, "at"),
            text(&it["by"], "name")
        );
        match tables(it).as_str() {
            "" => line,
            tables => format!("{line}\n      {tables}"),
        }
    })
}

fn matches(found: &Value) -> String {
    lines(found, "matches", |it| {
        format!("{}:{}:{}: {}", text(it, "path"), it["line"], it["column"], text(it, "text"))
    })
}

fn patches(found: &Value) -> String {
    lines(found, "files", |it| match it["patch"].as_str() {
        Some(patch) => patch.trim_end().to_owned(),
        None => format!("{} {}", text(it, "change"), text(it, "path")),
    })
}

fn commits(found: &Value) -> String {
    lines(found, "commits", |it| {
        let (commit, message) = (text(it, "commit"), text(it, "message").lines().next().unwrap_or_default());
        format!(
            "{}  {}  {}  {message}",
            commit.get(..10).unwrap_or_default(),
            text(it, "at"),
            text(&it["author"], "name")
        )
    })
}
