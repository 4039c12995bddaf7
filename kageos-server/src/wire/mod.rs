//! The shapes of the HTTP API, as they stand in its OpenAPI document.

mod access;
mod activity;
mod backup;
mod call;
mod file;
mod function;
mod meta;
mod node;
mod overview;
mod problem;
mod rows;
mod session;
mod token;
mod transfer;

pub use access::{
    Explanation, Grant, GrantList, GrantSubject, Group, GroupInput, GroupList, GroupRef, People,
};
pub use activity::{Activity, ActivityActor, ActivityList, ActivitySource, CallStatus};
pub use backup::{BackupInput, BackupLine, BackupMade, BackupProgress};
pub use call::{
    CallProgress, CallReply, CallRequest, CallState, Change, ChartOutput, ChartPoint, ChartSeries,
    DocsHeading, DocsOutput, MarkdownInput, MarkdownOutput,
};
pub use file::{FileList, StoredFile};
pub use function::{Action, Effect, Function, Right, Role, Sort, TableSchema};
pub use meta::{CodeList, Dependency, ErrorCode, Finding, FindingList, Health, Readiness};
pub use node::{
    AttachedApp, Kind, NamespaceInput, Node, NodeDetail, NodeList, OwnerRef, SearchHit, SearchHitList,
};
pub use overview::{Overview, RowTotal, UsageSpan};
pub use problem::{FieldProblem, Problem};
pub use rows::{
    CreateRow, FileRef, HistoryItem, HistoryOutput, ImportError, ImportOutput, Op, PatchRow, Row, RowVersion,
    SearchOutput,
};
pub use session::{
    LoginInput, PasswordChange, SessionInfo, SessionPatch, User, UserInput, UserList, UserPatch,
};
pub use token::{NewToken, Token, TokenInput, TokenList, TokenScope};
pub use transfer::{Transfer, TransferFate, TransferInput, TransferItem};
