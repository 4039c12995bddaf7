//! Creates rows from CSV.

use kageos_core::{Code, Error, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Ctx, Table, TableHooks};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Import {
    csv: String,
}

pub(super) async fn import<T: Table + TableHooks>(ctx: &Ctx, import: Import) -> Result<Box<RawValue>> {
    let message = format!("{} bytes cannot be imported into {} yet", import.csv.len(), ctx.path());
    Err(Error::new(Code::Unavailable, message))
}
