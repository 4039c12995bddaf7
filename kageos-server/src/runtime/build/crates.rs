//! Which crates apps may use: the SDK, what goes with it, and what an operator allows in a file.
//!
//! ```toml
//! [crates]
//! regex = "1"
//! chrono = { version = "0.4", default-features = false, features = ["clock"] }
//! ```

use std::{collections::BTreeMap, fmt::Write};

use kageos_core::{Code, Error, FieldError, Result};
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::{Diagnostic, Place};

/// What apps may always use.
const ALWAYS: [&str; 4] = ["kageos-sdk", "serde", "serde_json", "tokio"];
/// The tables of a manifest that name crates.
const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
/// Most crates that an operator names: each is compiled with the SDK.
const MOST: usize = 200;

/// Crates that an operator allows, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crates {
    crates: BTreeMap<String, Allowed>,
}

/// In which versions, and with what of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Allowed {
    Version(String),
    Detailed(Detailed),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Detailed {
    version: String,
    #[serde(default = "yes")]
    default_features: bool,
    #[serde(default)]
    features: Vec<String>,
}

const fn yes() -> bool {
    true
}

impl Crates {
    /// Reads what an operator wrote.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] with everything that is wrong, at its place.
    pub fn read(text: &str) -> Result<Self> {
        let strange = |error: toml::de::Error| {
            let message = format!("The file of crates cannot be read: {}", error.to_string().trim());
            Error::new(Code::InvalidInput, message)
        };
        let mut table: toml::Table = toml::from_str(text).map_err(strange)?;
        let wrong = |name: &str, message: String| FieldError {
            pointer: format!("/crates/{name}"),
            code: "crate".into(),
            message,
        };
        let named = match table.remove("crates") {
            None => toml::Table::new(),
            Some(toml::Value::Table(named)) => named,
            // It is told like a table that nobody knows.
            Some(other) => {
                table.insert("crates".to_owned(), other);
                toml::Table::new()
            }
        };
        let unknown = table.keys().map(|key| FieldError {
            pointer: format!("/{key}"),
            code: "additionalProperties".into(),
            message: "There is only the table `crates`.".to_owned(),
        });
        let mut fields: Vec<_> = unknown.collect();
        let mut crates = BTreeMap::new();
        for (name, value) in named {
            match value.try_into::<Allowed>() {
                _ if !is_name(&name) => fields.push(wrong(&name, "This is no name of a crate.".to_owned())),
                _ if ALWAYS.contains(&name.as_str()) => {
                    fields.push(wrong(&name, "Apps may use this always.".to_owned()));
                }
                Ok(allowed) if allowed.is_plain() => drop(crates.insert(name, allowed)),
                _ => fields.push(wrong(
                    &name,
                    "A version, or a table with version, default-features and features.".to_owned(),
                )),
            }
        }
        if crates.len() > MOST {
            fields.push(wrong("", format!("{MOST} crates are the most.")));
        }
        if fields.is_empty() { Ok(Self { crates }) } else { Err(Error::invalid(fields)) }
    }

    /// As [`Crates::read`] takes it.
    pub(super) fn text(&self) -> String {
        let mut text = "[crates]\n".to_owned();
        self.lines(&mut text);
        text
    }

