//! The warm layer: the SDK and what it needs, as one directory of sources with one lock file, compiled once.
//!
//! ```text
//! <root>/<key>/vendor/         a directory source of Cargo: every crate that an app may use
//! <root>/<key>/Cargo.lock      their versions; the lock of every app is a part of it
//! <root>/<key>/config.toml     Cargo's configuration of every build
//! <root>/<key>/target/         what was compiled of them; seeds the target folder of each workspace
//! <root>/<key>/layer.json      written last: the layer is whole
//! ```
//!
//! The key is a digest of all that goes in, so a layer is never changed and the same one is never made twice.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
};

use kageos_core::{Code, Error, Result, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::cargo::{Job, Layout};
use crate::runtime::Sandbox;

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
/// How apps are compiled: quickly, with dependencies that are fast.
const PROFILE: &str = "[profile.dev]\ndebug = 0\n[profile.dev.package.\"*\"]\nopt-level = 1\n\
    [profile.dev.package.libsqlite3-sys]\nopt-level = 3\n[profile.dev.package.sha2]\nopt-level = 3\n";
/// Written into a lock file for a crate that a registry would have.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Changes with the way in which layers are made.
const FORMAT: &str = "1";
/// Layers that are kept: those in use, for files and for database servers, and those before.
const KEPT: usize = 4;

/// A layer that is whole.
#[derive(Debug, Clone)]
pub struct Layer {
    folder: PathBuf,
    about: About,
}

/// What `layer.json` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct About {
    key: String,
    /// Where the toolchain lies.
    toolchain: PathBuf,
    /// What it compiles for.
    target: String,
    /// Its version, for people.
    rustc: String,
    /// Whether apps reach database servers.
    servers: bool,
}

/// What a layer is made of.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// The folder with the sources of Kageos.
    pub sources: &'a Path,
    /// What keeps the build apart.
    pub sandbox: &'a Sandbox,
    /// The program and its arguments that sets limits and becomes what follows.
    pub restrict: &'a [std::ffi::OsString],
    /// Whether apps reach database servers.
    pub servers: bool,
}

/// The toolchain of this machine.
struct Toolchain {
    folder: PathBuf,
    target: String,
    rustc: String,
}

