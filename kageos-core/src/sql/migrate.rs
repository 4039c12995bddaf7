//! wip
use super::{Db, SqlError};
/// One step of a component's tables.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Counts from one without a gap.
    pub version: u32,
}
/// Applies
///
/// # Errors
/// none
pub async fn migrate(_: &Db, _: &'static str, _: &[Migration], _: i64) -> Result<(), SqlError> { Ok(()) }
