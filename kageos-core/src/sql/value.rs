//! What a statement takes and a row holds.

use std::borrow::Cow;

/// One value of a parameter or a column. A null keeps its type, because PostgreSQL and MySQL want it.
///
/// Parameters borrow (`params![name.as_str(), 7]` copies no text); rows own.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A 64-bit integer: row ids, times in microseconds, scaled decimals, booleans as 0 and 1.
    Int(Option<i64>),
    /// Text without NUL, compared by bytes on every engine.
    Text(Option<Cow<'a, str>>),
    /// Bytes.
    Bytes(Option<Cow<'a, [u8]>>),
    /// A floating-point number, such as an average. Never money.
    Real(Option<f64>),
}

impl Value<'_> {
    /// Whether this is a null of any type.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Int(None) | Self::Text(None) | Self::Bytes(None) | Self::Real(None))
    }

    /// The same value with everything borrowed copied.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Int(it) => Value::Int(it),
            Self::Text(it) => Value::Text(it.map(|it| Cow::Owned(it.into_owned()))),
            Self::Bytes(it) => Value::Bytes(it.map(|it| Cow::Owned(it.into_owned()))),
            Self::Real(it) => Value::Real(it),
        }
    }
}

/// Owned copies of parameters, for statements that outlive their caller's stack.
pub(crate) fn owned(params: &[Value<'_>]) -> Vec<Value<'static>> {
    params.iter().map(|it| it.clone().into_owned()).collect()
}

/// Makes a parameter list: `params![id, name.as_str(), at]` is a `&[Value<'_>]`.
#[doc(hidden)]
#[macro_export]
macro_rules! __sql_params {
    () => { &[] as &[$crate::sql::Value<'_>] };
    ($($value:expr),+ $(,)?) => { &[$($crate::sql::Value::from($value)),+] as &[$crate::sql::Value<'_>] };
}

/// `From` for a type and for its option, so that `None` keeps its type.
macro_rules! from {
    ($($type:ty => |$it:ident| $variant:ident($value:expr);)+) => {$(
        impl<'a> From<$type> for Value<'a> {
            fn from($it: $type) -> Self {
                Value::$variant(Some($value))
            }
        }

        impl<'a> From<Option<$type>> for Value<'a> {
            fn from(value: Option<$type>) -> Self {
                Value::$variant(value.map(|$it| $value))
            }
        }
    )+};
}

from! {
    i64 => |it| Int(it);
    i32 => |it| Int(i64::from(it));
    u32 => |it| Int(i64::from(it));
    u16 => |it| Int(i64::from(it));
    bool => |it| Int(i64::from(it));
    f64 => |it| Real(it);
    &'a str => |it| Text(Cow::Borrowed(it));
    &'a String => |it| Text(Cow::Borrowed(it.as_str()));
    String => |it| Text(Cow::Owned(it));
    Cow<'a, str> => |it| Text(it);
    &'a [u8] => |it| Bytes(Cow::Borrowed(it));
    &'a Vec<u8> => |it| Bytes(Cow::Borrowed(it.as_slice()));
    Vec<u8> => |it| Bytes(Cow::Owned(it));
}

impl<'a> From<&'a Value<'_>> for Value<'a> {
    fn from(value: &'a Value<'_>) -> Self {
        match value {
            Value::Int(it) => Self::Int(*it),
            Value::Text(it) => Self::Text(it.as_deref().map(Cow::Borrowed)),
            Value::Bytes(it) => Self::Bytes(it.as_deref().map(Cow::Borrowed)),
            Value::Real(it) => Self::Real(*it),
        }
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(Some(Cow::Borrowed(value.as_slice())))
    }
}
