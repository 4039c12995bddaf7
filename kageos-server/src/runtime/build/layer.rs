//! The warm layer: the SDK and what it needs, as one directory of sources with one lock file, compiled once.
//!
//! ```text
//! <root>/<key>/vendor/         a directory source of Cargo: every crate that an app may use
//! <root>/<key>/crates.toml     the crates that an operator allows besides the SDK
//! <root>/<key>/Cargo.lock      their versions; the lock of every app is a part of it
//! <root>/<key>/config.toml     Cargo's configuration of every build
//! <root>/<key>/target/         what was compiled of them; seeds the target folder of each workspace
//! <root>/<key>/layer.json      written last: the layer is whole
//! ```
//!
//! The key is a digest of all that goes in, so a layer is never changed and the same one is never made twice.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kageos_core::{Code, Error, Result, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Diagnostic,
    cargo::{Job, Layout},
    crates::Crates,
    folder::copy_tree,
    packed::Packed,
    supply::{CRATES_FILE, Supply, manifest, remove, write},
    toolchain::Toolchain,
};
use crate::runtime::{Sandbox, host::blocking};

/// How apps are compiled: quickly, with dependencies that are fast.
const PROFILE: &str = "[profile.dev]\ndebug = 0\n[profile.dev.package.\"*\"]\nopt-level = 1\n\
    [profile.dev.package.libsqlite3-sys]\nopt-level = 3\n[profile.dev.package.sha2]\nopt-level = 3\n";
/// Programs of apps carry their libraries, so that they run where there are none.
const STATIC: &str = "[\"-C\", \"target-feature=+crt-static\"]";
/// Changes with the way in which layers are made.
const FORMAT: &str = "4";
/// Layers that are kept: the one in use and the one before.
const KEPT: usize = 2;
/// Characters of the key that its folder is called by.
const NAME: usize = 16;
/// When the sources of a layer were written, in seconds since 1970: the year 2001.
const AGE: Duration = Duration::from_secs(1_000_000_000);
/// In the name of whatever is compiled of the SDK.
const SDK_PREFIX: &str = "kageos";
/// Folders within one another that what was compiled lies in: the target, the profile, the kind.
const DEPTH: u32 = 3;
/// The last file of a layer.
const ABOUT: &str = "layer.json";

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
    /// The id of what a program carried and it was made of; none for sources in a folder.
    #[serde(default)]
    packed: Option<String>,
    /// It was compiled in a sandbox, where everything lies at the same place for every layer.
    #[serde(default)]
    closed: bool,
}

/// What a layer is made of.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// The SDK and its crates.
    pub supply: &'a Supply,
    /// What keeps the build apart.
    pub sandbox: &'a Sandbox,
    /// The program and its arguments that sets limits and becomes what follows.
    pub restrict: &'a [std::ffi::OsString],
}

