//! Mistakes that only the whole declaration shows, all at once.

use kageos_core::{ResourcePath, Widget, path::is_code};

use super::{App, AppError, Entry, What};
use crate::{
    def::{ActionDef, ColumnKind, FieldDef, TableDef},
    docs::MAX_MARKDOWN,
};

/// Where a workspace may lie, to try whether a path inside it is a path.
const SOME_WORKSPACE: &str = "/n/w";

impl App {
    /// The tables with their relations' labels filled in, when nothing is wrong.
    pub(crate) fn checked(&self) -> Result<Vec<TableDef>, AppError> {
        let mut mistakes = self.problems.clone();
        if !is_code(&self.code) {
            mistakes.push(format!(
                "{:?} is not a code: a lower-case letter, then letters, digits, underscores",
                self.code
            ));
        }
        mistakes.extend(self.egress.mistakes());
        self.check_paths(&mut mistakes);
        let tables: Vec<&TableDef> = self.tables().collect();
        for entry in &self.entries {
            check_entry(entry, &tables, &mut mistakes);
        }
        if !mistakes.is_empty() {
            let mut told = std::collections::HashSet::new();
            mistakes.retain(|mistake| told.insert(mistake.clone()));
            return Err(AppError { mistakes });
        }
        let mut all: Vec<TableDef> = tables.iter().map(|table| (*table).clone()).collect();
        all.iter_mut().for_each(|table| label_fields(&mut table.fields, &tables));
        Ok(all)
    }

    fn tables(&self) -> impl Iterator<Item = &TableDef> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Table(def, _) => Some(def),
            _ => None,
        })
    }

    fn check_paths(&self, mistakes: &mut Vec<String>) {
        let directories = self.directories.iter().map(|directory| &directory.path);
        let all: Vec<&String> = directories.chain(self.entries.iter().map(|entry| &entry.path)).collect();
        for (at, path) in all.iter().enumerate() {
            if let Err(error) = format!("{SOME_WORKSPACE}/{path}").parse::<ResourcePath>() {
                mistakes.push(format!("{path}: {error}"));
            }
            if all[..at].contains(path) {
                mistakes.push(format!("{path} stands twice"));
            }
        }
    }
}

fn check_entry(entry: &Entry, tables: &[&TableDef], mistakes: &mut Vec<String>) {
    let mut note = |mistake: String| mistakes.push(format!("{}: {mistake}", entry.path));
    match &entry.what {
        What::Table(def, _) => {
            check_fields(&def.fields, tables, &mut note);
            check_table(def, &mut note);
        }
        What::Form(def, _) | What::Function(def, _) => check_fields(&def.fields, tables, &mut note),
        What::Chart(def) => {
            if let Some(source) = def.source.as_ref().filter(|source| find(tables, source).is_none()) {
                note(format!("its source {source} is no table of the app; add `.table::<…>()`"));
            }
        }
        What::Docs(def) if def.markdown.len() > MAX_MARKDOWN => {
            note(format!("the text has more than {MAX_MARKDOWN} bytes; make it several documents"));
        }
        What::Docs(_) => {}
    }
}

fn find<'a>(tables: &[&'a TableDef], path: &str) -> Option<&'a TableDef> {
    tables.iter().copied().find(|table| table.path == path)
}

fn check_table(def: &TableDef, note: &mut impl FnMut(String)) {
    let fields = def.search.iter().map(|name| ("search", name));
    let fields = fields.chain(def.default_sort.iter().map(|sort| ("sort", &sort.field)));
    for (what, name) in fields {
        let Some(field) = def.field(name) else {
            if name != "id" {
                note(format!("`{what}` names {name}, which is no field"));
            }
            continue;
        };
        let text = matches!(field.column, ColumnKind::Text | ColumnKind::LongText);
        if what == "search" && !text {
            note(format!("`search` names {name}, which holds no text"));
        }
        if what == "sort" && !field.annotation.sort {
            note(format!("`sort` names {name}, which cannot be sorted by"));
        }
    }
    for field in &def.fields {
        let long = matches!(field.column, ColumnKind::LongText | ColumnKind::Json);
        if field.annotation.sort && long {
            note(format!("{} holds long text or a list and cannot be sorted by", field.name));
        }
    }
}

fn check_fields(fields: &[FieldDef], tables: &[&TableDef], note: &mut impl FnMut(String)) {
    for field in fields {
        let annotation = &field.annotation;
        if let Some(relation) =
            annotation.relation.as_ref().filter(|relation| !relation.path.starts_with('/'))
        {
            match find(tables, &relation.path) {
                None => note(format!(
                    "{} names rows of {}, which is no table of the app; add `.table::<…>()`",
                    field.name, relation.path
                )),
                Some(target) if label(target, &relation.label).is_none() => {
                    note(match relation.label.as_str() {
                        "" => format!(
                            "{0} needs a label: {1} has no `search` field to read",
                            field.name, relation.path
                        ),
                        name => format!(
                            "the label of {} is {name}, which is no field of {}",
                            field.name, relation.path
                        ),
                    })
                }
                Some(_) => {}
            }
        }
        if field.column == ColumnKind::Relation
            && annotation.relation.is_none()
            && annotation.widget == Widget::Id
        {
            note(format!("{} is the id of a row; say of which table: `relation = Type`", field.name));
        }
        let list_mistake = field.column == ColumnKind::Json && annotation.search;
        if list_mistake {
            note(format!("{} holds a list, in which free text is not looked for", field.name));
        }
    }
}

/// The field that people read, of a target: the one named, or the first that is searched.
fn label<'a>(target: &'a TableDef, name: &'a str) -> Option<&'a str> {
    if name.is_empty() {
        return target.search.first().map(String::as_str);
    }
    target.field(name).map(|field| field.name.as_str())
}

/// The action with its relations' labels filled in.
pub(super) fn labelled(def: &ActionDef, tables: &[TableDef]) -> ActionDef {
    let mut def = def.clone();
    label_fields(&mut def.fields, &tables.iter().collect::<Vec<_>>());
    def
}

/// Fills in the labels that follow from the tables.
fn label_fields(fields: &mut [FieldDef], tables: &[&TableDef]) {
    for relation in fields.iter_mut().filter_map(|field| field.annotation.relation.as_mut()) {
        let found = find(tables, &relation.path).and_then(|target| label(target, &relation.label));
        if let Some(found) = found {
            relation.label = found.to_owned();
        }
    }
}
