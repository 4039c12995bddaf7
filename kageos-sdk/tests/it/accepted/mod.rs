//! What the derives have to accept, whatever the app around them is like.

#[expect(dead_code, non_snake_case, reason = "what it declares is only in the way")]
mod hygiene;
mod raw_identifiers;
mod renamed_crate;
