//! Links of apps that run elsewhere.

pub(super) mod open;
