//! Days and moments.

use jiff::civil::Date;
use kageos_core::{Timestamp, Widget};
use serde_json::{Value, json};

use super::{FieldType, Reader, Spec};
use crate::def::ColumnKind;

const DATE: &str = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";
const DATE_LEN: usize = 10;
const MOMENT: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$";

impl FieldType for Date {
    fn spec() -> Spec {
        let schema = json!({ "type": "string", "format": "date", "pattern": DATE });
        Spec::scalar(ColumnKind::Date, Widget::Date, schema)
    }

    fn to_json(&self) -> Value {
        Value::from(self.to_string())
    }

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let text = value.as_str().filter(|text| text.len() == DATE_LEN);
        let day = text.and_then(|text| text.parse::<Self>().ok().filter(|day| day.to_string() == text));
        day.or_else(|| reader.fault("format", "must be a day, such as \"2026-01-31\""))
    }
}

impl FieldType for Timestamp {
    fn spec() -> Spec {
        let schema = json!({ "type": "string", "format": "date-time", "pattern": MOMENT });
        Spec::scalar(ColumnKind::DateTime, Widget::DateTime, schema)
    }

    fn to_json(&self) -> Value {
        Value::from(self.to_string())
    }

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let moment = value.as_str().and_then(|text| text.parse().ok());
        moment.or_else(|| {
            reader.fault("format", "must be a moment with its zone, such as \"2026-01-31T09:30:00Z\"")
        })
    }
}
