//! Forms.

use kageos_core::Result;

use crate::{Ctx, Object, Wire, def::ActionDef};

/// A form. Made by `#[derive(Form)]`; what it does is said by [`Submit`].
pub trait Form: Object {
    /// The path inside the workspace.
    const PATH: &'static str;
    /// Its fields and effect.
    fn def() -> ActionDef;
}

/// What a form does.
///
/// What it writes through [`Ctx::table`] is kept when it returns `Ok`, and none of it when it does not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it does",
    note = "write `impl Submit for {Self} {{ type Output = (); async fn submit(self, ctx: &Ctx) -> Result<()> {{ … }} }}`"
)]
pub trait Submit: Form {
    /// What it gives back: `()`, a field type, or a struct with `#[derive(Object)]`.
    type Output: Wire;
    /// Does it.
    ///
    /// # Errors
    /// Whatever refuses it; then nothing is changed.
    fn submit(self, ctx: &Ctx) -> impl Future<Output = Result<Self::Output>> + Send;
}
