//! What can be asked of a workspace about its source, its releases and its log, through the one door.

use std::sync::LazyLock;

use kageos_core::{
    ActionName, ActionSchema, Audience, Audit, Effect, Effects, LogLevel, LogSource, Right,
    platform::secrets::{MAX_SECRET, MIN_SECRET},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    logs,
    source::{Edit, FileWrite, Query},
};

/// Most files that one call writes.
const MAX_WRITES: u32 = 500;
/// Longest message of a commit, in characters.
const MAX_MESSAGE: u32 = 2_000;
/// Longest build, in milliseconds: what a build needs that compiles everything anew on a small machine.
const BUILD_TIMEOUT_MS: u64 = 15 * 60 * 1000;
/// How long it may take until an attached app has opened its tables and answers, in milliseconds.
const ATTACH_TIMEOUT_MS: u64 = 2 * 60 * 1000;
/// Longest publication, in milliseconds: an app starts, brings its tables up to date and is asked whether it works.
const PUBLISH_TIMEOUT_MS: u64 = 5 * 60 * 1000;

/// The actions by name, with input that matches its schema.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "action", content = "input", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WorkspaceAction {
    /// Files of a commit.
    ListSource { at: Option<String>, under: Option<String>, limit: Option<usize>, next: Option<String> },
    /// The text of a file.
    ReadSource { path: String, at: Option<String> },
    /// Writes and removes files, all or none.
    WriteSource { files: Vec<FileWrite>, message: Option<String> },
    /// Replaces passages of a file.
    EditSource { path: String, expected: String, edits: Vec<Edit>, message: Option<String> },
    /// Lines that match.
    SearchSource(Query),
    /// Commits, the newest first.
    ListCommits { path: Option<String>, limit: Option<usize>, next: Option<String> },
    /// What is different between two commits.
    DiffSource { from: Option<String>, to: Option<String>, path: Option<String> },
    /// Takes back what a commit did.
    RevertCommit { commit: String, message: Option<String> },
    /// Builds the newest commit.
    Build {},
    /// Makes a release live.
    Publish { release: u32, consent: Option<String> },
    /// Releases, the newest first.
    ListReleases { limit: Option<u32>, next: Option<String> },
    /// A release with its log.
    ReadRelease { release: u32 },
    /// What it keeps, and what it may.
    ReadUsage {},
    /// Ends the process of the live release.
    Restart {},
    /// Lets the app at the other end of a link take the workspace.
    Attach { link: String, consent: Option<String> },
    /// Ends the link of the app that is attached.
    Detach { link: Option<String> },
    /// Sets a secret.
    SetSecret { name: String, value: String, origin: Option<String> },
    /// Forgets a secret.
    RemoveSecret { name: String },
    /// What is known of secrets.
    ListSecrets { release: Option<u32> },
    /// Lines of the app's log.
    ReadLogs(logs::Query),
}

impl WorkspaceAction {
    /// Whether it needs what was written.
    pub(super) fn is_of_source(&self) -> bool {
        matches!(
            self,
            Self::ListSource { .. }
                | Self::ReadSource { .. }
                | Self::WriteSource { .. }
                | Self::EditSource { .. }
                | Self::SearchSource(_)
                | Self::ListCommits { .. }
                | Self::DiffSource { .. }
                | Self::RevertCommit { .. }
                | Self::ReadUsage {}
        )
    }

    /// The action called `name`.
    pub(super) fn read(name: &ActionName, input: Value) -> serde_json::Result<Self> {
        serde_json::from_value(json!({ "action": name, "input": input }))
    }
}

/// The schemas of the actions. Source is what everybody's data is handled by, so all of them ask for `admin`.
pub(super) fn workspace_actions() -> &'static [ActionSchema] {
    static ACTIONS: LazyLock<Vec<ActionSchema>> = LazyLock::new(schemas);
    &ACTIONS
}

fn schemas() -> Vec<ActionSchema> {
    [source_schemas(), release_schemas(), secret_schemas(), vec![log_schema()]].concat()
}

