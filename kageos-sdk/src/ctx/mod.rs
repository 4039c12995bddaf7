//! What a function has at hand.

/// What a function has at hand while it runs.
#[derive(Debug)]
pub struct Ctx {}
