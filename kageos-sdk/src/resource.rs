//! Tables as apps declare them.

use kageos_core::{Result, RowId};

use crate::{Ctx, Object, def::TableDef};

/// A table. Made by `#[derive(Table)]`.
pub trait Table: Object {
    /// The path inside the workspace.
    const PATH: &'static str;
    /// Whether it has hooks of its own.
    const HOOKED: bool;
    /// Its fields and how its rows are found and kept.
    fn def() -> TableDef;
    /// The row's id.
    fn id(&self) -> RowId;
}

/// What happens before and after a row is written, whoever writes it. `#[table(hooks)]` says that the app
/// implements this; else the derive macro does, with nothing in it.
///
/// All of it belongs to the call's one unit: an error from any hook means that nothing is changed.
pub trait TableHooks: Table {
    /// Before a row is made; may change it.
    ///
    /// # Errors
    /// Refuses the row.
    fn before_create(row: &mut Self, ctx: &Ctx) -> impl Future<Output = Result<()>> + Send {
        let _ = (row, ctx);
        async { Ok(()) }
    }

    /// After a row is made.
    ///
    /// # Errors
    /// Refuses the row.
    fn after_create(row: &Self, ctx: &Ctx) -> impl Future<Output = Result<()>> + Send {
        let _ = (row, ctx);
        async { Ok(()) }
    }

    /// Before a row is changed; may change it further.
    ///
    /// # Errors
    /// Refuses the change.
    fn before_update(old: &Self, new: &mut Self, ctx: &Ctx) -> impl Future<Output = Result<()>> + Send {
        let _ = (old, new, ctx);
        async { Ok(()) }
    }

    /// After a row is changed.
    ///
    /// # Errors
    /// Refuses the change.
    fn after_update(old: &Self, new: &Self, ctx: &Ctx) -> impl Future<Output = Result<()>> + Send {
        let _ = (old, new, ctx);
        async { Ok(()) }
    }

    /// Before a row is moved to the recycle bin.
    ///
    /// # Errors
    /// Refuses it.
    fn before_delete(row: &Self, ctx: &Ctx) -> impl Future<Output = Result<()>> + Send {
        let _ = (row, ctx);
        async { Ok(()) }
    }

    /// After a row is moved to the recycle bin.
    ///
    /// # Errors
    /// Refuses it.
    fn after_delete(row: &Self, ctx: &Ctx) -> impl Future<Output = Result<()>> + Send {
        let _ = (row, ctx);
        async { Ok(()) }
    }
}