impl Layer {
    /// The layer that was made last in a folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn find(root: &Path) -> Result<Option<Self>> {
        let all = match fs::read_dir(root) {
            Ok(all) => all,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("The layer cannot be read.")(error)),
        };
        let whole = all.flatten().filter_map(|entry| Self::read(&entry.path()));
        let made = |layer: &Self| fs::metadata(layer.folder.join(ABOUT)).and_then(|it| it.modified()).ok();
        Ok(whole.max_by_key(made))
    }

    fn read(folder: &Path) -> Option<Self> {
        let about = fs::read(folder.join(ABOUT)).ok()?;
        let about: About = serde_json::from_slice(&about).ok()?;
        about.toolchain.join("bin/cargo").exists().then(|| Self { folder: folder.to_owned(), about })
    }

    /// Makes the layer, unless it is there.
    ///
    /// # Errors
    /// [`Code::Unavailable`] without a toolchain, or when something of it fails.
    pub async fn prepare(
        root: &Path,
        ingredients: &Ingredients<'_>,
        mut tell: impl FnMut(&str) + Send,
    ) -> Result<Self> {
        fs::create_dir_all(root).map_err(failed("The layer cannot be written."))?;
        let toolchain = Toolchain::find(ingredients.supply.folder().unwrap_or(root)).await?;
        let key = key(ingredients, &toolchain)?;
        // Whoever comes at the same time waits, and finds it made.
        let lock = fs::File::create(root.join("lock")).map_err(failed("The layer cannot be written."))?;
        let lock = blocking(move || {
            lock.lock().map_err(failed("The layer cannot be locked."))?;
            Ok(Arc::new(lock))
        })
        .await?;
        let folder = root.join(&key[..NAME]);
        if let Some(layer) = Self::read(&folder) {
            // It is the one in use now.
            let _ = fs::File::open(folder.join(ABOUT)).and_then(|it| it.set_modified(now()));
            return Ok(layer);
        }
        let about = About {
            key,
            toolchain: toolchain.folder,
            target: toolchain.target,
            rustc: toolchain.rustc,
            packed: ingredients.supply.packed_id(),
            closed: matches!(ingredients.sandbox, Sandbox::Bubblewrap(_)),
        };
        let layer = Self { folder, about };
        layer.make(ingredients, &lock, &mut tell).await?;
        forget_old(root);
        Ok(layer)
    }

    /// Collects and compiles all of it.
    async fn make(
        &self,
        ingredients: &Ingredients<'_>,
        lock: &Arc<fs::File>,
        mut tell: impl FnMut(&str) + Send,
    ) -> Result<()> {
        let &Ingredients { supply, sandbox, restrict } = ingredients;
        let folder = &self.folder;
        // Without its last file it is not whole, and begins anew.
        remove(folder)?;
        fs::create_dir_all(folder).map_err(failed("The layer cannot be written."))?;
        tell("collecting the sources of the SDK");
        supply.bring(folder, lock).await?;
        let vendor = folder.join("vendor");
        blocking(move || age(&vendor).map_err(failed("The layer cannot be written."))).await?;
        write(&folder.join("config.toml"), &self.config(sandbox))?;
        let (app, target) = (folder.join("app"), folder.join("target"));
        remove(&app)?;
        for folder in [&app.join("src"), &target] {
            fs::create_dir_all(folder).map_err(failed("The layer cannot be written."))?;
        }
        write(&app.join("Cargo.toml"), &manifest(&self.crates()?))?;
        write(&app.join("src/main.rs"), "fn main() {}\n")?;
        fs::copy(self.lock(), app.join("Cargo.lock")).map_err(failed("The layer cannot be written."))?;
        let begun = match self.begin_with_another(&target).await {
            Ok(begun) => begun,
            Err(error) => {
                tracing::warn!(%error, "a layer begins with nothing");
                empty(&target)?;
                false
            }
        };
        tell("compiling the SDK for apps, once");
        let job = Job {
            layer: self,
            sandbox,
            restrict,
            app: &app,
            is_layer: true,
            target: &target,
            confined: None,
        };
        let mut built = job.run(|line| tell(line)).await?;
        if begun && !built.success {
            tell("compiling all of it");
            empty(&target)?;
            built = job.run(|line| tell(line)).await?;
        }
        if !built.success {
            return Err(Error::new(Code::Unavailable, format!("The SDK does not compile:\n{}", built.log)));
        }
        let about = serde_json::to_string_pretty(&self.about).map_err(Error::internal)?;
        write(&folder.join(ABOUT), &about)
    }

    /// Begins with what another layer has compiled of crates that this one has too: all but the SDK, which is another one
    /// under the same version. Not with one that has a crate which this one lacks, for what that has left there stays.
    /// Answers whether there was one.
    async fn begin_with_another(&self, target: &Path) -> Result<bool> {
        let Some(other) = self.folder.parent().map(Self::find).transpose()?.flatten() else {
            return Ok(false);
        };
        let place = |layer: &Self| {
            let About { toolchain, target, rustc, closed: true, .. } = &layer.about else { return None };
            Some((toolchain.clone(), target.clone(), rustc.clone()))
        };
        let locked =
            |layer: &Self| fs::read_to_string(layer.lock()).map_err(failed("The layer cannot be read."));
        let (theirs, own) = (locked(&other)?, locked(self)?);
        if place(&other).is_none_or(|it| Some(it) != place(self))
            || !packages(&theirs).is_subset(&packages(&own))
        {
            return Ok(false);
        }
        let (from, target) = (other.target(), target.to_owned());
        blocking(move || {
            copy_tree(&from, &target)?;
            remove_named(&target, SDK_PREFIX, DEPTH).map_err(failed("The layer cannot be written."))
        })
        .await?;
        Ok(true)
    }

    /// The crates that an operator allows.
    fn crates(&self) -> Result<Crates> {
        match fs::read_to_string(self.folder.join(CRATES_FILE)) {
            Ok(text) => Crates::read(&text),
            // One that an earlier release of Kageos made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Crates::default()),
            Err(error) => Err(failed("The layer cannot be read.")(error)),
        }
    }

    /// What the manifests of an app name that apps may not use.
    ///
    /// # Errors
    /// When the layer or the app cannot be read.
    pub(crate) fn refusals(&self, app: &Path, manifests: &[String]) -> Result<Vec<Diagnostic>> {
        let crates = self.crates()?;
        let mut all = Vec::new();
        for path in manifests {
            let text = fs::read(app.join(path)).map_err(failed("The source cannot be read."))?;
            all.extend(crates.refusals(path, &String::from_utf8_lossy(&text)));
        }
        Ok(all)
    }

    /// Cargo's configuration of every build.
    fn config(&self, sandbox: &Sandbox) -> String {
        let (vendor, target) = (Layout::of(sandbox, &self.folder).vendor, &self.about.target);
        format!(
            "[source.crates-io]\nreplace-with = \"layer\"\n[source.layer]\ndirectory = {:?}\n[net]\noffline = true\n\
             [build]\ntarget = {target:?}\n[target.{target}]\nrustflags = {STATIC}\n{PROFILE}",
            vendor.display().to_string(),
        )
    }

    /// Whether it is what a program carries, or what an operator made of sources in place of that.
    pub(crate) fn fits(&self, packed: &Packed) -> bool {
        self.about.packed.as_ref().is_none_or(|id| *id == packed.id())
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
    pub(crate) fn lock(&self) -> PathBuf {
        self.folder.join("Cargo.lock")
    }

    /// The sources of the crates.
    pub(crate) fn vendor(&self) -> PathBuf {
        self.folder.join("vendor")
    }

    /// What was compiled.
    pub(super) fn target(&self) -> PathBuf {
        self.folder.join("target")
    }
}

