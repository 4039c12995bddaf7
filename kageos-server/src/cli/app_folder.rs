//! The folder of an app on a developer's machine.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use kageos_core::{Code, Error, Result};
use serde_json::json;

use super::{Session, failure::Context, runtime::layers};
use crate::runtime::{Layer, SourcePath};

/// Folders that hold no source.
const NOT_SOURCE: [&str; 4] = [".git", "target", "node_modules", ".kageos"];
/// What `new` makes: a form, a table, a test and a runbook.
const TEMPLATE: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("src/main.rs", include_str!("template/main.rs.txt")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("src/runbook.md", include_str!("template/runbook.md.txt")),
    (".gitignore", "/target\n/.cargo\n/.kageos\n"),
];

/// The configuration of Cargo in the folder, which says where the SDK is.
const CONFIG: &str = ".cargo/config.toml";
/// How it begins when it is ours.
const OURS: &str = "# Written by kagectl: what apps are built with here. Yours when you remove this line.\n";

/// Makes the folder of a new app.
pub(super) fn new(session: &Session, folder: &Path, title: Option<String>) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let code: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !code.starts_with(|c: char| c.is_ascii_lowercase()) || code.len() > 40 {
        let message = "The name of the folder begins with a letter and has at most 40 characters.";
        return Err(Error::new(Code::InvalidInput, message));
    }
    if folder.exists() {
        return Err(Error::new(Code::Conflict, format!("{} is there already.", folder.display())));
    }
    let title = title.unwrap_or_else(|| title_of(&name));
    if title.chars().any(|c| c.is_control() || "\"\\{}".contains(c)) {
        return Err(Error::new(Code::InvalidInput, "A title has no quotes, braces or backslashes."));
    }
    for (file, text) in TEMPLATE {
        let place: PathBuf = folder.join(file);
        fs::create_dir_all(place.parent().unwrap_or(folder)).context("the folder")?;
        fs::write(&place, text.replace("{code}", &code).replace("{title}", &title)).context(file)?;
    }
    let supplied = supply(session, folder)?;
    let made = json!({ "folder": folder.display().to_string(), "app": code });
    session.output.result(&made, || {
        let tried = match supplied {
            true => "",
            false => "\nTo compile it here, `kagectl runtime prepare` first collects what apps are built with.",
        };
        format!(
            "{0} holds an app; `kagectl workspace attach {0} /system/{code}` tries it, `kagectl workspace push {0} \
             /system/{code}` makes it live{tried}",
            folder.display()
        )
    });
    Ok(())
}

/// A name for people of a code: `order_book` is `Order book`.
pub(super) fn title_of(code: &str) -> String {
    let mut letters = code.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    (first + letters.as_str()).replace('_', " ")
}

/// Lets Cargo find the SDK from a new folder: among the crates of the layer that a server here builds apps with. Answers
/// whether there is one.
fn supply(session: &Session, folder: &Path) -> Result<bool> {
    let Some(layer) = Layer::find(&layers(session, &session.config()?)?)? else { return Ok(false) };
    let vendor = layer.vendor().display().to_string();
    let text = format!(
        "{OURS}[source.crates-io]\nreplace-with = \"kageos\"\n[source.kageos]\ndirectory = {vendor:?}\n[net]\n\
         offline = true\n"
    );
    let config = folder.join(CONFIG);
    if fs::read_to_string(&config).ok().as_ref() != Some(&text) {
        fs::create_dir_all(folder.join(".cargo")).context(CONFIG)?;
        fs::write(&config, text).context(CONFIG)?;
        // The versions of the crates that are there.
        fs::copy(layer.lock(), folder.join("Cargo.lock")).context("Cargo.lock")?;
    }
    Ok(true)
}

/// Follows the layer in a folder that [`new`] has made; what a developer has written stays.
pub(super) fn refresh(session: &Session, folder: &Path) -> Result<()> {
    match fs::read_to_string(folder.join(CONFIG)) {
        Ok(text) if text.starts_with(OURS) => supply(session, folder).map(drop),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context(CONFIG),
        _ => Ok(()),
    }
}

/// Whether a folder can hold an app.
pub(super) fn check(folder: &Path) -> Result<()> {
    match folder.join("Cargo.toml").is_file() {
        true => Ok(()),
        false => Err(Error::new(Code::InvalidInput, format!("{} has no Cargo.toml.", folder.display()))),
    }
}

/// The texts of a folder by their paths.
pub(super) fn texts(folder: &Path) -> Result<BTreeMap<String, String>> {
    let (mut all, mut open) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(&place).context(&place.display().to_string())? {
            let path = entry.context("the folder")?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let about = fs::symlink_metadata(&path).context(&name)?;
            if about.is_dir() {
                if !NOT_SOURCE.contains(&name.as_str()) && !name.starts_with('.') {
                    open.push(path);
                }
                continue;
            }
            let below = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            if !about.is_file() || below == "Cargo.lock" || below.parse::<SourcePath>().is_err() {
                continue;
            }
            let text = String::from_utf8(fs::read(&path).context(&below)?).map_err(|_| {
                Error::new(Code::InvalidInput, format!("{below} is no text; a source holds texts."))
            })?;
            all.insert(below, text);
        }
    }
    Ok(all)
}
