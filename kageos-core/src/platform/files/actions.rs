//! What can be asked about the files of a node, through the same door as everything else.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::file::MAX_FILE_NAME;
use crate::{ActionName, ActionSchema, Effect, Effects, FileId, Kind, Right, Rights};

/// Most files on a page.
pub(super) const MAX_PAGE: u32 = 500;
/// Files on a page when nothing is said.
pub(super) const PAGE: u32 = 50;

/// The actions by name, with input checked against the schema.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "action", content = "input", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FileAction {
    /// Brings a staged file to the node. What was said of it has to be so.
    UploadFile(Brought),
    /// What is known of a file; who is answered may read its bytes.
    ReadFile { file: FileId },
    /// The files of the node, newest first.
    ListFiles { limit: Option<u32>, next: Option<FileId> },
    /// Removes a file that nothing names.
    DiscardFile { file: FileId },
}

/// A staged file as its call describes it, for the record.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Brought {
    pub file: FileId,
    pub name: String,
    #[serde(rename = "type")]
    pub media_type: String,
    pub size: u64,
    pub sha256: String,
}

impl FileAction {
    /// The action called `name` with an input that matches its schema.
    pub(super) fn read(name: &ActionName, input: Value) -> serde_json::Result<Self> {
        serde_json::from_value(json!({ "action": name, "input": input }))
    }
}

/// Whether an action is about the files of a node, whatever the node is.
#[must_use]
pub fn is_about_files(action: &ActionName) -> bool {
    matches!(action.as_str(), "upload_file" | "read_file" | "list_files" | "discard_file")
}

/// The right that an action about files needs on a node of this kind, for somebody who has `held`. Who may fill in the
/// fields of a function may bring files for them.
#[must_use]
pub fn right_of(action: &ActionName, kind: Option<Kind>, held: Rights) -> Right {
    match (action.as_str(), kind) {
        ("read_file" | "list_files", _) => Right::Read,
        (_, Some(Kind::Form | Kind::Fn)) => Right::Run,
        ("discard_file", None) => Right::Delete,
        (_, Some(_)) if !held.contains(Right::Write) && held.contains(Right::Update) => Right::Update,
        _ => Right::Write,
    }
}

/// The schemas of the actions about files. The right that a node asks for is told by [`right_of`].
#[must_use]
pub fn file_actions() -> &'static [ActionSchema] {
    static ACTIONS: LazyLock<Vec<ActionSchema>> = LazyLock::new(schemas);
    &ACTIONS
}

fn schemas() -> Vec<ActionSchema> {
    let id = json!({ "type": "string", "pattern": "^[0-9a-z]{26}$" });
    let brought = json!({
        "file": id,
        "name": { "type": "string", "minLength": 1, "maxLength": MAX_FILE_NAME },
        "type": { "type": "string", "maxLength": 127 },
        "size": { "type": "integer", "minimum": 0 },
        "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
    });
    let list = json!({ "limit": { "type": "integer", "minimum": 1, "maximum": MAX_PAGE }, "next": id });
    let (creates, deletes) =
        (Effects { creates: true, ..Effects::default() }, Effects { deletes: true, ..Effects::default() });
    let file = json!({ "file": id });
    vec![
        action(
            "upload_file",
            "Upload a file",
            Right::Write,
            creates,
            &brought,
            &["file", "name", "type", "size", "sha256"],
        ),
        action("read_file", "Read a file", Right::Read, Effects::READS, &file, &["file"]),
        action("list_files", "List files", Right::Read, Effects::READS, &list, &[]),
        action("discard_file", "Discard a file", Right::Write, deletes, &file, &["file"]),
    ]
}

fn action(
    name: &'static str,
    title: &str,
    right: Right,
    effects: Effects,
    properties: &Value,
    required: &[&str],
) -> ActionSchema {
    let effect = Effect { undoable: false, ..Effect::of(effects) };
    let input = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    let output = json!({ "type": "object" });
    ActionSchema { name: ActionName::known(name), title: title.to_owned(), right, effect, input, output }
}
