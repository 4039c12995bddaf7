//! Numbers and yes or no.

use kageos_core::Widget;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{FieldType, Reader, Spec};
use crate::def::ColumnKind;

/// Decimal places of a decimal that states none: cents.
const DEFAULT_SCALE: u32 = 2;
/// Digits that a scaled 64-bit integer always holds.
const DIGITS: u32 = 18;

/// A number.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number",
    label = "`min`, `max` and `unit` stand on a number; a text has `min_len` and `max_len`"
)]
pub trait Number {}

/// A number with decimal places.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no decimal places",
    label = "`scale` and a bound with decimal places stand on a `Decimal`"
)]
pub trait Decimals: Number {}

impl<T: Number> Number for Option<T> {}
impl<T: Decimals> Decimals for Option<T> {}

macro_rules! small {
    ($($type:ident)*) => {$(
        impl Number for $type {}

        impl FieldType for $type {
            fn spec() -> Spec {
                let schema = json!({ "type": "integer", "minimum": $type::MIN, "maximum": $type::MAX });
                Spec::scalar(ColumnKind::Integer, Widget::Integer, schema)
            }

            fn to_json(&self) -> Value {
                Value::from(*self)
            }

            fn read(value: Value, reader: &mut Reader) -> Option<Self> {
                let Some(number) = whole(&value) else { return reader.expected("a whole number") };
                let message = || format!("must lie between {} and {}", $type::MIN, $type::MAX);
                $type::try_from(number).ok().or_else(|| reader.fault("range", message()))
            }
        }
    )*};
}

small! { i16 i32 u16 u32 }

/// A whole number, also when it is written `2.0` as JSON Schema allows.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 53 bits")]
fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < EXACT)?;
        Some(number as i64)
    })
}

macro_rules! big {
    ($($type:ident $format:literal $pattern:literal;)*) => {$(
        impl Number for $type {}

        impl FieldType for $type {
            fn spec() -> Spec {
                let schema = json!({ "type": "string", "format": $format, "pattern": $pattern });
                Spec::scalar(ColumnKind::BigInteger, Widget::Integer, schema)
            }

            fn to_json(&self) -> Value {
                Value::from(self.to_string())
            }

            fn read(value: Value, reader: &mut Reader) -> Option<Self> {
                let Value::String(text) = value else { return reader.expected("a whole number as text") };
                let number = text.parse::<$type>().ok().filter(|number| number.to_string() == text);
                number
                    .filter(|number| i64::try_from(*number).is_ok())
                    .or_else(|| reader.fault("format", "must be a 64-bit whole number as text"))
            }
        }
    )*};
}

big! {
    i64 "int64" "^(0|-?[1-9][0-9]{0,18})$";
    u64 "uint64" "^(0|[1-9][0-9]{0,18})$";
}

/// The schema of a decimal with at most this many decimal places.
pub(crate) fn decimal_schema(scale: u32) -> Value {
    let whole = DIGITS.saturating_sub(scale + 1);
    let places = if scale == 0 { String::new() } else { format!(r"(\.[0-9]{{1,{scale}}})?") };
    json!({
        "type": "string",
        "format": "decimal",
        "pattern": format!("^-?(0|[1-9][0-9]{{0,{whole}}}){places}$"),
    })
}

impl Number for Decimal {}
impl Decimals for Decimal {}

impl FieldType for Decimal {
    fn spec() -> Spec {
        let column = ColumnKind::Decimal { scale: DEFAULT_SCALE };
        Spec::scalar(column, Widget::Decimal, decimal_schema(DEFAULT_SCALE))
    }

    fn to_json(&self) -> Value {
        Value::from(self.to_string())
    }

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let Value::String(text) = value else { return reader.expected("a decimal number as text") };
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'.'));
        let number = Self::from_str_exact(&text).ok().filter(|_| plain);
        number.or_else(|| reader.fault("format", "must be a decimal number as text, such as \"12.50\""))
    }
}

impl FieldType for bool {
    fn spec() -> Spec {
        Spec::scalar(ColumnKind::Bool, Widget::Switch, json!({ "type": "boolean" }))
    }

    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        value.as_bool().or_else(|| reader.expected("true or false"))
    }
}
