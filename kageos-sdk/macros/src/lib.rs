//! Derive macros of `kageos-sdk`.
