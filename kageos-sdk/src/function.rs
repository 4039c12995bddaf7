//! Functions without a screen of their own.

use kageos_core::Result;

use crate::{Ctx, Object, Wire, def::ActionDef};

/// A function. Made by `#[derive(Function)]`; what it does is said by [`Run`].
pub trait Function: Object {
    /// The path inside the workspace.
    const PATH: &'static str;
    /// Its fields and effect.
    fn def() -> ActionDef;
}

/// What a function does.
///
/// What it writes through [`Ctx::table`] is kept when it returns `Ok`, and none of it when it does not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it does",
    note = "write `impl Run for {Self} {{ type Output = (); async fn run(self, ctx: &Ctx) -> Result<()> {{ … }} }}`"
)]
pub trait Run: Function {
    /// What it gives back: `()`, a field type, or a struct with `#[derive(Object)]`.
    type Output: Wire;
    /// Does it.
    ///
    /// # Errors
    /// Whatever refuses it; then nothing is changed.
    fn run(self, ctx: &Ctx) -> impl Future<Output = Result<Self::Output>> + Send;
}
