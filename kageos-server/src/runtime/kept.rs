//! What an app declares, kept small while nobody needs it: a server has a thousand workspaces that rest.

use std::{
    io::Read,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use flate2::{Compression, read::DeflateEncoder};
use kageos_core::{Error, Manifest, Result};

/// A manifest as compressed JSON: a small part of its text, and of what it takes once it is read.
#[derive(Debug)]
pub(super) struct KeptManifest {
    packed: Box<[u8]>,
    /// While somebody has it.
    read: Mutex<Weak<Manifest>>,
}

impl KeptManifest {
    pub(super) fn new(manifest: &Arc<Manifest>) -> Result<Self> {
        let text = serde_json::to_vec(manifest).map_err(Error::internal)?;
        let mut packed = Vec::new();
        DeflateEncoder::new(text.as_slice(), Compression::default())
            .read_to_end(&mut packed)
            .map_err(Error::internal)?;
        Ok(Self { packed: packed.into(), read: Mutex::new(Arc::downgrade(manifest)) })
    }

    /// The manifest.
    pub(super) fn get(&self) -> Arc<Manifest> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(manifest) = read.upgrade() {
            return manifest;
        }
        let unpacked = flate2::read::DeflateDecoder::new(&*self.packed);
        let manifest = match serde_json::from_reader(unpacked) {
            Ok(manifest) => manifest,
            Err(error) => {
                // It was written by this process.
                tracing::error!(%error, "a manifest cannot be read any more");
                nothing()
            }
        };
        let manifest = Arc::new(manifest);
        *read = Arc::downgrade(&manifest);
        manifest
    }
}

/// What declares nothing.
fn nothing() -> Manifest {
    Manifest {
        schema_version: kageos_core::manifest::SCHEMA_VERSION,
        app: "nothing".to_owned(),
        title: String::new(),
        description: String::new(),
        directories: Vec::new(),
        functions: Vec::new(),
        egress: kageos_core::Egress::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_small_comes_back_as_it_was() {
        let app = kageos_sdk::testkit::conformance::app();
        let manifest = Arc::new(app.manifest().unwrap());
        let kept = KeptManifest::new(&manifest).unwrap();
        assert!(Arc::ptr_eq(&kept.get(), &manifest));
        let text = serde_json::to_vec(&manifest).unwrap();
        assert!(kept.packed.len() * 4 < text.len(), "{} of {}", kept.packed.len(), text.len());
        let same = Manifest::clone(&manifest);
        drop(manifest);
        let again = kept.get();
        assert_eq!(*again, same);
        assert!(Arc::ptr_eq(&again, &kept.get()));
    }
}
