//! A function as the dispatcher holds it: its schemas, each compiled once, when somebody calls it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

use super::fields::{self, Holder, Known, Named};
use super::redact;
use crate::platform::oplog::hash_payload;
use crate::schema::ANNOTATION_KEY;
use crate::{
    ActionName, ActionSchema, Annotation, Code, Error, FieldError, FileId, FunctionSchema, Relation, Result,
    UserId,
};

/// Most mistakes that one answer lists.
const MAX_FIELD_ERRORS: usize = 100;

/// A function with its compiled schemas.
#[derive(Debug)]
pub struct Function {
    schema: FunctionSchema,
    hash: String,
    actions: HashMap<ActionName, Action>,
    row_is_sensitive: bool,
    relations: Vec<(String, Relation)>,
    file_fields: Vec<Holder>,
    user_fields: Vec<Holder>,
    source: Option<String>,
}

/// One action; its input schema is compiled at the first use.
#[derive(Debug)]
pub struct Action {
    schema: ActionSchema,
    input: OnceLock<Validator>,
    is_sensitive: bool,
    names_files: bool,
    names_users: bool,
}

impl Function {
    /// Compiles the schemas.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] naming the action whose schema is none.
    pub fn compile(schema: FunctionSchema) -> Result<Self> {
        let function = Self::of(schema)?;
        function.actions.values().try_for_each(|action| action.input().map(drop))?;
        Ok(function)
    }

    /// A function whose schemas were found to compile before.
    pub(super) fn of(schema: FunctionSchema) -> Result<Self> {
        let actions = schema.actions.iter().map(|action| (action.name.clone(), Action::of(action.clone())));
        let of_row = |known| schema.table.as_ref().map(|table| Holder::of_row(&table.row, known));
        Ok(Self {
            hash: hash_payload(&serde_json::to_string(&schema).map_err(Error::internal)?),
            actions: actions.collect(),
            relations: relations(&schema),
            file_fields: of_row(Known::File).unwrap_or_default(),
            user_fields: of_row(Known::User).unwrap_or_default(),
            source: source(&schema),
            row_is_sensitive: schema.table.as_ref().is_some_and(|table| redact::is_sensitive(&table.row)),
            schema,
        })
    }

    /// What the function is.
    #[must_use]
    pub fn schema(&self) -> &FunctionSchema {
        &self.schema
    }

    /// SHA-256 of the schema, hexadecimal: a key for caches.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The action called `name`.
    #[must_use]
    pub fn action(&self, name: &ActionName) -> Option<&Action> {
        self.actions.get(name)
    }

    /// The fields of a table that name rows of another one.
    pub(super) fn relations(&self) -> &[(String, Relation)] {
        &self.relations
    }

    /// The fields of a table that name files.
    pub(super) fn file_fields(&self) -> &[Holder] {
        &self.file_fields
    }

    /// The fields of a table that name accounts.
    pub(super) fn user_fields(&self) -> &[Holder] {
        &self.user_fields
    }

    /// The table behind a chart: a path, or a path inside the workspace without a leading slash.
    pub(super) fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The schema of a row, when it holds something that no log may show.
    pub(super) fn sensitive_row(&self) -> Option<&Value> {
        self.schema.table.as_ref().map(|table| &table.row).filter(|_| self.row_is_sensitive)
    }
}

impl Action {
    /// Compiles the input schema.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] when it is no JSON Schema.
    pub fn compile(schema: ActionSchema) -> Result<Self> {
        let action = Self::of(schema);
        action.input()?;
        Ok(action)
    }

    fn of(schema: ActionSchema) -> Self {
        let is_sensitive = redact::is_sensitive(&schema.input);
        let names_files = fields::has(&schema.input, Known::File);
        let names_users = fields::has(&schema.input, Known::User);
        Self { is_sensitive, names_files, names_users, schema, input: OnceLock::new() }
    }

