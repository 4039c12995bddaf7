//! What runs a declared function.

use std::{fmt, marker::PhantomData};

use async_trait::async_trait;
use kageos_core::{ActionName, Code, Error, Result};
use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::{
    Ctx, Form, Function, Map, Object, Query, Run, Submit, Window, Wire,
    def::FieldDef,
    field::{Reader, rules},
};

/// Runs the actions of one function.
#[async_trait]
pub(crate) trait Handler: Send + Sync + fmt::Debug {
    /// Runs one action.
    async fn call(&self, ctx: &Ctx, action: &ActionName, input: Value) -> Result<Box<RawValue>>;
}

/// The handler of a type.
pub(super) struct Of<T, K> {
    fields: Vec<FieldDef>,
    of: PhantomData<fn() -> (T, K)>,
}

/// Marks the handler of a form.
pub(super) enum Forms {}
/// Marks the handler of a function.
pub(super) enum Functions {}
/// Marks the handler of a chart.
pub(super) enum Charts {}

impl<T, K> Of<T, K> {
    pub(super) fn new(fields: Vec<FieldDef>) -> Self {
        Self { fields, of: PhantomData }
    }
}

impl<T, K> fmt::Debug for Of<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<T>())
    }
}

pub(super) fn raw(value: &impl Serialize) -> Result<Box<RawValue>> {
    to_raw_value(value).map_err(Error::internal)
}

pub(super) fn unknown(action: &ActionName) -> Error {
    Error::new(Code::UnknownAction, format!("there is no action {action} here"))
}

pub(super) fn object(input: Value) -> Result<Map> {
    match input {
        Value::Object(map) => Ok(map),
        _ => Err(Error::field("", "type", "must be an object")),
    }
}

/// Reads what was entered, and tells everything that is wrong with it.
fn entered<T: Object>(fields: &[FieldDef], input: Value) -> Result<T> {
    let mut map = object(input)?;
    let mut reader = Reader::default();
    rules::bounds(fields, &map, &mut reader);
    rules::required(fields, &map, &mut reader);
    let read = T::read(&mut map, &mut reader);
    reader.finish(read)
}

#[async_trait]
impl<T: Form + Submit> Handler for Of<T, Forms> {
    async fn call(&self, ctx: &Ctx, action: &ActionName, input: Value) -> Result<Box<RawValue>> {
        if *action != ActionName::SUBMIT {
            return Err(unknown(action));
        }
        let output = entered::<T>(&self.fields, input)?.submit(ctx.begin()).await?;
        raw(&output.to_json())
    }
}

#[async_trait]
impl<T: Function + Run> Handler for Of<T, Functions> {
    async fn call(&self, ctx: &Ctx, action: &ActionName, input: Value) -> Result<Box<RawValue>> {
        if *action != ActionName::RUN {
            return Err(unknown(action));
        }
        let output = entered::<T>(&self.fields, input)?.run(ctx.begin()).await?;
        raw(&output.to_json())
    }
}

#[async_trait]
impl<T: Query> Handler for Of<T, Charts> {
    async fn call(&self, ctx: &Ctx, action: &ActionName, input: Value) -> Result<Box<RawValue>> {
        if *action != ActionName::QUERY {
            return Err(unknown(action));
        }
        let mut reader = Reader::default();
        let window = Window::read(&mut object(input)?, &mut reader);
        let figures = T::query(reader.finish(window)?, ctx).await?;
        figures.check()?;
        raw(&figures)
    }
}

/// The handler of a document.
#[derive(Debug)]
pub(super) struct Markdown(pub(super) String);

#[async_trait]
impl Handler for Markdown {
    async fn call(&self, _: &Ctx, action: &ActionName, _: Value) -> Result<Box<RawValue>> {
        if *action != ActionName::READ {
            return Err(unknown(action));
        }
        raw(&serde_json::json!({ "markdown": self.0 }))
    }
}
