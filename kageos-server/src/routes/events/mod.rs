//! What happens, as it happens.

pub(super) mod listen;
mod stream;
