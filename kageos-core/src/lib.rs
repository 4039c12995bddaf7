//! The contract of Kageos: the values that every crate, app, host and client of the system agrees on.
//!
//! Without features this crate holds no runtime and no storage. Someone who writes a host, a client or an app
//! depends on it and on nothing else of ours. The features add the database seam (`sql`), events (`bus`),
//! apps in other processes (`link`) and the governed store with its dispatcher (`platform`).
//!
//! ```
//! use kageos_core::{Kind, ResourcePath};
//!
//! let path: ResourcePath = "/sales/crm/customer.table".parse()?;
//! assert_eq!(path.kind(), Some(Kind::Table));
//! assert_eq!(path.parent().map(|p| p.to_string()).as_deref(), Some("/sales/crm"));
//! assert!("/Sales/crm".parse::<ResourcePath>().is_err());
//! # Ok::<(), kageos_core::PathError>(())
//! ```

pub mod action;
pub mod actor;
#[cfg(feature = "bus")]
pub mod bus;
pub mod call;
pub mod clock;
pub mod effect;
pub mod egress;
pub mod entropy;
pub mod env;
pub mod error;
pub mod file;
mod hex;
pub mod host;
pub mod http;
pub mod id;
pub mod json;
pub mod kind;
pub mod link;
pub mod log;
pub mod manifest;
pub mod path;
#[cfg(feature = "platform")]
pub mod platform;
pub mod ports;
pub mod predicate;
pub mod python;
pub mod right;
pub mod schema;
pub mod source;
#[cfg(feature = "sql")]
pub mod sql;
pub mod table_step;
pub mod time;
pub mod trace;

pub use action::ActionName;
pub use actor::{Actor, ActorKind, Scope};
pub use call::{Call, Change, ChangeOp, Reply};
pub use clock::{Clock, SystemClock};
pub use effect::{Approval, Audience, Audit, Effect, Effects};
pub use egress::{Egress, Origin, SecretPlace, SecretUse};
pub use entropy::{Entropy, SystemEntropy};
pub use env::Env;
pub use error::{Code, Error, FieldError, Result};
pub use file::FileInfo;
pub use hex::hex;
pub use host::{CallControl, Host, HostCall, HostError, HostReply, Progress, Receipt};
pub use http::{Http, HttpMethod, HttpRequest, HttpResponse};
pub use id::{
    CallId, ExecutionId, FileId, GrantId, GroupId, LinkId, NodeId, RowId, SessionId, StreamId, TaskId,
    TokenId, UserId, WorkerId,
};
pub use kind::Kind;
pub use log::{LogCall, LogEntry, LogLevel, LogSink, LogSource};
pub use manifest::{DirectoryEntry, FunctionEntry, Manifest};
pub use path::{PathError, ResourcePath};
pub use ports::{Dispatch, Files};
pub use predicate::Predicate;
pub use python::{Python, PythonDone, PythonFile, PythonScript};
pub use right::{Right, Rights, Role};
pub use schema::{ActionSchema, Annotation, Choice, FunctionSchema, Relation, Sort, TableSchema, Widget};
pub use source::{Source, SourceKind};
pub use table_step::{StepSink, TableStep, TableStepKind, TableSteps};
pub use time::Timestamp;
pub use trace::Trace;
