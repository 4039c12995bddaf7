//! Creates rows from CSV.

use kageos_core::{Code, Error, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::handler::raw;
use crate::{Ctx, Table, TableHooks, table::ImportReport};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Import {
    csv: String,
}

/// All rows or none: what is wrong with which is the answer.
pub(super) async fn import<T: Table + TableHooks>(ctx: &Ctx, import: Import) -> Result<Box<RawValue>> {
    if T::HOOKED {
        let message = "rows of this table go through hooks of the app, so they are created one by one";
        return Err(Error::new(Code::UnknownAction, message));
    }
    let report: ImportReport = ctx.unit().lock().await.import_csv(T::PATH, import.csv.as_bytes()).await?;
    raw(&report)
}
