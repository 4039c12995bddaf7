//! Values to choose from.

/// An enum whose variants are the values to choose from. Made by `#[derive(Choice)]`.
pub trait Choice: Sized + Send + Sync + 'static {
    /// The variants in order.
    const OPTIONS: &'static [Variant];
    /// What is stored for this variant.
    fn value(&self) -> &'static str;
    /// The variant that is stored so.
    #[must_use]
    fn of(value: &str) -> Option<Self>;
    /// What people read for this variant.
    #[must_use]
    fn label(&self) -> &'static str {
        let found = Self::OPTIONS.iter().find(|option| option.value == self.value());
        found.map_or("", |option| option.label)
    }
}

/// One variant to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// What is stored.
    pub value: &'static str,
    /// What people read.
    pub label: &'static str,
    /// A name of a colour of the theme.
    pub color: Option<&'static str>,
}
