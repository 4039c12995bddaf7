//! Forms and functions.

use kageos_core::{ActionName, FunctionSchema, Kind};
use serde_json::Value;

use super::{action, object};
use crate::def::ActionDef;

/// The schema of a form.
pub(crate) fn form(form: &ActionDef, output: Value) -> FunctionSchema {
    one(Kind::Form, ActionName::SUBMIT, "Submit", form, output)
}

/// The schema of a function without a screen of its own.
pub(crate) fn function(function: &ActionDef, output: Value) -> FunctionSchema {
    one(Kind::Fn, ActionName::RUN, "Run", function, output)
}

fn one(kind: Kind, name: ActionName, title: &str, def: &ActionDef, output: Value) -> FunctionSchema {
    let input = object::entered(&def.fields);
    FunctionSchema {
        kind,
        title: def.title.clone(),
        description: def.description.clone(),
        tags: Vec::new(),
        actions: vec![action(kind, name, title, def.effect.clone(), input, output)],
        table: None,
    }
}
