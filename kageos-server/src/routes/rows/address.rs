//! What an address below `/api/v1/rows/` names: a table, or a row of it.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use kageos_core::{Code, Error, Kind, ResourcePath, Result, RowId};

use crate::{
    extract::{self, Segments},
    problem::{Answer, Refused},
};

/// A table, and the row where there is one.
#[derive(Debug)]
pub(in crate::routes) struct Address {
    pub(super) table: ResourcePath,
    row: Option<RowId>,
}

impl Address {
    /// The row.
    ///
    /// # Errors
    /// [`Code::MethodNotAllowed`] for a table.
    pub(super) fn row(&self) -> Result<RowId> {
        self.row
            .ok_or_else(|| Error::new(Code::MethodNotAllowed, "The address must end with the id of a row."))
    }

    /// The row, if one is named.
    pub(super) fn row_if_named(&self) -> Option<RowId> {
        self.row
    }

    /// Refuses a row.
    ///
    /// # Errors
    /// [`Code::MethodNotAllowed`] for a row.
    pub(super) fn only_table(&self) -> Result<()> {
        let message = "The address must end with the table.";
        self.row.map_or(Ok(()), |_| Err(Error::new(Code::MethodNotAllowed, message)))
    }
}

fn read(text: &str) -> Result<Address> {
    let (table, row) = match text.rsplit_once('/') {
        Some((table, last)) if !last.contains('.') && table.contains('.') => {
            (table, Some(last.parse().map_err(|_| Error::new(Code::NotFound, "There is no such row."))?))
        }
        _ => (text, None),
    };
    let table = extract::path(&format!("/{table}"))?;
    if table.kind() == Some(Kind::Table) {
        return Ok(Address { table, row });
    }
    Err(Error::new(Code::InvalidPath, "Only tables have rows; the path must end with .table."))
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let Segments(text) = Segments::from_request_parts(parts, state).await?;
        Ok(read(&text)?)
    }
}

/// The version that `If-Match` names.
///
/// # Errors
/// [`Code::InvalidQuery`] without one, so that nobody overwrites what they have not seen.
pub(super) fn expected_version(headers: &HeaderMap) -> Result<i64> {
    let given = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    let version = given.and_then(|text| text.trim_matches('"').parse().ok());
    version.ok_or_else(|| {
        Error::new(Code::InvalidQuery, "The header If-Match must name the version of the row.")
    })
}
