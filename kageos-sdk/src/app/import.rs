//! Creates rows from CSV.

use std::io::Cursor;

use kageos_core::Result;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::handler::raw;
use crate::{Ctx, Table};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Import {
    csv: String,
}

/// All rows or none: what is wrong with which is the answer.
pub(super) async fn import<T: Table>(ctx: &Ctx, import: Import) -> Result<Box<RawValue>> {
    let csv = Cursor::new(import.csv);
    raw(&ctx.unit().lock().await.import_csv(T::PATH, csv).await?)
}
