#![doc = include_str!("../README.md")]

// The derive macros name the crate as apps do.
#[cfg(feature = "testkit")]
extern crate self as kageos_sdk;

pub mod app;
pub mod chart;
pub mod choice;
pub mod ctx;
pub mod def;
pub mod docs;
pub mod field;
pub mod form;
pub mod function;
pub mod host;
pub mod lower;
pub mod serve;
pub mod table;
#[cfg(feature = "testkit")]
pub mod testkit;

mod resource;

pub use app::{App, AppError, Secret};
pub use chart::{Axis, Bucket, Chart, Figure, Figures, Point, Query, Series, Window};
pub use choice::Choice;
pub use ctx::{Ctx, FileReader, FilesOf, HttpClient, Log, Page, Request, Response, Rows, Search};
pub use field::{Email, FieldType, FileRef, Link, Markdown, Multiline, Object, UserRef, Wire};
pub use form::{Form, Submit};
pub use function::{Function, Run};
pub use host::InProcess;
pub use resource::{Table, TableHooks};
#[cfg(unix)]
pub use serve::main;
pub use serve::serve;
pub use table::Filter;

pub use jiff::civil::Date;
pub use kageos_core::{
    Actor, Code, Error, FieldError, FileInfo, HttpMethod, Manifest, Predicate, PythonFile, Result, RowId,
    Timestamp, UserId, Widget, effect, file::NewFile, schema,
};
pub use kageos_sdk_macros::{Chart, Choice, Form, Function, Object, Table};
pub use rust_decimal::Decimal;
pub use serde_json::Value;

/// A JSON object; it keeps the order of its fields.
pub type Map = serde_json::Map<String, Value>;

/// Keeps the code of `docs/apps.md` true.
#[cfg(doctest)]
#[doc = include_str!("../../docs/apps.md")]
#[derive(Debug)]
pub struct Apps;
