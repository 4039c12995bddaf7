//! Where what apps are built with comes from: the SDK and every crate that it needs, as the lock file names them.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use kageos_core::{Code, Error, Result, hex};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{
    crates::Crates,
    packed::{Packed, pack},
    toolchain::output,
};
use crate::runtime::host::blocking;

/// The crates of the SDK by the folder that they lie in.
const SDK: [(&str, &str); 3] = [
    ("kageos-core", "kageos-core"),
    ("kageos-sdk", "kageos-sdk"),
    ("kageos-sdk-macros", "kageos-sdk/macros"),
];
/// What apps may use, and their tests.
const CRATES: &str = "serde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n\
    [dev-dependencies]\nkageos-sdk = { version = \"*\", features = [\"testkit\"] }\n\
    tokio = { version = \"1\", default-features = false, features = [\"macros\", \"rt\"] }\n";
/// The file that says what an operator allows.
pub(super) const CRATES_FILE: &str = "crates.toml";
/// The head of an app that uses all of it.
const MANIFEST: &str = "[package]\nname = \"layer\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[workspace]\n\n[dependencies]\n";
/// Written into a lock file for a crate that a registry would have.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Where the SDK and its crates are taken from.
#[derive(Debug, Clone)]
pub enum Supply {
    /// A folder with the sources of Kageos, and the crates that an operator allows besides. What is missing on this machine
    /// is fetched as the lock file names it; nothing else is.
    Sources(PathBuf, Crates),
    /// What a program carries. Nothing is fetched.
    Packed(Packed),
}

impl Supply {
    /// Digest of what it brings.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when sources are missing.
    pub(super) fn id(&self) -> Result<String> {
        match self {
            Self::Sources(from, crates) => digest(from, crates),
            Self::Packed(packed) => Ok(packed.id()),
        }
    }

    /// The id of what a program carries.
    pub(super) fn packed_id(&self) -> Option<String> {
        match self {
            Self::Sources(..) => None,
            Self::Packed(packed) => Some(packed.id()),
        }
    }

    /// The folder whose toolchain compiles it, when it has one.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Sources(from, _) => Some(from),
            Self::Packed(_) => None,
        }
    }

    /// Makes `vendor/`, a directory source of Cargo, `Cargo.lock` and `crates.toml` in an empty folder. The lock is held as long as
    /// anything is written there, also when nobody waits for it any more.
    pub(super) async fn bring(&self, to: &Path, lock: &Arc<File>) -> Result<()> {
        match self {
            Self::Sources(from, crates) => collect(from, crates, to).await,
            Self::Packed(packed) => {
                let work = (packed.clone(), to.to_owned(), Arc::clone(lock));
                blocking(move || Ok(work.0.unpack(&work.1)?)).await
            }
        }
    }

    /// Writes a copy of a program that carries what is brought from a folder with the sources of Kageos.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when something of it fails.
    pub async fn pack(program: &Path, (sources, crates): (&Path, &Crates), to: &Path) -> Result<Packed> {
        let folder = std::path::absolute(to.with_extension("packing")).map_err(failed)?;
        remove(&folder)?;
        fs::create_dir_all(&folder).map_err(failed)?;
        let packed = async {
            let collected = folder.join("collected");
            fs::create_dir(&collected).map_err(failed)?;
            collect(sources, crates, &collected).await?;
            remove(&collected.join("app"))?;
            let (program, to) = (program.to_owned(), to.to_owned());
            blocking(move || Ok(pack(&program, &collected, &to)?)).await
        };
        let packed = packed.await;
        remove(&folder)?;
        packed
    }
}

/// The manifest of an app that uses all that apps may use.
pub(super) fn manifest(crates: &Crates) -> String {
    let mut text =
        format!("{MANIFEST}kageos-sdk = {{ version = \"*\", features = [\"postgres\", \"mysql\"] }}\n");
    crates.lines(&mut text);
    text + CRATES
}

