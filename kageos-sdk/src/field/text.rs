//! Text.

use std::{fmt, ops::Deref};

use kageos_core::Widget;
use serde_json::{Value, json};

use super::{FieldType, Reader, Spec};
use crate::def::ColumnKind;

/// Longest short text, in characters; what is longer is stored so that it cannot be sorted by.
pub(crate) const MAX_SHORT: u64 = 255;
/// Longest long text, in characters: a document, not a book.
const MAX_LONG: u64 = 100_000;
/// Longest e-mail address, by RFC 5321.
const MAX_EMAIL: u64 = 254;
/// Longest web address that every browser takes.
const MAX_LINK: u64 = 2_000;
/// Something, an `@`, a domain with a dot; whether it exists only a message tells.
const EMAIL: &str = r"^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$";
/// Only addresses that cannot run code in the reader's browser.
const LINK: &str = r"^https?://[^\s]+$";

/// Something that has a length: a text or a list.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no length",
    label = "`min_len` and `max_len` stand on a text or a list; a number has `min` and `max`"
)]
pub trait Length {
    /// The keyword of the least length.
    const MIN: &'static str = "minLength";
    /// The keyword of the greatest length.
    const MAX: &'static str = "maxLength";
}

/// Plain text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not plain text",
    label = "`widget` and `pattern` stand on a `String`; any other widget follows from the field's type"
)]
pub trait Plain {}

impl Length for String {}
impl Plain for String {}
impl<T: Length> Length for Option<T> {
    const MIN: &'static str = T::MIN;
    const MAX: &'static str = T::MAX;
}
impl<T: Plain> Plain for Option<T> {}

/// The spec of a text with this widget.
pub(crate) fn spec(widget: Widget) -> Spec {
    match widget {
        Widget::Multiline | Widget::Markdown => {
            Spec::detail(ColumnKind::LongText, widget, json!({ "type": "string", "maxLength": MAX_LONG }))
        }
        Widget::Email => Spec::scalar(
            ColumnKind::Text,
            widget,
            json!({ "type": "string", "format": "idn-email", "maxLength": MAX_EMAIL, "pattern": EMAIL }),
        ),
        Widget::Link => Spec {
            list: true,
            ..Spec::detail(
                ColumnKind::LongText,
                widget,
                json!({ "type": "string", "format": "uri", "maxLength": MAX_LINK, "pattern": LINK }),
            )
        },
        _ => {
            Spec::scalar(ColumnKind::Text, Widget::Text, json!({ "type": "string", "maxLength": MAX_SHORT }))
        }
    }
}

fn read(value: Value, reader: &mut Reader) -> Option<String> {
    match value {
        Value::String(text) if text.contains('\0') => {
            reader.fault("pattern", "must not hold the character NUL")
        }
        Value::String(text) => Some(text),
        _ => reader.expected("a text"),
    }
}

impl FieldType for String {
    fn spec() -> Spec {
        spec(Widget::Text)
    }

    fn to_json(&self) -> Value {
        Value::from(self.as_str())
    }

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        read(value, reader)
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $widget:ident, $valid:expr, $else:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text, when it is one of these.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Option<Self> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                (valid(&text) && !text.contains('\0')).then_some(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FieldType for $name {
            fn spec() -> Spec {
                spec(Widget::$widget)
            }

            fn to_json(&self) -> Value {
                Value::from(self.0.as_str())
            }

            fn read(value: Value, reader: &mut Reader) -> Option<Self> {
                let text = read(value, reader)?;
                Self::new(text).or_else(|| reader.fault("format", $else))
            }
        }

        impl Length for $name {}
    )*};
}

texts! {
    /// Several lines of text.
    Multiline: Multiline, |_| true, "must be a text";
    /// Markdown.
    Markdown: Markdown, |_| true, "must be a text";
    /// An e-mail address.
    Email: Email, is_email, "must be an e-mail address";
    /// A web address, `http` or `https`.
    Link: Link, is_link, "must be a web address that starts with http:// or https://";
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let dotted = domain.contains('.') && domain.split('.').all(|part| !part.is_empty());
    !local.is_empty() && dotted && !domain.contains('@') && !text.contains(char::is_whitespace)
}

fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}