fn source_schemas() -> Vec<ActionSchema> {
    let commit = json!({ "type": "string", "pattern": "^[0-9a-f]{40}$", "title": "Commit" });
    let path = json!({ "type": "string", "minLength": 1, "maxLength": 240, "title": "Path" });
    let (next, under) =
        (json!({ "type": "string", "maxLength": 300 }), json!({ "type": "string", "maxLength": 240 }));
    let message = json!({ "type": "string", "maxLength": MAX_MESSAGE, "title": "Message" });
    let (flag, pattern) =
        (json!({ "type": "boolean" }), json!({ "type": "string", "minLength": 1, "maxLength": 500 }));
    let (files, edits) = (files(), edits());
    let read = json!({ "type": "string", "pattern": "^[0-9a-f]{40}$" });
    let updates = Effects { updates: true, ..Effects::default() };
    let lists = json!({ "at": commit, "under": under, "limit": limit(500), "next": next });
    let edit = json!({ "path": path, "expected": read, "edits": edits, "message": message });
    let search =
        json!({ "query": pattern, "regex": flag, "case": flag, "under": under, "limit": limit(500) });
    let commits = json!({ "path": path, "limit": limit(200), "next": next });
    let diff = json!({ "from": commit, "to": commit, "path": path });
    let revert = json!({ "commit": commit, "message": message });
    let write = json!({ "files": files, "message": message });
    vec![
        reads("list_source", "List the source", &lists, &[]),
        reads("read_source", "Read a source file", &json!({ "path": path, "at": commit }), &["path"]),
        changes("write_source", "Write source files", updates, &write, &["files"]),
        changes("edit_source", "Edit a source file", updates, &edit, &["path", "expected", "edits"]),
        reads("search_source", "Search the source", &search, &["query"]),
        reads("list_commits", "List commits", &commits, &[]),
        reads("diff_source", "Compare two commits", &diff, &[]),
        changes("revert_commit", "Take back a commit", updates, &revert, &["commit"]),
    ]
}

fn release_schemas() -> Vec<ActionSchema> {
    let next = json!({ "type": "string", "maxLength": 300 });
    let release = json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX, "title": "Release" });
    let digest = json!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "title": "Consent" });
    let publish = json!({ "release": release, "consent": digest.clone() });
    let release = json!({ "release": release });
    let link = json!({ "type": "string", "pattern": "^[0-9a-hjkmnp-tv-z]{26}$", "title": "Link" });
    let attach = json!({ "link": link.clone(), "consent": digest });
    let updates = Effects { updates: true, ..Effects::default() };
    let creates = Effects { creates: true, ..Effects::default() };
    vec![
        long("build", "Build a release", creates, (&json!({}), &[]), BUILD_TIMEOUT_MS),
        long("publish", "Make a release live", updates, (&publish, &["release"]), PUBLISH_TIMEOUT_MS),
        reads("list_releases", "List releases", &json!({ "limit": limit(100), "next": next }), &[]),
        reads("read_release", "Read a release", &release, &["release"]),
        reads("read_usage", "Read how much is kept", &json!({}), &[]),
        stops("restart", "Restart the app", &json!({})),
        long("attach", "Attach an app", updates, (&attach, &["link"]), ATTACH_TIMEOUT_MS),
        stops("detach", "Detach an app", &json!({ "link": link })),
    ]
}

fn secret_schemas() -> Vec<ActionSchema> {
    let name = json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 64, "title": "Name" });
    let value = json!({ "type": "string", "minLength": MIN_SECRET, "maxLength": MAX_SECRET, "title": "Secret",
        "x-kageos": { "sensitive": true } });
    let origin = json!({ "type": "string", "maxLength": 300, "title": "Origin" });
    let release = json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX, "title": "Release" });
    let updates = Effects { updates: true, ..Effects::default() };
    let deletes = Effects { deletes: true, ..Effects::default() };
    let set = json!({ "name": name, "value": value, "origin": origin });
    let for_people = |schema: ActionSchema| {
        let effect = Effect { audience: vec![Audience::People], ..schema.effect };
        ActionSchema { effect, ..schema }
    };
    vec![
        for_people(changes("set_secret", "Set a secret", updates, &set, &["name", "value"])),
        for_people(changes("remove_secret", "Forget a secret", deletes, &json!({ "name": name }), &["name"])),
        reads("list_secrets", "List secrets", &json!({ "release": release }), &[]),
    ]
}