fn digest(from: &Path, crates: &Crates) -> Result<String> {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(crates.text().as_bytes());
    for file in ["Cargo.toml", "Cargo.lock"] {
        add(&fs::read(from.join(file)).map_err(no_sources)?);
    }
    for (_, folder) in SDK {
        add(&fs::read(from.join(folder).join("Cargo.toml")).map_err(no_sources)?);
        for part in ["src", "migrations"] {
            let mut files = Vec::new();
            list(&from.join(folder).join(part), &mut files);
            files.sort();
            for file in files {
                add(file.strip_prefix(from).unwrap_or(&file).as_os_str().as_encoded_bytes());
                add(&fs::read(&file).map_err(no_sources)?);
            }
        }
    }
    Ok(hex(&hash.finalize()))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(all) = fs::read_dir(folder) else { return };
    for entry in all.flatten() {
        let path = entry.path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

/// The directory source and the lock file: the crates of the SDK as they would be published, and what they need, with
/// drivers of database servers.
async fn collect(from: &Path, crates: &Crates, making: &Path) -> Result<()> {
    let packages = making.join("packages");
    let mut package = Command::new("cargo");
    package.args(["package", "--quiet", "--no-verify", "--allow-dirty", "--exclude-lockfile", "--offline"]);
    package.args(SDK.iter().flat_map(|(name, _)| ["-p", name]));
    output(package.arg("--target-dir").arg(&packages).current_dir(from)).await?;
    // A lock file for an app is what is left of that of the sources when an app is all that there is.
    let patches = SDK.iter().map(|(name, folder)| {
        format!("{name} = {{ path = {:?} }}\n", fs::canonicalize(from.join(folder)).unwrap_or_default())
    });
    let patches: String = patches.collect();
    let app = making.join("app");
    fs::create_dir_all(app.join("src")).map_err(failed)?;
    write(&app.join("Cargo.toml"), &format!("{}[patch.crates-io]\n{patches}", manifest(crates)))?;
    write(&app.join("src/main.rs"), "fn main() {}\n")?;
    let lock = app.join("Cargo.lock");
    fs::copy(from.join("Cargo.lock"), &lock).map_err(no_sources)?;
    let update = |more: &[&str]| {
        let mut update = Command::new("cargo");
        update.args(["update", "--quiet", "--workspace"]).args(more).current_dir(&app);
        update
    };
    // The lock file has all that the SDK needs, and perhaps what an operator allows.
    match output(&mut update(&["--offline"])).await {
        Err(_) if !crates.is_empty() => output(&mut update(&[])).await?,
        done => done?,
    };
    output(
        Command::new("cargo")
            .args(["vendor", "--quiet", "--locked", "--versioned-dirs"])
            .arg(making.join("vendor"))
            .current_dir(&app),
    )
    .await?;
    let text = fs::read_to_string(&lock).map_err(no_sources)?;
    write(&making.join("Cargo.lock"), &published(&text))?;
    write(&making.join(CRATES_FILE), &crates.text())?;
    let all = fs::read_dir(packages.join("package")).map_err(no_sources)?;
    for entry in all.flatten().filter(|entry| entry.path().extension().is_some_and(|it| it == "crate")) {
        let vendor = making.join("vendor");
        output(Command::new("tar").arg("xzf").arg(entry.path()).arg("-C").arg(&vendor)).await?;
        let name = entry.path().file_stem().map(ToOwned::to_owned).unwrap_or_default();
        let folder = vendor.join(name);
        write(&folder.join(".cargo-checksum.json"), "{\"files\":{},\"package\":null}")?;
        // It names the commit; what is the same is the same whichever that was.
        let _ = fs::remove_file(folder.join(".cargo_vcs_info.json"));
    }
    remove(&packages)
}

/// A lock file in which the crates of the SDK come from a registry.
fn published(lock: &str) -> String {
    let mut text = String::with_capacity(lock.len());
    let mut own = false;
    for line in lock.lines() {
        if let Some(name) = line.strip_prefix("name = ") {
            own = SDK.iter().any(|(sdk, _)| name.trim_matches('"') == *sdk);
        }
        text.push_str(line);
        text.push('\n');
        if own && line.starts_with("version = ") {
            text.push_str(&format!("source = \"{REGISTRY}\"\n"));
        }
    }
    text
}

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(failed)
}

pub(super) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

fn no_sources(error: io::Error) -> Error {
    Error::new(Code::Unavailable, "The sources of Kageos are not there; apps are built with them.")
        .caused_by(error)
}

fn failed(error: io::Error) -> Error {
    Error::new(Code::Unavailable, "What apps are built with cannot be written.").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::published;

    #[test]
    fn the_sdk_comes_from_a_registry_like_everything_else() {
        let lock = "[[package]]\nname = \"kageos-sdk\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"serde\"\nversion = \"1\"\n";
        let expected = "[[package]]\nname = \"kageos-sdk\"\nversion = \"0.1.0\"\n\
            source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\n[[package]]\nname = \"serde\"\nversion = \"1\"\n";
        assert_eq!(published(lock), expected);
    }
}
