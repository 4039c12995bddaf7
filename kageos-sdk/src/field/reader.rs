//! Reads JSON into types and tells every mistake with its place.

use std::{borrow::Cow, fmt::Write as _};

use kageos_core::{Error, FieldError, Result};
use serde_json::Value;

use super::{FieldType, Object, Wire};
use crate::{Choice, Map};

/// Where reading stands, and the mistakes so far.
#[derive(Debug, Default)]
pub struct Reader {
    pointer: String,
    errors: Vec<FieldError>,
}

impl Reader {
    /// A reader at this JSON pointer; `""` for the whole input.
    #[must_use]
    pub fn at(pointer: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), errors: Vec::new() }
    }

    /// Reads a whole value.
    ///
    /// # Errors
    /// [`kageos_core::Code::InvalidInput`] with every mistake.
    pub fn whole<T: Wire>(value: Value) -> Result<T> {
        let mut reader = Self::default();
        let read = T::read(value, &mut reader);
        reader.finish(read)
    }

    /// What was read, or all mistakes.
    ///
    /// # Errors
    /// [`kageos_core::Code::InvalidInput`] with every mistake.
    pub fn finish<T>(self, read: Option<T>) -> Result<T> {
        match read {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Error::invalid(self.errors)),
        }
    }

    /// Tells a mistake here.
    pub fn fault<T>(&mut self, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Option<T> {
        let (pointer, code) = (self.pointer.clone(), code.into());
        self.errors.push(FieldError { pointer, code, message: message.into() });
        None
    }

    /// Reads one step deeper.
    pub fn within<T>(&mut self, segment: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
        let value = read(self);
        self.pointer.truncate(length);
        value
    }

    /// Takes a field out of an object.
    pub fn field<T: FieldType>(&mut self, map: &mut Map, name: &str) -> Option<T> {
        match map.remove(name) {
            Some(value) => self.within(name, |reader| T::read(value, reader)),
            None => {
                T::absent().or_else(|| self.within(name, |reader| reader.fault("required", "is required")))
            }
        }
    }

    /// Takes a field out of an object; what is absent has this value.
    pub fn field_or<T: FieldType>(
        &mut self,
        map: &mut Map,
        name: &str,
        default: impl FnOnce() -> Value,
    ) -> Option<T> {
        let value = map.remove(name).unwrap_or_else(default);
        self.within(name, |reader| T::read(value, reader))
    }

    /// Tells which fields are left over.
    pub fn rest(&mut self, map: &Map) {
        for name in map.keys() {
            self.within(name, |reader| reader.fault::<()>("additionalProperties", "is not a field here"));
        }
    }

    /// Reads an object.
    pub fn object<T: Object>(&mut self, value: Value) -> Option<T> {
        match value {
            Value::Object(mut map) => T::read(&mut map, self),
            _ => self.expected("an object"),
        }
    }

    /// Reads one of the variants of `T`.
    pub fn choice<T: Choice>(&mut self, value: &Value) -> Option<T> {
        if let Some(choice) = value.as_str().and_then(T::of) {
            return Some(choice);
        }
        let mut all = String::new();
        for option in T::OPTIONS {
            let comma = if all.is_empty() { "" } else { ", " };
            let _ = write!(all, "{comma}{:?}", option.value);
        }
        self.fault("enum", format!("must be one of {all}"))
    }

    /// Reads the entries of a list.
    pub fn items<T>(&mut self, value: Value, read: impl Fn(Value, &mut Self) -> Option<T>) -> Option<Vec<T>> {
        let Value::Array(items) = value else { return self.expected("a list") };
        if items.len() > super::spec::MAX_ITEMS {
            return self.fault("maxItems", format!("has at most {} entries", super::spec::MAX_ITEMS));
        }
        let items = items.into_iter().enumerate();
        let read: Vec<Option<T>> =
            items.map(|(at, item)| self.within(&at.to_string(), |reader| read(item, reader))).collect();
        read.into_iter().collect()
    }

    /// Tells that something else was expected here.
    pub fn expected<T>(&mut self, what: &str) -> Option<T> {
        self.fault("type", format!("must be {what}"))
    }
}