impl Layer {
    /// The layer that was made last in a folder, with or without drivers of database servers.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn find(root: &Path, servers: bool) -> Result<Option<Self>> {
        let all = match fs::read_dir(root) {
            Ok(all) => all,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("The layer cannot be read.")(error)),
        };
        let whole = all.flatten().filter_map(|entry| Self::read(&entry.path()));
        let whole = whole.filter(|layer| layer.about.servers == servers);
        let made =
            |layer: &Self| fs::metadata(layer.folder.join("layer.json")).and_then(|it| it.modified()).ok();
        Ok(whole.max_by_key(made))
    }

    fn read(folder: &Path) -> Option<Self> {
        let about = fs::read(folder.join("layer.json")).ok()?;
        let about: About = serde_json::from_slice(&about).ok()?;
        about.toolchain.join("bin/cargo").exists().then(|| Self { folder: folder.to_owned(), about })
    }

    /// Makes the layer from the sources of Kageos, unless it is there. Crates that are missing on this machine
    /// are fetched as the lock file names them; nothing else is.
    ///
    /// # Errors
    /// [`Code::Unavailable`] without a toolchain, or when something of it fails.
    pub async fn prepare(
        root: &Path,
        ingredients: &Ingredients<'_>,
        mut tell: impl FnMut(&str) + Send,
    ) -> Result<Self> {
        let &Ingredients { sources: from, sandbox, restrict, servers } = ingredients;
        let toolchain = Toolchain::find(from).await?;
        let key = key(ingredients, &toolchain)?;
        fs::create_dir_all(root).map_err(failed("The layer cannot be written."))?;
        // Whoever comes at the same time waits, and finds it made.
        let lock = fs::File::create(root.join("lock")).map_err(failed("The layer cannot be written."))?;
        let _lock = crate::runtime::host::blocking(move || {
            lock.lock().map_err(failed("The layer cannot be locked."))?;
            Ok(lock)
        })
        .await?;
        let folder = root.join(&key[..16]);
        if let Some(layer) = Self::read(&folder) {
            // It is the one in use now.
            let _ = fs::File::open(folder.join("layer.json")).and_then(|it| it.set_modified(now()));
            return Ok(layer);
        }
        // Without its last file it is not whole, and begins anew.
        let making = &folder;
        remove(making)?;
        fs::create_dir_all(making.join("app/src")).map_err(failed("The layer cannot be written."))?;
        tell("collecting the sources of the SDK");
        collect(ingredients, making).await?;
        write(&making.join("config.toml"), &config(making, &toolchain, sandbox))?;
        let manifest = format!("{MANIFEST}{}{CRATES}", sdk(servers));
        write(&making.join("app/Cargo.toml"), &manifest)?;
        write(&making.join("app/src/main.rs"), "fn main() {}\n")?;
        fs::copy(making.join("Cargo.lock"), making.join("app/Cargo.lock"))
            .map_err(failed("The layer cannot be written."))?;
        let layer = Self {
            folder: making.clone(),
            about: About {
                key: key.clone(),
                toolchain: toolchain.folder,
                target: toolchain.target,
                rustc: toolchain.rustc,
                servers,
            },
        };
        let target = making.join("target");
        fs::create_dir_all(&target).map_err(failed("The layer cannot be written."))?;
        tell("compiling the SDK for apps, once");
        let app = making.join("app");
        let job = Job { layer: &layer, sandbox, restrict, app: &app, is_layer: true, target: &target };
        let built = job.run(|line| tell(line)).await?;
        if !built.success {
            return Err(Error::new(Code::Unavailable, format!("The SDK does not compile:\n{}", built.log)));
        }
        let about = serde_json::to_string_pretty(&layer.about).map_err(Error::internal)?;
        write(&making.join("layer.json"), &about)?;
        forget_old(root);
        Ok(layer)
    }

    /// What the SDK of every app is built with besides what the app asks for.
    pub(super) fn features(&self) -> Option<&'static str> {
        self.about.servers.then_some("kageos-sdk/postgres,kageos-sdk/mysql")
    }

    /// What it is known by.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.about.key
    }

    /// The compiler, for people.
    #[must_use]
    pub fn rustc(&self) -> &str {
        &self.about.rustc
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn toolchain(&self) -> &Path {
        &self.about.toolchain
    }

    /// The lock file that every build begins with.
    pub(super) fn lock(&self) -> PathBuf {
        self.folder.join("Cargo.lock")
    }

    /// What was compiled.
    pub(super) fn target(&self) -> PathBuf {
        self.folder.join("target")
    }
}

const MANIFEST: &str = "[package]\nname = \"layer\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[workspace]\n\n[dependencies]\n";

/// The SDK as the layer compiles it.
const fn sdk(servers: bool) -> &'static str {
    if servers {
        "kageos-sdk = { version = \"*\", features = [\"postgres\", \"mysql\"] }\n"
    } else {
        "kageos-sdk = \"*\"\n"
    }
}

impl Toolchain {
    /// The one that `cargo` and `rustc` of this machine are.
    async fn find(from: &Path) -> Result<Self> {
        let folder = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(from)).await?;
        let about = output(Command::new("rustc").arg("-vV").current_dir(from)).await?;
        let line = |key: &str| about.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        let folder = PathBuf::from(folder.trim());
        if !folder.join("bin/cargo").exists() {
            let message = "The Rust toolchain has no cargo beside its rustc.";
            return Err(Error::new(Code::Unavailable, message));
        }
        Ok(Self {
            folder,
            target: line("host: ").trim().to_owned(),
            rustc: about.lines().next().unwrap_or_default().to_owned(),
        })
    }
}

