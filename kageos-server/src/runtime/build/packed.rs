//! What apps are built with, carried by a program at its end: one file to install.
//!
//! ```text
//! the program | files, compressed with gzip | magic, 16 bytes | length, 8 | SHA-256, 32
//! ```
//!
//! Length and hash are those of the compressed files; numbers are big-endian. A file is the length of its path (2 bytes),
//! the path, the length of its content (8 bytes) and the content; a path of no bytes is the end. There are no links and
//! no rights: a crate needs none.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::{Component, Path, PathBuf},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use kageos_core::{Code, Error, hex};
use sha2::{Digest, Sha256};

/// Ends a program that carries something.
const MAGIC: &[u8; 16] = b"kageos supply 1\n";
/// Bytes of the end.
const END: u64 = 16 + 8 + 32;
/// Most files; the crates of the SDK have some 13,000.
const MAX_FILES: usize = 100_000;
/// Most bytes of them, uncompressed; the crates of the SDK have some 300 MB.
const MAX_BYTES: u64 = 2 << 30;
/// Longest path of a file.
const MAX_PATH: usize = 512;

/// What a program carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    program: PathBuf,
    /// Where it begins: the length of the program alone.
    at: u64,
    length: u64,
    sha256: [u8; 32],
}

/// Why what a program carries cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackedError {
    /// The end claims more than there is.
    #[error("it claims to carry {length} bytes and is {there} bytes long itself")]
    Short {
        /// Bytes that it claims to carry.
        length: u64,
        /// Bytes of the file.
        there: u64,
    },
    /// The bytes are not those that were packed.
    #[error("what it carries was damaged: its hash is another one")]
    Damaged,
    /// The files cannot be read, or are none that [`pack`] writes.
    #[error("what it carries is malformed: {0}")]
    Malformed(String),
    /// The disk refused.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<PackedError> for Error {
    fn from(error: PackedError) -> Self {
        let message = format!("This program cannot give what apps are built with: {error}. Install it anew.");
        Self::new(Code::Unavailable, message).caused_by(error)
    }
}

impl Packed {
    /// What a program carries; `None` for nothing, which is also what is left of one that was cut off.
    ///
    /// # Errors
    /// [`PackedError::Short`], or when the program cannot be read.
    pub fn find(program: &Path) -> Result<Option<Self>, PackedError> {
        let mut file = File::open(program)?;
        let there = file.metadata()?.len();
        let Some(end_at) = there.checked_sub(END) else { return Ok(None) };
        file.seek(SeekFrom::Start(end_at))?;
        let mut end = [0; END as usize];
        file.read_exact(&mut end)?;
        let Some(rest) = end.strip_prefix(MAGIC) else { return Ok(None) };
        let (mut length, mut sha256) = ([0; 8], [0; 32]);
        length.copy_from_slice(&rest[..8]);
        sha256.copy_from_slice(&rest[8..]);
        let length = u64::from_be_bytes(length);
        let at = end_at.checked_sub(length).ok_or(PackedError::Short { length, there })?;
        Ok(Some(Self { program: program.to_owned(), at, length, sha256 }))
    }

    /// What it is known by: its hash.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&self.sha256)
    }

    /// Writes the files to a folder in which there is nothing yet, once the hash was found to be right.
    ///
    /// # Errors
    /// [`PackedError`].
    pub fn unpack(&self, to: &Path) -> Result<(), PackedError> {
        let mut file = File::open(&self.program)?;
        let mut hash = Sha256::new();
        file.seek(SeekFrom::Start(self.at))?;
        let read = io::copy(&mut Read::by_ref(&mut file).take(self.length), &mut HashWriter(&mut hash))?;
        if read != self.length || hash.finalize()[..] != self.sha256 {
            return Err(PackedError::Damaged);
        }
        file.seek(SeekFrom::Start(self.at))?;
        // Read again, with another one in between its hash would say nothing; but who can do that is this program.
        read_files(BufReader::new(GzDecoder::new(BufReader::new(file.take(self.length)))), to)
    }
}

