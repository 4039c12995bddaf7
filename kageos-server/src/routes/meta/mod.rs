//! About the server itself.

pub(super) mod codes;
pub(super) mod doctor;
pub(super) mod document;
pub(super) mod healthz;
pub(super) mod markdown;
pub(super) mod readyz;
