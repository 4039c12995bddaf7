//! Identifiers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use ulid::Ulid;

use crate::{Env, Timestamp};

/// Length of a platform id as text.
pub const ID_LEN: usize = 26;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct IdError;

fn fresh(env: &Env) -> Ulid {
    let mut random = [0; 16];
    env.entropy.fill(&mut random);
    Ulid::from_parts(millis(env.now()), u128::from_le_bytes(random))
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_micros() / 1000).unwrap_or(0)
}

fn parse(text: &str) -> Result<Ulid, IdError> {
    let id = Ulid::from_string(text).map_err(|_| IdError)?;
    if write(id, &mut [0; ID_LEN]) == text { Ok(id) } else { Err(IdError) }
}

fn write(id: Ulid, buffer: &mut [u8; ID_LEN]) -> &str {
    let text = id.array_to_str(buffer);
    text.make_ascii_lowercase();
    text
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// A ULID: time-ordered, lower-case text of 26 characters with one spelling.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ulid);

        impl $name {
            /// The id of nothing; no new id is equal to it.
            pub const NIL: Self = Self(Ulid::nil());

            /// A new id.
            #[must_use]
            pub fn new(env: &Env) -> Self {
                Self(fresh(env))
            }

            /// The lowest id of a moment: those that were made before it are lower.
            #[must_use]
            pub fn first_at(at: Timestamp) -> Self {
                Self(Ulid::from_parts(millis(at), 0))
            }

            /// The id of a moment and the lower 80 of these bits: the same for whoever works it out.
            #[must_use]
            pub fn derived(at: Timestamp, bits: u128) -> Self {
                Self(Ulid::from_parts(millis(at), bits))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(write(self.0, &mut [0; ID_LEN]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(write(self.0, &mut [0; ID_LEN]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One call.
    CallId;
    /// One run of a task.
    ExecutionId;
    /// A file.
    FileId;
    /// A grant of a role on a path.
    GrantId;
    /// A group of users.
    GroupId;
    /// A link of an app that somebody attaches.
    LinkId;
    /// A node of the Service Tree; it stays when the path changes.
    NodeId;
    /// A login.
    SessionId;
    /// The operation log of one server process.
    StreamId;
    /// Unattended work that is scheduled.
    TaskId;
    /// An API token.
    TokenId;
    /// A person or a service account.
    UserId;
    /// One start of what runs executions.
    WorkerId;
}

/// The id of a row of a table: a positive 63-bit integer, ordered by time, a decimal string on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(i64);

impl RowId {
    /// The id with this number; `None` when it is not positive.
    #[must_use]
    pub const fn from_i64(number: i64) -> Option<Self> {
        if number > 0 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RowId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let plain =
            matches!(text.as_bytes().first(), Some(b'1'..=b'9')) && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| plain).ok_or(IdError)?;
        Self::from_i64(number).ok_or(IdError)
    }
}

impl Serialize for RowId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RowId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