/// Writes a copy of a program that carries these files of a folder, whole or not at all.
///
/// # Errors
/// When something cannot be read or written, or a path is too long.
pub(super) fn pack(program: &Path, folder: &Path, to: &Path) -> Result<Packed, PackedError> {
    // One that carries something already carries this instead.
    let own = match Packed::find(program)? {
        Some(packed) => packed.at,
        None => fs::metadata(program)?.len(),
    };
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    let making = to.with_extension("making");
    let mut out = File::create(&making)?;
    io::copy(&mut File::open(program)?.take(own), &mut out)?;
    let mut hash = Sha256::new();
    let counted = Counted { out: BufWriter::new(&mut out), hash: &mut hash, length: 0 };
    let mut zip = GzEncoder::new(counted, Compression::default());
    for file in &files {
        let below = file.strip_prefix(folder).unwrap_or(file);
        let path = below.to_str().filter(|path| path.len() <= MAX_PATH);
        let path = path.ok_or_else(|| PackedError::Malformed(format!("the path {}", below.display())))?;
        let content = fs::read(file)?;
        zip.write_all(&u16::try_from(path.len()).unwrap_or(u16::MAX).to_be_bytes())?;
        zip.write_all(path.as_bytes())?;
        zip.write_all(&(content.len() as u64).to_be_bytes())?;
        zip.write_all(&content)?;
    }
    zip.write_all(&[0, 0])?;
    let mut counted = zip.finish()?;
    counted.out.flush()?;
    let length = counted.length;
    drop(counted);
    let sha256: [u8; 32] = hash.finalize().into();
    out.write_all(&[&MAGIC[..], &length.to_be_bytes(), &sha256].concat())?;
    out.set_permissions(PermissionsExt::from_mode(0o755))?;
    out.sync_all()?;
    fs::rename(&making, to)?;
    Ok(Packed { program: to.to_owned(), at: own, length, sha256 })
}

/// Writes what is read to a folder and never beside it.
fn read_files(mut from: impl Read, to: &Path) -> Result<(), PackedError> {
    let malformed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => PackedError::Malformed("it ends too early".to_owned()),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => PackedError::Malformed(error.to_string()),
        _ => PackedError::Io(error),
    };
    let (mut bytes, mut made) = (0_u64, PathBuf::new());
    for _ in 0..MAX_FILES {
        let mut length = [0; 2];
        from.read_exact(&mut length).map_err(malformed)?;
        let length = usize::from(u16::from_be_bytes(length));
        if length == 0 {
            let more = from.read(&mut [0]).map_err(malformed)?;
            return if more == 0 { Ok(()) } else { Err(PackedError::Malformed("it goes on".to_owned())) };
        }
        let mut path = vec![0; length];
        from.read_exact(&mut path).map_err(malformed)?;
        let path = below(path)?;
        let mut size = [0; 8];
        from.read_exact(&mut size).map_err(malformed)?;
        let size = u64::from_be_bytes(size);
        bytes = bytes.saturating_add(size);
        if bytes > MAX_BYTES {
            return Err(PackedError::Malformed("it is too large".to_owned()));
        }
        let place = to.join(path);
        if let Some(folder) = place.parent().filter(|folder| **folder != *made) {
            fs::create_dir_all(folder)?;
            made = folder.to_owned();
        }
        // What is there already came from here too: no link is, and no file is written twice.
        let mut file = File::create_new(&place)?;
        if io::copy(&mut Read::by_ref(&mut from).take(size), &mut file).map_err(malformed)? != size {
            return Err(PackedError::Malformed("it ends too early".to_owned()));
        }
    }
    Err(PackedError::Malformed("it has too many files".to_owned()))
}

/// A path that stays below the folder that it is joined to.
fn below(path: Vec<u8>) -> Result<PathBuf, PackedError> {
    let path = String::from_utf8(path).map_err(|_| PackedError::Malformed("a path is no text".to_owned()))?;
    let plain = |path: &str| {
        path.len() <= MAX_PATH
            && !path.contains('\0')
            && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
    };
    if plain(&path) { Ok(path.into()) } else { Err(PackedError::Malformed(format!("the path {path:?}"))) }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { list(&entry.path(), files)? } else { files.push(entry.path()) }
    }
    Ok(())
}

