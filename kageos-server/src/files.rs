//! Opens the store of files that the configuration names.

use std::path::Path;

use kageos_core::{
    Code, Error, Result,
    platform::{
        files::{FileOptions, Objects, S3Options},
        identity::Secret,
    },
};

use crate::config::FilesConfig;

/// The store of files; `folder` is where they lie when no other place is named.
///
/// # Errors
/// [`Code::InvalidInput`] for an address that is none, [`Code::Unavailable`] when there is no such folder.
pub fn open(config: &FilesConfig, folder: &Path) -> Result<FileOptions> {
    let objects = match config.url.as_deref() {
        None => Objects::folder(folder)?,
        Some(url) if url.starts_with("s3://") => Objects::s3(&s3(config, url))?,
        Some(url) => match url.strip_prefix("file://").filter(|path| path.starts_with('/')) {
            Some(path) => Objects::folder(Path::new(path))?,
            None => {
                let message = "files.url is s3://bucket/prefix or file:///folder.";
                return Err(Error::new(Code::InvalidInput, message));
            }
        },
    };
    Ok(FileOptions { objects, max_bytes: config.max_bytes })
}

fn s3(config: &FilesConfig, url: &str) -> S3Options {
    S3Options {
        url: url.to_owned(),
        endpoint: config.endpoint.clone(),
        region: config.region.clone(),
        access_key_id: config.access_key_id.clone(),
        secret_access_key: config.secret_access_key.as_ref().map(|key| Secret::new(key.expose())),
    }
}
