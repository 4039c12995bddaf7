//! What can be asked of a directory, through the same door as everything else.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::platform::access::Subject;
use crate::{ActionName, ActionSchema, Effect, Effects, GrantId, ResourcePath, Right, Role, Timestamp};

/// A directory's actions by name, with input checked against the schema.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "action", content = "input", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum DirectoryAction {
    /// Makes a directory below.
    CreateDirectory { code: String, title: String },
    /// Changes the text of the directory.
    Describe { title: Option<String>, description: Option<String>, tags: Option<Vec<String>> },
    /// Changes the last segment of the path.
    Rename { code: String },
    /// Puts the directory below another one.
    Move { to: ResourcePath },
    /// Moves the directory and everything below it to the recycle bin.
    Delete {},
    /// Takes what was last deleted under a code of this directory out of the recycle bin.
    Restore { code: String },
    /// Gives somebody a role here and below, or denies it.
    Grant {
        subject: Subject,
        role: Role,
        #[serde(default)]
        deny: bool,
        expires_at: Option<Timestamp>,
    },
    /// Takes a grant back.
    Revoke { grant: GrantId },
}

impl DirectoryAction {
    /// The action called `name` with an input that matches its schema.
    pub(super) fn read(name: &ActionName, input: Value) -> serde_json::Result<Self> {
        serde_json::from_value(json!({ "action": name, "input": input }))
    }

    /// The name of the action.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::CreateDirectory { .. } => "create_directory",
            Self::Describe { .. } => "describe",
            Self::Rename { .. } => "rename",
            Self::Move { .. } => "move",
            Self::Delete {} => "delete",
            Self::Restore { .. } => "restore",
            Self::Grant { .. } => "grant",
            Self::Revoke { .. } => "revoke",
        }
    }
}

/// The schemas of a directory's actions.
#[must_use]
pub fn directory_actions() -> &'static [ActionSchema] {
    static ACTIONS: LazyLock<Vec<ActionSchema>> = LazyLock::new(schemas);
    &ACTIONS
}

fn schemas() -> Vec<ActionSchema> {
    let code = json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]{0,48}$", "title": "Code" });
    let title = json!({ "type": "string", "minLength": 1, "maxLength": 200, "title": "Title" });
    let text = json!({ "type": "string", "maxLength": 20_000 });
    let tags = json!({ "type": "array", "maxItems": 20, "items": { "type": "string", "maxLength": 50 } });
    let id = json!({ "type": "string", "pattern": "^[0-9a-z]{26}$" });
    let subject = json!({ "oneOf": [
        object(json!({ "kind": { "enum": ["user", "group"] }, "id": id }), &["kind", "id"]),
        object(json!({ "kind": { "const": "everyone" } }), &["kind"]),
    ] });
    let role = json!({ "enum": Role::ALL.map(Role::as_str) });
    let grant = json!({
        "subject": subject, "role": role, "deny": { "type": "boolean" },
        "expires_at": { "type": ["string", "null"], "format": "date-time" },
    });
    let transfer = json!({ "from": id, "to": id, "end_tokens": { "type": "boolean" } });
    let (creates, updates, deletes) = (
        Effects { creates: true, ..Effects::default() },
        Effects { updates: true, ..Effects::default() },
        Effects { deletes: true, ..Effects::default() },
    );
    let to = json!({ "to": { "type": "string", "maxLength": 512 } });
    let describe = json!({ "title": title, "description": text, "tags": tags });
    let fields = |names: &[&str], from: Value| object(from, names);
    vec![
        action(
            "create_directory",
            "Create directory",
            Right::Admin,
            creates,
            fields(&["code", "title"], json!({ "code": code, "title": title })),
        ),
        action("describe", "Describe", Right::Admin, updates, fields(&[], describe)),
        action("rename", "Rename", Right::Owner, updates, fields(&["code"], json!({ "code": code }))),
        action("move", "Move", Right::Owner, updates, fields(&["to"], to)),
        action("delete", "Delete", Right::Owner, deletes, fields(&[], json!({}))),
        action(
            "restore",
            "Restore",
            Right::Admin,
            creates,
            fields(
                &["code"],
                json!({ "code": {
            "type": "string", "pattern": "^[a-z][a-z0-9_]{0,48}(\\.[a-z]{2,5})?$" } }),
            ),
        ),
        action("grant", "Grant", Right::Admin, creates, fields(&["subject", "role"], grant)),
        action("revoke", "Revoke", Right::Admin, deletes, fields(&["grant"], json!({ "grant": id }))),
        action("transfer", "Hand over", Right::Owner, updates, fields(&["from", "to"], transfer)),
    ]
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn action(name: &'static str, title: &str, right: Right, effects: Effects, input: Value) -> ActionSchema {
    // Grants have no state that an undo could compare, and are one action away from what they were.
    let undoable = !matches!(name, "grant" | "revoke" | "transfer");
    let effect = Effect { undoable, ..Effect::of(effects) };
    let output = json!({ "type": "object" });
    ActionSchema { name: ActionName::known(name), title: title.to_owned(), right, effect, input, output }
}