/// What is written is hashed.
pub(crate) struct HashWriter<'a>(pub(crate) &'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Counted<'a> {
    out: BufWriter<&'a mut File>,
    hash: &'a mut Sha256,
    length: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that carries what `write` compresses, and an end that is right for it.
    fn program(folder: &Path, content: &[u8]) -> PathBuf {
        let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
        zip.write_all(content).unwrap();
        let packed = zip.finish().unwrap();
        let hash: [u8; 32] = Sha256::digest(&packed).into();
        let end = [&MAGIC[..], &(packed.len() as u64).to_be_bytes(), &hash].concat();
        let file = folder.join("hostile");
        fs::write(&file, [b"#!program", &packed[..], &end].concat()).unwrap();
        file
    }

    fn entry(path: &str, content: &str) -> Vec<u8> {
        let path = [&(path.len() as u16).to_be_bytes(), path.as_bytes()].concat();
        [&path[..], &(content.len() as u64).to_be_bytes(), content.as_bytes()].concat()
    }

    /// A folder with the files `vendor/a/x.rs` and `Cargo.lock`, and a program.
    fn given() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (folder, program) = (dir.path().join("supply"), dir.path().join("program"));
        fs::create_dir_all(folder.join("vendor/a")).unwrap();
        fs::write(folder.join("vendor/a/x.rs"), "fn x() {}\n").unwrap();
        fs::write(folder.join("Cargo.lock"), "").unwrap();
        fs::write(&program, "#!program, which is long enough to be one that carries something").unwrap();
        (dir, folder, program)
    }

    #[test]
    fn what_is_packed_comes_out_again_and_twice_is_once() {
        let (dir, folder, program) = given();
        assert_eq!(Packed::find(&program).unwrap(), None);
        let (once, twice) = (dir.path().join("once"), dir.path().join("twice"));
        let packed = pack(&program, &folder, &once).unwrap();
        assert_eq!(Packed::find(&once).unwrap(), Some(packed.clone()));
        pack(&once, &folder, &twice).unwrap();
        assert_eq!(fs::read(&once).unwrap(), fs::read(&twice).unwrap());
        let to = dir.path().join("to");
        packed.unpack(&to).unwrap();
        assert_eq!(fs::read_to_string(to.join("vendor/a/x.rs")).unwrap(), "fn x() {}\n");
        assert_eq!(fs::read_to_string(to.join("Cargo.lock")).unwrap(), "");
    }

    #[test]
    fn bytes_that_were_changed_or_are_missing_are_noticed() {
        let (dir, folder, program) = given();
        let file = dir.path().join("packed");
        let packed = pack(&program, &folder, &file).unwrap();
        let whole = fs::read(&file).unwrap();
        for at in [packed.at, packed.at + packed.length - 1, whole.len() as u64 - 1] {
            let mut bytes = whole.clone();
            bytes[at as usize] ^= 1;
            fs::write(&file, bytes).unwrap();
            let to = dir.path().join(format!("to{at}"));
            let found = Packed::find(&file).unwrap().unwrap();
            assert!(matches!(found.unpack(&to), Err(PackedError::Damaged)), "{at}");
            assert!(!to.exists());
        }
        // Cut off at the end it carries nothing, cut off before it claims too much.
        for length in 0..whole.len() {
            fs::write(&file, &whole[..length]).unwrap();
            assert_eq!(Packed::find(&file).unwrap(), None, "{length}");
        }
        fs::write(&file, &whole[packed.at as usize + 1..]).unwrap();
        assert!(matches!(Packed::find(&file), Err(PackedError::Short { .. })));
        let mut bytes = whole;
        let length = bytes.len() - 40;
        bytes[length..length + 8].copy_from_slice(&u64::MAX.to_be_bytes());
        fs::write(&file, bytes).unwrap();
        assert!(matches!(Packed::find(&file), Err(PackedError::Short { .. })));
    }

    #[test]
    fn hostile_files_are_refused_and_nothing_is_written_beside_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let end = [0, 0];
        let long = "x".repeat(MAX_PATH + 1);
        let mut huge = entry("a", "");
        let length = huge.len();
        huge[length - 8..].copy_from_slice(&u64::MAX.to_be_bytes());
        for (number, content) in [
            [entry("../out", "x"), end.to_vec()].concat(),
            [entry("/tmp/out", "x"), end.to_vec()].concat(),
            [entry("a/../../out", "x"), end.to_vec()].concat(),
            [entry("./a", "x"), end.to_vec()].concat(),
            [entry("a\0b", "x"), end.to_vec()].concat(),
            [entry(&long, "x"), end.to_vec()].concat(),
            [entry("a", "x"), entry("a/b", "x"), end.to_vec()].concat(),
            [entry("a", "x"), entry("a", "y"), end.to_vec()].concat(),
            entry("a", "x"),
            [entry("a", "x"), end.to_vec(), b"more".to_vec()].concat(),
            [0, 2, 0xff, 0xfe].to_vec(),
            huge,
            Vec::new(),
        ]
        .into_iter()
        .enumerate()
        {
            let packed = Packed::find(&program(dir.path(), &content)).unwrap().unwrap();
            let to = dir.path().join("deep").join(number.to_string());
            assert!(packed.unpack(&to).is_err(), "{number}");
            assert!(!dir.path().join("deep/out").exists() && !dir.path().join("out").exists(), "{number}");
        }
    }
}