/// Digest of all that goes into a layer.
fn key(ingredients: &Ingredients<'_>, toolchain: &Toolchain) -> Result<String> {
    let &Ingredients { sources: from, sandbox, servers, .. } = ingredients;
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    let kind = if matches!(sandbox, Sandbox::Open) { "open" } else { "closed" };
    for part in [FORMAT, sdk(servers), CRATES, PROFILE, kind, &toolchain.rustc, &toolchain.target] {
        add(part.as_bytes());
    }
    add(toolchain.folder.as_os_str().as_encoded_bytes());
    for file in ["Cargo.toml", "Cargo.lock"] {
        add(&fs::read(from.join(file)).map_err(no_sources)?);
    }
    for (_, folder) in SDK {
        add(&fs::read(from.join(folder).join("Cargo.toml")).map_err(no_sources)?);
        for part in ["src", "migrations"] {
            let mut files = Vec::new();
            list(&from.join(folder).join(part), &mut files)?;
            files.sort();
            for file in files {
                add(file.strip_prefix(from).unwrap_or(&file).as_os_str().as_encoded_bytes());
                add(&fs::read(&file).map_err(no_sources)?);
            }
        }
    }
    Ok(hex(&hash.finalize()))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(all) = fs::read_dir(folder) else { return Ok(()) };
    for entry in all.flatten() {
        let path = entry.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// The directory source and the lock file: the crates of the SDK as they would be published, and what they need.
async fn collect(ingredients: &Ingredients<'_>, making: &Path) -> Result<()> {
    let from = ingredients.sources;
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
    write(
        &making.join("app/Cargo.toml"),
        &format!("{MANIFEST}{}{CRATES}[patch.crates-io]\n{patches}", sdk(ingredients.servers)),
    )?;
    write(&making.join("app/src/main.rs"), "fn main() {}\n")?;
    let lock = making.join("app/Cargo.lock");
    fs::copy(from.join("Cargo.lock"), &lock).map_err(no_sources)?;
    let app = making.join("app");
    output(Command::new("cargo").args(["update", "--quiet", "--workspace", "--offline"]).current_dir(&app))
        .await?;
    output(
        Command::new("cargo")
            .args(["vendor", "--quiet", "--locked", "--versioned-dirs"])
            .arg(making.join("vendor"))
            .current_dir(&app),
    )
    .await?;
    let text = fs::read_to_string(&lock).map_err(no_sources)?;
    write(&making.join("Cargo.lock"), &published(&text))?;
    let all = fs::read_dir(packages.join("package")).map_err(no_sources)?;
    for entry in all.flatten().filter(|entry| entry.path().extension().is_some_and(|it| it == "crate")) {
        let vendor = making.join("vendor");
        output(Command::new("tar").arg("xzf").arg(entry.path()).arg("-C").arg(&vendor)).await?;
        let name = entry.path().file_stem().map(ToOwned::to_owned).unwrap_or_default();
        write(&vendor.join(name).join(".cargo-checksum.json"), "{\"files\":{},\"package\":null}")?;
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

fn config(folder: &Path, toolchain: &Toolchain, sandbox: &Sandbox) -> String {
    let vendor = Layout::of(sandbox, folder).vendor;
    format!(
        "[source.crates-io]\nreplace-with = \"layer\"\n[source.layer]\ndirectory = {:?}\n[net]\noffline = true\n\
         [build]\ntarget = {:?}\n{PROFILE}",
        vendor.display().to_string(),
        toolchain.target,
    )
}

/// Removes the layers before the last two.
fn forget_old(root: &Path) {
    let Ok(all) = fs::read_dir(root) else { return };
    let mut all: Vec<_> = all
        .flatten()
        .filter_map(|entry| {
            Some((fs::metadata(entry.path().join("layer.json")).ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    all.sort();
    let old = all.len().saturating_sub(KEPT);
    for (_, folder) in all.into_iter().take(old) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// What a tool of the toolchain answers.
async fn output(command: &mut Command) -> Result<String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(|error| {
        Error::new(Code::Unavailable, format!("{name} cannot be run; apps are built with it."))
            .caused_by(error)
    })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(Error::new(Code::Unavailable, format!("{name} ended with {}: {}", done.status, said.trim())))
}

#[expect(clippy::disallowed_methods, reason = "the time of a file tells which layer is in use, no more")]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(failed("The layer cannot be written."))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("The layer cannot be written.")(error))
        }
        _ => Ok(()),
    }
}

fn no_sources(error: io::Error) -> Error {
    Error::new(Code::Unavailable, "The sources of Kageos are not there; apps are built with them.")
        .caused_by(error)
}

fn failed(message: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::new(Code::Unavailable, message).caused_by(error)
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
