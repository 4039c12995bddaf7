//! An app: what it declares, and what runs it.

mod check;
mod handler;
mod import;
mod outside;
mod table;

use std::sync::Arc;

pub(crate) use handler::Handler;
use handler::{Charts, Forms, Functions, Markdown, Of};
pub use outside::Secret;
use table::Tables;

use kageos_core::{Code, DirectoryEntry, Egress, Error, FunctionEntry, Manifest, manifest::SCHEMA_VERSION};

use crate::{
    Chart, Form, Function, Query, Run, Submit, Table, TableHooks, Wire,
    chart::ChartDef,
    def::{ActionDef, TableDef},
    docs::DocsDef,
    lower,
};

/// An app: the tables, forms, charts, functions and documents of a workspace.
#[derive(Debug)]
pub struct App {
    code: String,
    title: String,
    description: String,
    directories: Vec<DirectoryEntry>,
    entries: Vec<Entry>,
    egress: Egress,
    problems: Vec<String>,
}

/// One declared function.
#[derive(Debug)]
struct Entry {
    path: String,
    what: What,
    handler: Arc<dyn Handler>,
}

#[derive(Debug)]
enum What {
    /// With whether rows come in from CSV.
    Table(TableDef, bool),
    Form(ActionDef, serde_json::Value),
    Function(ActionDef, serde_json::Value),
    Chart(ChartDef),
    Docs(DocsDef),
}

/// Everything that is wrong with an app's declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppError {
    /// The mistakes, in the order of the declaration.
    pub mistakes: Vec<String>,
}

impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the app is declared wrongly:")?;
        self.mistakes.iter().try_for_each(|mistake| write!(f, "\n- {mistake}"))
    }
}

impl std::error::Error for AppError {}

impl From<AppError> for Error {
    fn from(error: AppError) -> Self {
        Self::new(Code::Internal, error.to_string())
    }
}

impl App {
    /// An app with this code, which names its workspace when no other name is chosen.
    #[must_use]
    pub fn new(code: impl Into<String>) -> Self {
        let code = code.into();
        Self {
            title: code.clone(),
            code,
            description: String::new(),
            directories: Vec::new(),
            entries: Vec::new(),
            egress: Egress::default(),
            problems: Vec::new(),
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self, title: impl Into<String>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// What it is for, Markdown.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// A directory with a title of its own, for example `hr` or `hr/leave`.
    #[must_use]
    pub fn directory(mut self, path: impl Into<String>, title: impl Into<String>) -> Self {
        let (path, title) = (path.into(), title.into());
        self.directories.push(DirectoryEntry { path, title, description: String::new() });
        self
    }

    /// A table.
    #[must_use]
    pub fn table<T: Table + TableHooks>(self) -> Self {
        self.entry(T::PATH, T::problems(), What::Table(T::def(), !T::HOOKED), Arc::new(Tables::<T>::new()))
    }

    /// A form.
    #[must_use]
    pub fn form<T: Form + Submit>(self) -> Self {
        let def = T::def();
        let handler = Arc::new(Of::<T, Forms>::new(def.fields.clone()));
        self.entry(T::PATH, T::problems(), What::Form(def, T::Output::schema()), handler)
    }

    /// A function without a screen of its own.
    #[must_use]
    pub fn function<T: Function + Run>(self) -> Self {
        let def = T::def();
        let handler = Arc::new(Of::<T, Functions>::new(def.fields.clone()));
        self.entry(T::PATH, T::problems(), What::Function(def, T::Output::schema()), handler)
    }

    /// A chart.
    #[must_use]
    pub fn chart<T: Chart + Query>(self) -> Self {
        let handler = Arc::new(Of::<T, Charts>::new(Vec::new()));
        self.entry(T::PATH, Vec::new(), What::Chart(T::def()), handler)
    }

    /// A document in Markdown: `.docs("runbook", "Runbook", include_str!("runbook.md"))`.
    #[must_use]
    pub fn docs(self, path: &str, title: impl Into<String>, markdown: impl Into<String>) -> Self {
        let (path, markdown) = (format!("{path}.docs"), markdown.into());
        let docs = DocsDef { path: path.clone(), title: title.into(), markdown: markdown.clone() };
        self.entry(&path, Vec::new(), What::Docs(docs), Arc::new(Markdown(markdown)))
    }

    fn entry(mut self, path: &str, problems: Vec<String>, what: What, handler: Arc<dyn Handler>) -> Self {
        self.problems.extend(problems.into_iter().map(|problem| format!("{path}: {problem}")));
        self.entries.push(Entry { path: path.to_owned(), what, handler });
        self
    }

    /// What runs each function, by path.
    pub(crate) fn handlers(&self) -> impl Iterator<Item = (String, Arc<dyn Handler>)> {
        self.entries.iter().map(|entry| (entry.path.clone(), Arc::clone(&entry.handler)))
    }

    /// The declaration, checked as a whole.
    ///
    /// # Errors
    /// Every mistake between the parts: unknown tables and fields, paths that stand twice, bad codes.
    pub fn manifest(&self) -> Result<Manifest, AppError> {
        let tables = self.checked()?;
        let function = |entry: &Entry| FunctionEntry {
            path: entry.path.clone(),
            schema: match &entry.what {
                What::Table(def, import) => {
                    lower::table(tables.iter().find(|table| table.path == def.path).unwrap_or(def), *import)
                }
                What::Form(def, output) => lower::form(&check::labelled(def, &tables), output.clone()),
                What::Function(def, output) => {
                    lower::function(&check::labelled(def, &tables), output.clone())
                }
                What::Chart(def) => lower::chart(
                    def,
                    def.source.as_ref().and_then(|source| tables.iter().find(|table| table.path == *source)),
                ),
                What::Docs(def) => lower::docs(&def.title),
            },
        };
        Ok(Manifest {
            schema_version: SCHEMA_VERSION,
            app: self.code.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            directories: self.directories.clone(),
            functions: self.entries.iter().map(function).collect(),
            egress: self.egress.clone(),
        })
    }
}
