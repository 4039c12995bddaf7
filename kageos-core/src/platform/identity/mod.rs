//! Who someone is.
