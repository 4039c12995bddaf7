//! One error for every caller, with a stable code.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The result of everything that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each row: name, code, HTTP status, exit status, retryable, title.
macro_rules! code_table {
    ($($name:ident $text:literal $status:literal $exit:literal $retryable:literal $title:literal;)*) => {
        /// Why something was refused. A code goes out once, never changes and never gets a second meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $title] #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as text, `snake_case`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status that carries it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The exit status of a command that ends with it.
            #[must_use]
            pub const fn exit(self) -> u8 {
                match self { $(Self::$name => $exit,)* }
            }

            /// Whether the same call may succeed later without a change.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }

            /// What it means, a sentence for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

code_table! {
    InvalidJson "invalid_json" 400 65 false "The body is not well-formed JSON, is nested too deep, or names a key twice.";
    InvalidPath "invalid_path" 400 65 false "The path does not follow the grammar of paths.";
    InvalidInput "invalid_input" 422 65 false "The input does not match the schema; each field says why.";
    InvalidQuery "invalid_query" 400 65 false "A parameter of the request is unknown or malformed.";
    InvalidCursor "invalid_cursor" 400 65 false "The cursor is damaged or was not made here.";
    CursorMismatch "cursor_mismatch" 400 65 false "The cursor belongs to another filter or sort.";
    Unauthenticated "unauthenticated" 401 77 false "No valid login or token came with the request.";
    LoginFailed "login_failed" 401 77 false "The login name or the password is wrong.";
    Forbidden "forbidden" 403 77 false "The right that this needs is not granted here.";
    CrossSite "cross_site" 403 77 false "A write from another site was refused.";
    EgressDenied "egress_denied" 403 77 false "The app may not send that request there.";
    NotFound "not_found" 404 66 false "There is nothing here that you may see.";
    UnknownAction "unknown_action" 404 66 false "The function has no such action.";
    MethodNotAllowed "method_not_allowed" 405 64 false "The address does not take this method.";
    RequestTimeout "request_timeout" 408 75 true "The body of the request came too slowly.";
    Conflict "conflict" 409 73 false "It collides with what is already there.";
    VersionConflict "version_conflict" 409 73 false "The row was changed since it was read.";
    InProgress "in_progress" 409 75 true "The first call with this idempotency key is still running.";
    IdempotencyConflict "idempotency_conflict" 409 73 false "The idempotency key was used with another input.";
    UndoConflict "undo_conflict" 409 73 false "Rows that the call changed have changed since.";
    ConsentRequired "consent_required" 409 73 false "The release reaches what nobody has consented to yet.";
    SecretMissing "secret_missing" 409 73 false "A secret that the request needs is not set.";
    PayloadTooLarge "payload_too_large" 413 65 false "The body is larger than what is accepted here.";
    UnsupportedMediaType "unsupported_media_type" 415 65 false "The content type is not accepted here.";
    RangeNotSatisfiable "range_not_satisfiable" 416 65 false "The requested range lies outside the file.";
    DryRunUnsupported "dry_run_unsupported" 422 65 false "The action touches something outside and cannot be tried.";
    UndoUnsupported "undo_unsupported" 422 65 false "The call cannot be taken back.";
    ScriptFailed "script_failed" 422 65 false "The script ended with an error.";
    QueryTooExpensive "query_too_expensive" 422 65 false "The filter or sort needs an index that is missing.";
    TooManyRequests "too_many_requests" 429 75 true "Too many requests; wait and try again.";
    Cancelled "cancelled" 499 75 true "The call was cancelled before it ended.";
    Internal "internal" 500 70 false "Something went wrong here; the trace finds it in the log.";
    Unavailable "unavailable" 503 69 true "A part that this needs is out of reach.";
    StorageFull "storage_full" 503 74 true "The storage is full or read-only; nothing was changed.";
    OutcomeUnknown "outcome_unknown" 503 75 false "The call was cut off and it is not known yet whether it took effect.";
    DeadlineExceeded "deadline_exceeded" 504 75 true "The call did not end within its deadline.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where in the input, a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What kind of mistake: the JSON Schema keyword, or a name of the app's own, `snake_case`.
    pub code: Cow<'static, str>,
    /// What to do about it, for people.
    pub message: String,
}

/// A refusal that travels: to the browser, an agent, another app.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// The stable code.
    pub code: Code,
    /// What happened, for people; never internal detail.
    pub message: String,
    /// What is wrong where, all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// What caused it; logged where the error is handled, never sent.
    #[serde(skip)]
    #[source]
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a message for people.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), source: None }
    }

    /// An error that says what its code says.
    #[must_use]
    pub fn of(code: Code) -> Self {
        Self::new(code, code.title())
    }

    /// Invalid input, with all that is wrong.
    #[must_use]
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        Self { fields, ..Self::of(Code::InvalidInput) }
    }

    /// Invalid input in one field.
    #[must_use]
    pub fn field(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self::invalid(vec![FieldError {
            pointer: pointer.into(),
            code: code.into(),
            message: message.into(),
        }])
    }

    /// Something that nobody outside can mend. The cause is kept for the log and not shown.
    #[must_use]
    pub fn internal(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::of(Code::Internal).caused_by(source)
    }

    /// The error with the place of what it is about, a JSON pointer.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        let (code, message) = (self.code.as_str().into(), self.message.clone());
        self.fields.push(FieldError { pointer: pointer.into(), code, message });
        self
    }

    /// The error with its cause.
    #[must_use]
    pub fn caused_by(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }
}

impl PartialEq for Error {
    /// Equal when they look equal from outside; causes do not count.
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code && self.message == other.message && self.fields == other.fields
    }
}

impl From<crate::PathError> for Error {
    fn from(error: crate::PathError) -> Self {
        Self::new(Code::InvalidPath, error.to_string())
    }
}