    /// The lines of a manifest that name them.
    pub(super) fn lines(&self, text: &mut String) {
        for (name, allowed) in &self.crates {
            let _ = match allowed {
                Allowed::Version(version) => writeln!(text, "{name} = {version:?}"),
                Allowed::Detailed(Detailed { version, default_features, features }) => writeln!(
                    text,
                    "{name} = {{ version = {version:?}, default-features = {default_features}, features = {features:?} }}"
                ),
            };
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.crates.is_empty()
    }

    /// What a manifest names that apps may not use.
    pub(super) fn refusals(&self, path: &str, manifest: &str) -> Vec<Diagnostic> {
        // What cannot be read Cargo complains of.
        let Ok(read) = DeTable::parse(manifest) else { return Vec::new() };
        let root = read.get_ref();
        let targets = table(root, "target").into_iter().flat_map(|targets| targets.iter());
        let targets = targets.filter_map(|(_, target)| target.get_ref().as_table());
        let workspace = table(root, "workspace");
        let mut refusals = Vec::new();
        for above in [Some(root), workspace].into_iter().flatten().chain(targets) {
            for (key, value) in TABLES.iter().filter_map(|name| table(above, name)).flat_map(|it| it.iter()) {
                let named: &str = key.get_ref();
                let (name, own) = really(named, value.get_ref());
                let allowed = ALWAYS.contains(&name) || self.crates.contains_key(name);
                if !own && !allowed {
                    refusals.push(self.refusal(path, manifest, name, key.span()));
                }
            }
        }
        refusals
    }

    fn refusal(&self, path: &str, manifest: &str, name: &str, at: std::ops::Range<usize>) -> Diagnostic {
        let before = manifest.get(..at.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let end = column + manifest.get(at).unwrap_or_default().chars().count();
        let number = |value: usize| u32::try_from(value).ok();
        let message = format!("apps may not use the crate `{name}` here");
        let all =
            ALWAYS.into_iter().chain(self.crates.keys().map(String::as_str)).collect::<Vec<_>>().join(", ");
        Diagnostic {
            level: "error".to_owned(),
            code: Some("crate_not_allowed".to_owned()),
            text: format!(
                "error[crate_not_allowed]: {message}\n --> {path}:{line}:{column}\n  = note: apps may use {all}\n  \
                 = help: an operator allows more\n"
            ),
            message,
            place: Place {
                path: Some(path.to_owned()),
                line: number(line),
                column: number(column),
                end_line: number(line),
                end_column: number(end),
            },
            fix: None,
        }
    }
}

impl Allowed {
    /// Whether nothing in it could be read as something else in a manifest.
    fn is_plain(&self) -> bool {
        let version = |text: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || " .,*^~<>=+-".contains(c);
            !text.is_empty() && text.len() <= 100 && text.chars().all(plain)
        };
        match self {
            Self::Version(text) => version(text),
            Self::Detailed(it) => version(&it.version) && it.features.iter().all(|name| is_feature(name)),
        }
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.len() <= 64 && text.chars().all(plain)
}

fn is_feature(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+./?".contains(c);
    !text.is_empty() && text.len() <= 100 && text.chars().all(plain)
}

fn table<'a, 'i>(above: &'a DeTable<'i>, name: &str) -> Option<&'a DeTable<'i>> {
    above.get(name)?.get_ref().as_table()
}

/// The crate that a line of a manifest means, which may call it by another name, and whether it is the app's own: one that
/// lies in its source, or is named elsewhere.
fn really<'a>(named: &'a str, value: &'a DeValue<'_>) -> (&'a str, bool) {
    let Some(about) = value.as_table() else { return (named, false) };
    let text = |key: &str| about.get(key).and_then(|value| value.get_ref().as_str());
    let elsewhere = about.get("workspace").and_then(|value| value.get_ref().as_bool()) == Some(true);
    let own = (text("path").is_some() && text("version").is_none()) || elsewhere;
    (text("package").unwrap_or(named), own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_allows_is_read_strictly_and_written_as_a_manifest_has_it() {
        let text = "# ours\n[crates]\nregex = \"1\"\nchrono = { version = \"0.4\", default-features = false, features = [\"clock\"] }\n";
        let crates = Crates::read(text).unwrap();
        let mut lines = String::new();
        crates.lines(&mut lines);
        assert_eq!(
            lines,
            "chrono = { version = \"0.4\", default-features = false, features = [\"clock\"] }\nregex = \"1\"\n"
        );
        assert_eq!(Crates::read(&crates.text()).unwrap(), crates);
        assert_eq!(Crates::read("").unwrap(), Crates::default());

        let wrong = "other = 1\n[crates]\nserde = \"1\"\na = { path = \"/x\" }\nb = { version = \"1\", git = \"x\" }\nc = \"1\\\"\\nx = {\"\n\"d e\" = \"1\"\nf = 1\ng = \"\"\n";
        let error = Crates::read(wrong).unwrap_err();
        let at: Vec<_> = error.fields.iter().map(|field| field.pointer.as_str()).collect();
        let mut expected = vec!["/other"];
        expected.extend([
            "/crates/a",
            "/crates/b",
            "/crates/c",
            "/crates/d e",
            "/crates/f",
            "/crates/g",
            "/crates/serde",
        ]);
        let mut sorted = at.clone();
        sorted.sort_unstable();
        expected.sort_unstable();
        assert_eq!((error.code, sorted), (Code::InvalidInput, expected));
        assert_eq!(Crates::read("[crates").unwrap_err().code, Code::InvalidInput);
    }

    #[test]
    fn a_manifest_that_names_another_crate_is_refused_at_its_place() {
        let crates = Crates::read("[crates]\nregex = \"1\"\n").unwrap();
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\nkageos-sdk = \"0.1\"\nregex = \"1\"\nrand = \"0.9\"\n\
            own = { path = \"own\" }\nserde2 = { package = \"serde\", version = \"1\" }\nre = { package = \"fancy\", version = \"1\" }\n\
            shared = { workspace = true }\nout = { git = \"https://x\" }\nboth = { path = \"b\", version = \"1\" }\n\
            [dev-dependencies.proptest]\nversion = \"1\"\n[build-dependencies]\ncc = \"1\"\n\
            [target.'cfg(unix)'.dependencies]\nnix = \"1\"\n[workspace.dependencies]\nshared = \"1\"\n";
        let refused = crates.refusals("Cargo.toml", manifest);
        let mut names: Vec<_> = refused.iter().map(|it| it.message.split('`').nth(1).unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["both", "cc", "fancy", "nix", "out", "proptest", "rand", "shared"]);
        let rand = refused.iter().find(|it| it.message.contains("`rand`")).unwrap();
        let place = &rand.place;
        assert_eq!((place.line, place.column, place.end_column), (Some(7), Some(1), Some(5)));
        assert!(
            rand.text.contains("Cargo.toml:7:1")
                && rand.text.contains("kageos-sdk, serde, serde_json, tokio, regex")
        );
        assert!(crates.refusals("Cargo.toml", "[dependencies").is_empty());
        assert!(crates.refusals("Cargo.toml", "dependencies = 1\ntarget = []").is_empty());
    }
}
