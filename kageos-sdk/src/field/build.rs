//! Attributes applied to a field type.

use std::marker::PhantomData;

use kageos_core::{Annotation, Predicate, Relation, Widget};
use serde_json::{Value, json};

use super::{Decimals, FieldType, Filed, Length, Number, Plain, Reader, Reference, number, text};
use crate::def::{ColumnKind, FieldDef, TableDef};

/// The definition of a field of type `T` in the making; each method is an attribute.
#[derive(Debug)]
pub struct Field<T> {
    def: FieldDef,
    of: PhantomData<fn() -> T>,
}

impl<T: FieldType> Field<T> {
    /// The field `name`, at this place among the others.
    #[must_use]
    pub fn new(name: &str, order: u32) -> Self {
        let spec = T::spec();
        let mut annotation = Annotation::of(spec.widget, order);
        (annotation.list, annotation.filter, annotation.sort) = (spec.list, spec.filter, spec.sort);
        annotation.choices = spec.choices;
        if let ColumnKind::Decimal { scale } = spec.column {
            annotation.scale = Some(scale);
        }
        let mut schema = json!({ "title": human(name) });
        merge(&mut schema, spec.schema);
        let def = FieldDef {
            name: name.to_owned(),
            column: spec.column,
            required: spec.required,
            index: false,
            schema,
            annotation,
        };
        Self { def, of: PhantomData }
    }

    /// The definition.
    #[must_use]
    pub fn build(mut self) -> FieldDef {
        let schema = &mut self.def.schema;
        let bare = ["minLength", "enum", "pattern", "format"].iter().all(|key| schema.get(key).is_none());
        if self.def.required && bare && schema["type"] == "string" {
            schema["minLength"] = Value::from(1);
        }
        self.def
    }

    fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.def.schema[key] = value.into();
        self
    }

    fn note(mut self, change: impl FnOnce(&mut Annotation)) -> Self {
        change(&mut self.def.annotation);
        self
    }

    /// `title = "…"`: its name for people.
    #[must_use]
    pub fn title(self, text: &str) -> Self {
        self.set("title", text)
    }

    /// The documentation comment.
    #[must_use]
    pub fn description(self, text: &str) -> Self {
        self.set("description", text)
    }

    /// `min_len = 2`: fewest characters, or entries of a list.
    #[must_use]
    pub fn min_len(self, count: u64) -> Self
    where
        T: Length,
    {
        self.set(T::MIN, count)
    }

    /// `max_len = 80`: most characters, or entries of a list.
    #[must_use]
    pub fn max_len(mut self, count: u64) -> Self
    where
        T: Length,
    {
        if self.def.column == ColumnKind::Text && count > text::MAX_SHORT {
            self.def.column = ColumnKind::LongText;
            (self.def.annotation.filter, self.def.annotation.sort) = (false, false);
        }
        self.set(T::MAX, count)
    }

    /// `pattern = "^[A-Z]"`: a regular expression.
    #[must_use]
    pub fn pattern(self, expression: &str) -> Self
    where
        T: Plain,
    {
        self.set("pattern", expression)
    }

    /// `widget = "…"`: how a text is shown and entered.
    #[must_use]
    pub fn widget(mut self, widget: Widget) -> Self
    where
        T: Plain,
    {
        let required = self.def.required;
        let spec = text::spec(widget);
        merge(&mut self.def.schema, spec.schema);
        self.def.column = spec.column;
        self.def.required = required;
        self.note(|it| (it.widget, it.list, it.filter, it.sort) = (widget, spec.list, spec.filter, spec.sort))
    }

    /// `min = 0`.
    #[must_use]
    pub fn min_whole(self, bound: &str) -> Self
    where
        T: Number,
    {
        self.bound(false, bound)
    }

    /// `max = 100`.
    #[must_use]
    pub fn max_whole(self, bound: &str) -> Self
    where
        T: Number,
    {
        self.bound(true, bound)
    }

    /// `min = 0.5`.
    #[must_use]
    pub fn min_decimal(self, bound: &str) -> Self
    where
        T: Decimals,
    {
        self.bound(false, bound)
    }

    /// `max = 99.5`.
    #[must_use]
    pub fn max_decimal(self, bound: &str) -> Self
    where
        T: Decimals,
    {
        self.bound(true, bound)
    }

    fn bound(self, upper: bool, bound: &str) -> Self {
        let key = if upper { "maximum" } else { "minimum" };
        let value: Value = serde_json::from_str(bound).unwrap_or_default();
        self.set(key, value)
    }

    /// `unit = "EUR"`.
    #[must_use]
    pub fn unit(self, unit: &str) -> Self
    where
        T: Number,
    {
        self.note(|it| it.unit = Some(unit.to_owned()))
    }

    /// `scale = 4`: how many decimal places.
    #[must_use]
    pub fn scale(mut self, scale: u32) -> Self
    where
        T: Decimals,
    {
        self.def.column = ColumnKind::Decimal { scale };
        merge(&mut self.def.schema, number::decimal_schema(scale));
        self.note(|it| it.scale = Some(scale))
    }

    /// `relation = Customer`, `label = "name"`: the row of a table. An empty label is the table's first search field.
    #[must_use]
    pub fn relation(self, path: &str, label: &str) -> Self
    where
        T: Reference,
    {
        self.note(|it| {
            it.widget = Widget::Relation;
            it.relation = Some(Relation { path: path.to_owned(), label: label.to_owned() });
        })
    }

    /// `accept = "image/*, .pdf"`: the media types, families and endings of the files that it takes.
    #[must_use]
    pub fn accept(self, accept: &str) -> Self
    where
        T: Filed,
    {
        self.note(|it| it.accept = Some(accept.to_owned()))
    }

    /// `max_bytes = 5_000_000`: the largest file that it takes.
    #[must_use]
    pub fn max_bytes(self, bytes: u64) -> Self
    where
        T: Filed,
    {
        self.note(|it| it.max_bytes = Some(bytes))
    }

    /// `default = …`: the value of an absent field.
    #[must_use]
    pub fn default_value(self, value: Value) -> Self {
        self.set("default", value)
    }

    /// `group = "…"`: the heading it stands under.
    #[must_use]
    pub fn group(self, text: &str) -> Self {
        self.note(|it| it.group = Some(text.to_owned()))
    }

    /// `placeholder = "…"`: an example in the empty field.
    #[must_use]
    pub fn placeholder(self, text: &str) -> Self {
        self.note(|it| it.placeholder = Some(text.to_owned()))
    }

    /// `help = "…"`: a sentence beside the field.
    #[must_use]
    pub fn help(self, text: &str) -> Self {
        self.note(|it| it.help = Some(text.to_owned()))
    }

    /// `readonly`: it is shown and not entered.
    #[must_use]
    pub fn readonly(self) -> Self {
        self.note(|it| it.readonly = true)
    }

    /// `sensitive`: it is never written to a log.
    #[must_use]
    pub fn sensitive(self) -> Self {
        self.note(|it| it.sensitive = true)
    }

    /// `list = false`: whether it is a column of the list.
    #[must_use]
    pub fn list(self, on: bool) -> Self {
        self.note(|it| it.list = on)
    }

    /// `filter = false`: whether it can be filtered by.
    #[must_use]
    pub fn filter(self, on: bool) -> Self {
        self.note(|it| it.filter = on)
    }

    /// `sort = false`: whether it can be sorted by.
    #[must_use]
    pub fn sort(self, on: bool) -> Self {
        self.note(|it| it.sort = on)
    }

    /// `index`: rows are found and ordered by it through an index, which each write pays for.
    #[must_use]
    pub fn index(mut self) -> Self {
        self.def.index = true;
        self
    }

    /// `search`: whether free text is looked for in it.
    #[must_use]
    pub fn search(self, on: bool) -> Self {
        self.note(|it| it.search = on)
    }

    /// `show_if = (…)`: it is shown only when this holds.
    #[must_use]
    pub fn show_if(self, predicate: Predicate) -> Self {
        self.note(|it| it.show_if = Some(predicate))
    }

    /// `require_if = (…)`: a value is needed when this holds.
    #[must_use]
    pub fn require_if(self, predicate: Predicate) -> Self {
        self.note(|it| it.require_if = Some(predicate))
    }

    /// `readonly_if = (…)`: it cannot be changed when this holds.
    #[must_use]
    pub fn readonly_if(self, predicate: Predicate) -> Self {
        self.note(|it| it.readonly_if = Some(predicate))
    }
}

/// Makes the table's list of search fields and the fields' own flags agree.
#[must_use]
pub fn with_search(mut table: TableDef) -> TableDef {
    for field in &mut table.fields {
        let listed = table.search.contains(&field.name);
        if field.annotation.search && !listed {
            table.search.push(field.name.clone());
        }
        field.annotation.search |= listed;
    }
    table
}

/// What is wrong with a default value, if anything.
#[must_use]
pub fn default_problem<T: FieldType>(name: &str, value: Value) -> Option<String> {
    let mut reader = Reader::default();
    let read = T::read(value, &mut reader);
    let error = reader.finish(read).err()?;
    let why: Vec<String> = error.fields.into_iter().map(|field| field.message).collect();
    Some(format!("the default of field `{name}` {}", why.join(", ")))
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// `first_name` as `First name`.
fn human(name: &str) -> String {
    let text = name.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
