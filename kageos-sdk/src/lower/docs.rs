//! Documents.

use kageos_core::{ActionName, Effect, Effects, FunctionSchema, Kind};
use serde_json::json;

use super::action;

/// The schema of a document. The app gives the Markdown; who shows it adds HTML and the table of contents.
pub(crate) fn docs(title: &str) -> FunctionSchema {
    let input = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let heading = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "level": { "type": "integer" },
            "title": { "type": "string" },
        },
        "required": ["id", "level", "title"],
        "additionalProperties": false,
    });
    let output = json!({
        "type": "object",
        "properties": {
            "markdown": { "type": "string" },
            "html": { "type": "string" },
            "toc": { "type": "array", "items": heading },
        },
        "required": ["markdown"],
        "additionalProperties": false,
    });
    let read = action(Kind::Docs, ActionName::READ, "Read", Effect::of(Effects::READS), input, output);
    FunctionSchema {
        kind: Kind::Docs,
        title: title.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        actions: vec![read],
        table: None,
    }
}