/// What apps are built with here, for people.
pub(crate) async fn outlook(root: &Path, program: &Path) -> String {
    let packed = Packed::find(program);
    let found = Layer::find(root).ok().flatten();
    let toolchain = match (&found, &packed) {
        (_, Err(error)) => return format!("none can be built here: this program is damaged: {error}"),
        (Some(layer), Ok(None)) => return format!("built with {}", layer.rustc()),
        (Some(layer), Ok(Some(packed))) if layer.fits(packed) => {
            return format!("built with {}", layer.rustc());
        }
        _ => Toolchain::find(root.ancestors().find(|it| it.is_dir()).unwrap_or(Path::new("/"))).await,
    };
    match (toolchain, packed) {
        (Err(error), _) => error.message,
        (Ok(toolchain), Ok(Some(_))) => {
            format!("the first build compiles the SDK that this program carries, with {}", toolchain.rustc)
        }
        _ => "none can be built here yet (`kagectl runtime prepare`)".to_owned(),
    }
}

/// Digest of all that goes into a layer.
fn key(ingredients: &Ingredients<'_>, toolchain: &Toolchain) -> Result<String> {
    let &Ingredients { supply, sandbox, .. } = ingredients;
    let mut hash = Sha256::new();
    let kind = if matches!(sandbox, Sandbox::Open) { "open" } else { "closed" };
    let (id, folder) = (supply.id()?, toolchain.folder.as_os_str());
    let manifest = manifest(&Crates::default());
    for part in [FORMAT, &manifest, PROFILE, kind, &toolchain.rustc, &toolchain.target, &id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(folder.as_encoded_bytes());
    Ok(hex(&hash.finalize()))
}

/// The packages of a lock file without the SDK, each with its version and hash.
fn packages(lock: &str) -> BTreeSet<[&str; 3]> {
    let blocks = lock.split("[[package]]").skip(1);
    blocks
        .map(|block| {
            let value = |key| block.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            [value("name = "), value("version = "), value("checksum = ")]
        })
        .filter(|[name, ..]| !name.trim_start_matches('"').starts_with(SDK_PREFIX))
        .collect()
}

/// Makes a folder an empty one.
fn empty(folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::create_dir_all(folder).map_err(failed("The layer cannot be written."))
}

/// Makes the files of a folder older than whatever was compiled of them, for times tell Cargo what is new.
fn age(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            age(&entry.path())?;
        } else if kind.is_file() {
            fs::File::open(entry.path())?.set_modified(std::time::UNIX_EPOCH + AGE)?;
        }
    }
    Ok(())
}

/// Removes everything with a text in its name.
fn remove_named(folder: &Path, part: &str, depth: u32) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_dir = entry.file_type()?.is_dir();
        match entry.file_name().to_string_lossy().contains(part) {
            true if is_dir => fs::remove_dir_all(entry.path())?,
            true => fs::remove_file(entry.path())?,
            false if is_dir && depth > 0 => remove_named(&entry.path(), part, depth - 1)?,
            false => {}
        }
    }
    Ok(())
}

/// Removes the layers before the last ones, and what was never whole.
fn forget_old(root: &Path) {
    let Ok(all) = fs::read_dir(root) else { return };
    let made = |folder: &Path| fs::metadata(folder.join(ABOUT)).and_then(|about| about.modified()).ok();
    let layers = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.len() == NAME && name.bytes().all(|it| it.is_ascii_hexdigit()) && path.is_dir()
    };
    let folders = all.flatten().map(|entry| entry.path()).filter(layers);
    // Whoever makes one has the lock, so one without its last file was left by a crash.
    let (mut whole, mut gone): (Vec<_>, Vec<_>) =
        folders.map(|folder| (made(&folder), folder)).partition(|(made, _)| made.is_some());
    whole.sort();
    let old = whole.len().saturating_sub(KEPT);
    gone.extend(whole.into_iter().take(old));
    for (_, folder) in gone {
        let _ = fs::remove_dir_all(folder);
    }
}

#[expect(clippy::disallowed_methods, reason = "the time of a file tells what was used lately, no more")]
pub(crate) fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

fn failed(message: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::new(Code::Unavailable, message).caused_by(error)
}
