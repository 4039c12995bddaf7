//! Who someone is.

/// Text folded for comparison: what people take for the same is the same.
#[must_use]
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}
