//! What is asked of a function or a directory.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::path::is_code;

/// The name of an action, a code: `search`, `create`, `submit` …
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ActionName(Cow<'static, str>);

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl ActionName { $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)* }
    };
}

actions! {
    /// Table: rows that match a filter, in order, a page at a time.
    SEARCH = "search";
    /// Table: one row by id.
    GET = "get";
    /// Table: a new row.
    CREATE = "create";
    /// Table: change fields of a row whose version is known.
    UPDATE = "update";
    /// Table: move a row to the recycle bin.
    DELETE = "delete";
    /// Table: take a row out of the recycle bin.
    RESTORE = "restore";
    /// Table: remove a row from the recycle bin for good.
    PURGE = "purge";
    /// Table: one action on many rows.
    BULK = "bulk";
    /// Table: what happened to a row.
    HISTORY = "history";
    /// Table: create rows from CSV.
    IMPORT = "import";
    /// Form: hand in.
    SUBMIT = "submit";
    /// Chart: the series.
    QUERY = "query";
    /// Docs: the document.
    READ = "read";
    /// Function without a screen: run it.
    RUN = "run";
    /// Anything: take a call back.
    UNDO = "undo";
    /// Anything: end a call that still runs.
    CANCEL = "cancel";
}

impl ActionName {
    /// The action called `text`; `None` when that is not a code.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        is_code(text).then(|| Self(Cow::Owned(text.to_owned())))
    }

    /// The action with a name written in this code base.
    #[cfg(feature = "platform")]
    pub(crate) const fn known(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ActionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| D::Error::custom("not an action name"))
    }
}
