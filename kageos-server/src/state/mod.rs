//! The state folder: everything that a server keeps on its own disk, private to its user.
//!
//! ```text
//! config.toml            the configuration
//! env/kageos.env         SYSTEM_USER_PASSWORD
//! secrets/               keys and the token of the command line
//! node                   the name of this server among others on its database
//! platform.db            the platform's database, when it is SQLite
//! workspaces/<id>/       one workspace each: source/, releases/, build/, logs/, and data/, which its app writes
//! runtime/               what apps are built on
//! objects/  logs/  run/  files, logs, and what exists only while a server runs
//! ```

mod lock;
mod private;
mod secrets;

pub use lock::{LockError, RunLock, Running};
pub(crate) use secrets::Rotation;
pub use secrets::Secrets;
pub(crate) use secrets::new_password as password;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use kageos_core::Entropy;

/// The folders that are made.
const FOLDERS: [&str; 6] = ["env", "secrets", "workspaces", "objects", "logs", "run"];

/// Random bytes in the name of a server.
const NODE_BYTES: usize = 8;

/// What a new `config.toml` says.
const CONFIG_TEXT: &str = "# Every key can also be given as KAGEOS_<SECTION>__<KEY>, for example KAGEOS_SERVER__ADDRESS.\n\
    # [server]\n# address = \"127.0.0.1:8080\"\n# [database]\n# url = \"postgres://…\"\n";

/// A state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The folder at `root`, whether or not it exists.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes what is missing: folders (0700), `config.toml`, secrets and the system user's password (0600).
    ///
    /// # Errors
    /// When the disk refuses, or a secret that is there cannot be read.
    pub fn init(&self, entropy: &dyn Entropy) -> io::Result<Secrets> {
        private::make_dir(&self.root)?;
        for folder in FOLDERS {
            private::make_dir(&self.root.join(folder))?;
        }
        // Two first starts at the same time must not each make secrets of their own.
        let making = private::open(&self.run_file("init"))?;
        making.lock()?;
        if !self.config_file().exists() {
            private::write(&self.config_file(), CONFIG_TEXT.as_bytes())?;
        }
        Secrets::open(self, entropy)
    }

    /// The name of this server among others on its database, made when there is none yet. A copy of the folder for
    /// another server must not hold it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn node(&self, entropy: &dyn Entropy) -> io::Result<String> {
        let file = self.root.join("node");
        if file.exists() {
            return Ok(std::fs::read_to_string(file)?.trim().to_owned());
        }
        let mut bytes = [0; NODE_BYTES];
        entropy.fill(&mut bytes);
        let node = kageos_core::hex(&bytes);
        private::write(&file, format!("{node}\n").as_bytes())?;
        Ok(node)
    }

    /// Whether the folder was initialised.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.config_file().exists()
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config.toml`
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// `env/kageos.env`
    #[must_use]
    pub fn env_file(&self) -> PathBuf {
        self.root.join("env/kageos.env")
    }

    /// `secrets/<name>`
    #[must_use]
    pub fn secret_file(&self, name: &str) -> PathBuf {
        self.root.join("secrets").join(name)
    }

    /// `platform.db`
    #[must_use]
    pub fn database_file(&self) -> PathBuf {
        self.root.join("platform.db")
    }

    /// `objects`: the bytes of files.
    #[must_use]
    pub fn objects_dir(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// `logs/heads`: the signed heads of the operation log.
    #[must_use]
    pub fn heads_file(&self) -> PathBuf {
        self.root.join("logs/heads")
    }

    /// `workspaces`
    #[must_use]
    pub fn workspaces_dir(&self) -> PathBuf {
        self.root.join("workspaces")
    }

    /// `workspaces/<id>`
    #[must_use]
    pub fn workspace_dir(&self, id: &str) -> PathBuf {
        self.workspaces_dir().join(id)
    }

    /// `runtime`: what apps are built on.
    #[must_use]
    pub fn layers_dir(&self) -> PathBuf {
        self.root.join("runtime")
    }

    /// `logs/<component>.log`
    #[must_use]
    pub fn log_file(&self, component: &str) -> PathBuf {
        self.root.join("logs").join(format!("{component}.log"))
    }

    /// `logs`
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// `run/<name>`
    #[must_use]
    pub fn run_file(&self, name: &str) -> PathBuf {
        self.root.join("run").join(name)
    }

    /// Makes a folder below the state folder, private like the rest.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn make_dir(&self, path: &Path) -> io::Result<()> {
        private::make_dir(path)
    }

    /// Makes a file for writing, private like the rest, with the folders above it.
    ///
    /// # Errors
    /// When it is there already, or the disk refuses.
    pub fn create(&self, path: &Path) -> io::Result<File> {
        private::create(path)
    }

    /// Writes a file whole or not at all, private like the rest.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        private::write(path, bytes)
    }

    /// Every file or folder that others on this machine can read.
    ///
    /// # Errors
    /// When the folder cannot be walked.
    pub fn exposed(&self) -> io::Result<Vec<PathBuf>> {
        private::exposed(&self.root)
    }
}
