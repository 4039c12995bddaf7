//! The web application, built from its sources when they changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use kageos_core::{Code, Error, Result};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
};

use super::{Session, failure::Context};

/// The oldest Node that builds the web application.
const OLDEST_NODE: u32 = 20;
/// What is not a source.
const NOT_SOURCES: [&str; 6] =
    ["node_modules", "dist", "coverage", "test-results", "playwright-report", "e2e"];
/// What npm writes down is none either.
const LOG: &str = "log";

/// Builds `web` when something changed since the last time; without Node or sources it says so and goes on.
pub(super) async fn run(session: &Session, web: &Path) -> Result<()> {
    if !web.join("package.json").exists() {
        session.output.progress("web: no sources here; serving what is built");
        return Ok(());
    }
    match node_version().await {
        Some(version) if version >= OLDEST_NODE => {}
        found => {
            let found = found.map_or("no Node".to_owned(), |version| format!("Node {version}"));
            session.output.progress(&format!(
                "web: Node {OLDEST_NODE} or newer is needed and there is {found}; serving the API only"
            ));
            return Ok(());
        }
    }
    let modules = web.join("node_modules").exists();
    let install = Step { session, stamp: "web-install", hash: hash(&[web.join("package-lock.json")])? };
    if install.needed(modules)? {
        npm(session, web, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).await?;
        install.done()?;
    }
    let built = web.join("dist/index.html").exists();
    let build = Step { session, stamp: "web-build", hash: hash(&sources(web)?)? };
    if build.needed(built)? {
        npm(session, web, &["run", "build"]).await?;
        // The build writes some of its sources itself.
        Step { hash: hash(&sources(web)?)?, ..build }.done()?;
    }
    Ok(())
}

/// A step that is skipped while what it works from stays the same.
struct Step<'a> {
    session: &'a Session,
    stamp: &'static str,
    hash: String,
}

impl Step<'_> {
    fn needed(&self, there: bool) -> Result<bool> {
        let stamp = self.session.state.run_file(self.stamp);
        let known =
            if stamp.exists() { fs::read_to_string(stamp).context(self.stamp)? } else { String::new() };
        Ok(!there || known != self.hash)
    }

    fn done(&self) -> Result<()> {
        let stamp = self.session.state.run_file(self.stamp);
        self.session.state.write(&stamp, self.hash.as_bytes()).context(self.stamp)
    }
}

async fn node_version() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

async fn npm(session: &Session, web: &Path, args: &[&str]) -> Result<()> {
    session.output.progress(&format!("web: npm {}", args.join(" ")));
    let mut child = Command::new("npm")
        .args(args)
        .current_dir(web)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("npm")?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (_, _, status) = tokio::join!(lines(session, out), lines(session, err), child.wait());
    let status = status.context("npm")?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(Code::Internal, format!("npm {} ended with {status}", args.join(" "))))
}

async fn lines(session: &Session, stream: Option<impl AsyncRead + Unpin>) {
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.trim().is_empty() {
            session.output.progress(&format!("web: {line}"));
        }
    }
}

fn sources(web: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![web.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).context("web")? {
            let path = entry.context("web")?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if NOT_SOURCES.contains(&name.as_str()) || path.extension().is_some_and(|ending| ending == LOG) {
                continue;
            }
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

fn hash(files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let bytes = fs::read(file).context("web")?;
        hash.update(file.as_os_str().as_encoded_bytes());
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    Ok(kageos_core::hex(&hash.finalize()))
}