    /// The input schema, compiled.
    fn input(&self) -> Result<&Validator> {
        if let Some(input) = self.input.get() {
            return Ok(input);
        }
        let refuse = |error: jsonschema::ValidationError<'_>| {
            let message = format!("The input schema of {} is none: {error}", self.schema.name);
            Error::new(Code::InvalidInput, message)
        };
        let options = jsonschema::options().should_validate_formats(true).offline();
        let input = options.build(&self.schema.input).map_err(refuse)?;
        Ok(self.input.get_or_init(|| input))
    }

    /// The action's schemas and effect.
    #[must_use]
    pub fn schema(&self) -> &ActionSchema {
        &self.schema
    }

    /// Checks an input: everything that is wrong, each with its place.
    ///
    /// # Errors
    /// [`Code::InvalidInput`].
    pub fn validate(&self, input: &Value) -> Result<()> {
        let schema = self.input()?;
        if schema.is_valid(input) {
            return Ok(());
        }
        let mut fields = Vec::new();
        schema.iter_errors(input).for_each(|error| tell(&error, &mut fields));
        fields.truncate(MAX_FIELD_ERRORS);
        Err(Error::invalid(fields))
    }

    /// The files that an input names, each with its place and what the field takes.
    pub(super) fn named_files<'a>(&'a self, input: &Value) -> Vec<Named<'a, FileId>> {
        if self.names_files { fields::named(&self.schema.input, Known::File, input) } else { Vec::new() }
    }

    /// The accounts that an input names, each with its place.
    pub(super) fn named_users<'a>(&'a self, input: &Value) -> Vec<Named<'a, UserId>> {
        if self.names_users { fields::named(&self.schema.input, Known::User, input) } else { Vec::new() }
    }

    /// The input as a log may show it.
    pub(super) fn redacted<'a>(&self, input: &'a Value) -> Cow<'a, Value> {
        if self.schema.name == ActionName::IMPORT {
            // What the columns hold is not told by the schema, so of a file of rows only its digest is kept.
            let text = input.to_string();
            return Cow::Owned(json!({ "omitted": { "bytes": text.len(), "sha256": hash_payload(&text) } }));
        }
        if self.is_sensitive { redact::redact(&self.schema.input, input) } else { Cow::Borrowed(input) }
    }
}

/// A mistake with its places. Where one of several shapes was to be met, those of the shape that came nearest: whose
/// mistake lies deepest.
fn tell(error: &jsonschema::ValidationError<'_>, fields: &mut Vec<FieldError>) {
    let shapes = match error.kind() {
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            &context[..]
        }
        _ => &[],
    };
    let depth = |shape: &&Vec<jsonschema::ValidationError<'_>>| {
        shape.iter().map(|error| error.instance_path().as_str().matches('/').count()).max()
    };
    let own = error.instance_path().as_str().matches('/').count();
    let nearest = shapes.iter().max_by_key(depth).filter(|shape| depth(shape) > Some(own));
    if let Some(nearest) = nearest {
        return nearest.iter().for_each(|error| tell(error, fields));
    }
    let (code, message) = (error.kind().keyword().to_owned(), error.masked().to_string());
    let field = |pointer| FieldError { pointer, code: code.clone().into(), message: message.clone() };
    fields.extend(pointers(error).into_iter().map(field));
}

/// Where the mistake is: a property that is missing or too much is named itself, not only the object around it.
fn pointers(error: &jsonschema::ValidationError<'_>) -> Vec<String> {
    let place = error.instance_path().as_str();
    let member = |name: &str| format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
    match error.kind() {
        ValidationErrorKind::Required { property } => vec![member(property.as_str().unwrap_or_default())],
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| member(name)).collect()
        }
        _ => vec![place.to_owned()],
    }
}

fn relations(schema: &FunctionSchema) -> Vec<(String, Relation)> {
    let row = schema.table.as_ref().and_then(|table| table.row.get("properties")).and_then(Value::as_object);
    let relation =
        |(name, property): (&String, &Value)| Some((name.clone(), Annotation::read(property)?.relation?));
    row.into_iter().flatten().filter_map(relation).collect()
}

fn source(schema: &FunctionSchema) -> Option<String> {
    let output = &schema.actions.iter().find(|action| action.name == ActionName::QUERY)?.output;
    output.get(ANNOTATION_KEY)?.get("source")?.as_str().map(str::to_owned)
}

/// Functions of one workspace by their path inside it.
pub(super) type Functions = HashMap<String, Arc<Function>>;