/// The log of an app.
fn log_schema() -> ActionSchema {
    let time = json!({ "type": "string", "format": "date-time", "maxLength": 40 });
    let properties = json!({
        "level": { "type": "string", "enum": LogLevel::ALL, "title": "At least" },
        "source": { "type": "string", "enum": LogSource::ALL, "title": "Source" },
        "call": { "type": "string", "pattern": "^[0-9a-hjkmnp-tv-z]{26}$", "title": "Call" },
        "trace": { "type": "string", "pattern": "^[0-9a-f]{32}$", "title": "Trace" },
        "release": { "type": "integer", "minimum": 1, "maximum": u32::MAX, "title": "Release" },
        "path": { "type": "string", "maxLength": 512, "title": "At or below" },
        "text": { "type": "string", "minLength": 1, "maxLength": 200, "title": "Text" },
        "from": time, "to": time,
        "order": { "type": "string", "enum": ["newest", "oldest"], "title": "First" },
        "limit": limit(logs::MAX_LINES),
        "next": { "type": "string", "maxLength": 50 },
    });
    reads("read_logs", "Read the log", &properties, &[])
}

/// Files to write. The commit holds their text; the operation log says which files, by whom and when.
fn files() -> Value {
    let text = json!({ "type": ["string", "null"], "x-kageos": { "sensitive": true } });
    let hash = json!({ "type": ["string", "null"], "pattern": "^[0-9a-f]{40}$" });
    let path = json!({ "type": "string", "minLength": 1, "maxLength": 240 });
    let write =
        object(&json!({ "path": path, "text": text, "expected": hash }), &["path", "text", "expected"]);
    json!({ "type": "array", "minItems": 1, "maxItems": MAX_WRITES, "items": write })
}

fn edits() -> Value {
    let text = json!({ "type": "string", "x-kageos": { "sensitive": true } });
    let edit = object(&json!({ "old": text, "new": text }), &["old", "new"]);
    json!({ "type": "array", "minItems": 1, "maxItems": 100, "items": edit })
}

fn limit(most: u32) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": most })
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn action(name: &str, title: &str, effect: Effect, input: Value) -> ActionSchema {
    let name = ActionName::new(name).unwrap_or(ActionName::RUN);
    let output = json!({ "type": "object" });
    ActionSchema { name, title: title.to_owned(), right: Right::Admin, effect, input, output }
}

fn reads(name: &str, title: &str, properties: &Value, required: &[&str]) -> ActionSchema {
    let effect = Effect { audit: Audit::None, ..Effect::of(Effects::READS) };
    action(name, title, effect, object(properties, required))
}

/// A commit takes another one back, so no undo does.
fn changes(name: &str, title: &str, effects: Effects, properties: &Value, required: &[&str]) -> ActionSchema {
    let effect = Effect { undoable: false, ..Effect::of(effects) };
    action(name, title, effect, object(properties, required))
}

/// It changes no row; that somebody did it is recorded all the same.
fn stops(name: &str, title: &str, properties: &Value) -> ActionSchema {
    let updates = Effects { updates: true, ..Effects::default() };
    let effect = Effect { undoable: false, dry_run: false, ..Effect::of(updates) };
    action(name, title, effect, object(properties, &[]))
}

fn long(
    name: &str,
    title: &str,
    effects: Effects,
    (properties, required): (&Value, &[&str]),
    timeout_ms: u64,
) -> ActionSchema {
    let audience = vec![Audience::People, Audience::Agents, Audience::Schedules];
    let effect = Effect { undoable: false, dry_run: false, timeout_ms, audience, ..Effect::of(effects) };
    action(name, title, effect, object(properties, required))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_stands_for_an_action_that_is_read() {
        let inputs = |name: &str| match name {
            "read_source" => json!({ "path": "x" }),
            "write_source" => json!({ "files": [] }),
            "edit_source" => json!({ "path": "x", "expected": "y", "edits": [] }),
            "search_source" => json!({ "query": "x" }),
            "revert_commit" => json!({ "commit": "x" }),
            "publish" | "read_release" => json!({ "release": 1 }),
            "attach" => json!({ "link": "x" }),
            "set_secret" => json!({ "name": "x", "value": "x" }),
            "remove_secret" => json!({ "name": "x" }),
            _ => json!({}),
        };
        for schema in workspace_actions() {
            let name = schema.name.as_str();
            WorkspaceAction::read(&schema.name, inputs(name))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(schema.right, Right::Admin, "{name}");
        }
        assert_eq!(workspace_actions().len(), 20);
    }
}
