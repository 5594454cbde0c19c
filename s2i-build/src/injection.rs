//! Files of this machine that exist in the container while `assemble` runs, and in no image.

use std::{
    collections::VecDeque,
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use rustix::fs::OFlags;
use s2i_core::{
    Diagnostic, Secret, archive, bounds,
    image::{Digest, Hasher},
    mapping::Mapping,
    needles,
};
use thiserror::Error;

use crate::stream::{ArchiveStream, pieces_of};

/// The name of Git's own directories, which are not injected.
const GIT: &str = ".git";

/// A file or a directory to inject, read once. Its content is never shown.
#[derive(Clone)]
pub struct Injection {
    /// The path on this machine, as it was given.
    pub source: String,
    /// The path in the container: absolute, or relative to the working directory of the image.
    pub destination: String,
    content: Arc<Content>,
    digest: Digest,
}

/// The entries of a directory by their paths in it, in order; of a single file, the file without a path.
struct Content(Vec<(String, Node)>);

enum Node {
    Directory,
    Link(PathBuf),
    File { mode: u32, bytes: Vec<u8> },
}

/// The reason why files can't be injected.
#[derive(Debug, Error)]
pub enum InjectionError {
    /// The file system.
    #[error("can't read `{}` to inject it", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// A FIFO, a socket or a device.
    #[error("`{}` is neither a file nor a directory, so it can't be injected", .0.display())]
    Special(PathBuf),
    /// A name that is not UTF-8.
    #[error("the name of `{}` is not UTF-8, so it can't be injected", .0.display())]
    Name(PathBuf),
    /// Too many bytes or entries.
    #[error(
        "`{0}` is too large to be injected: more than {bytes} MiB or {entries} entries",
        bytes = bounds::INJECTED >> 20, entries = bounds::INJECTED_ENTRIES
    )]
    TooLarge(String),
}

impl Injection {
    /// Reads the source of a mapping; a relative one is below `base`. A link in it stays a link. One that leads nowhere
    /// is left out, with a warning. Directories of Git are left out as well.
    ///
    /// # Errors
    /// [`InjectionError`].
    pub fn read(mapping: &Mapping, base: &Path) -> Result<(Self, Vec<Diagnostic>), InjectionError> {
        let root = base.join(&mapping.source);
        let mut reader = Reader {
            mapping,
            left: bounds::INJECTED,
            found: Vec::new(),
            warnings: Vec::new(),
        };
        let metadata = fs::metadata(&root).map_err(failed(&root))?;
        if metadata.is_dir() {
            reader.tree(&root)?;
        } else {
            reader.file(&root, String::new(), &metadata)?;
        }
        let Reader {
            found, warnings, ..
        } = reader;
        let content = Content(found);
        let injection = Self {
            source: mapping.source.clone(),
            destination: mapping.destination.clone(),
            digest: content.digest(),
            content: Arc::new(content),
        };
        Ok((injection, warnings))
    }

    /// Returns the name of a single file; `None` for a directory.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        let is_file = matches!(&self.content.0[..], [(path, _)] if path.is_empty());
        let name = Path::new(&self.source).file_name();
        name.and_then(|name| name.to_str()).filter(|_| is_file)
    }

    /// Returns the paths of files and links in their directory, in order; `name` is that of a single file.
    pub(crate) fn files(&self, name: Option<&str>) -> Vec<String> {
        let entries = self.content.0.iter();
        let files = entries.filter(|(_, node)| !matches!(node, Node::Directory));
        let mut paths: Vec<_> = files
            .map(|(path, _)| match path.as_str() {
                "" => name.unwrap_or_default().to_owned(),
                path => path.to_owned(),
            })
            .collect();
        paths.sort_unstable();
        paths
    }

    /// Writes the files into a directory of this machine, which is created; `name` is that of a single file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn copy_into(&self, dir: &Path, name: Option<&str>, mtime: SystemTime) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        for (path, node) in &self.content.0 {
            let path = match path.as_str() {
                "" => dir.join(name.unwrap_or_default()),
                path => dir.join(path),
            };
            match node {
                Node::Directory => fs::create_dir_all(&path)?,
                Node::Link(target) => symlink(target, &path)?,
                Node::File { mode, bytes } => {
                    let mut options = fs::OpenOptions::new();
                    let mut file = options.write(true).create_new(true).open(&path)?;
                    file.write_all(bytes)?;
                    file.set_permissions(fs::Permissions::from_mode(*mode))?;
                    file.set_modified(mtime)?;
                }
            }
        }
        Ok(())
    }

    /// Returns the digest of names, modes and contents.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the files as an archive; `name` is that of a single file.
    pub(crate) fn archive(&self, name: Option<&str>, mtime: u64) -> ArchiveStream<'static> {
        let (content, name) = (Arc::clone(&self.content), name.map(str::to_owned));
        pieces_of(move |out| content.write(name.as_deref(), mtime, out))
    }

    /// Returns the texts that are masked in the output of programs: the content of each file of a single line, as a
    /// token or a password has.
    pub(crate) fn texts(&self) -> impl Iterator<Item = Secret<String>> {
        self.content.0.iter().filter_map(|(_, node)| {
            let Node::File { bytes, .. } = node else {
                return None;
            };
            let text = Some(bytes).filter(|bytes| bytes.len() <= needles::LONGEST)?;
            let text = str::from_utf8(text).ok()?.trim();
            let is_one = text.len() >= needles::SHORTEST && !text.contains('\n');
            is_one.then(|| Secret::new(text.to_owned()))
        })
    }
}

impl fmt::Debug for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injection")
            .field("source", &self.source)
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

impl Content {
    fn digest(&self) -> Digest {
        let mut hash = Hasher::default();
        for (path, node) in &self.0 {
            let (kind, bytes) = match node {
                Node::Directory => ("directory".to_owned(), &[][..]),
                Node::Link(target) => ("link".into(), target.as_os_str().as_encoded_bytes()),
                Node::File { mode, bytes } => (format!("file {mode}"), &bytes[..]),
            };
            for part in [path.as_bytes(), kind.as_bytes(), bytes] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        }
        hash.finish()
    }

    fn write(&self, name: Option<&str>, mtime: u64, out: &mut dyn Write) -> io::Result<()> {
        let mut archive = archive::Writer::new(out, mtime);
        for (path, node) in &self.0 {
            let path = if path.is_empty() {
                name.unwrap_or_default()
            } else {
                path
            };
            match node {
                Node::Directory => archive.directory(path, 0o755)?,
                Node::Link(target) => {
                    archive.symlink(path, target.as_os_str().as_encoded_bytes())?;
                }
                Node::File { mode, bytes } => {
                    archive.file(path, *mode, bytes.len() as u64, &mut &bytes[..])?;
                }
            }
        }
        archive.finish().map(drop)
    }
}

/// Reads one source.
struct Reader<'a> {
    mapping: &'a Mapping,
    /// The bytes that may still come.
    left: u64,
    found: Vec<(String, Node)>,
    warnings: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Reads everything below a directory, in the order of names.
    fn tree(&mut self, root: &Path) -> Result<(), InjectionError> {
        let mut waiting = VecDeque::from([String::new()]);
        while let Some(dir) = waiting.pop_front() {
            let path = root.join(&dir);
            let mut names = Vec::new();
            for entry in fs::read_dir(&path).map_err(failed(&path))? {
                let entry = entry.map_err(failed(&path))?;
                let name = entry.file_name().into_string();
                names.push(name.map_err(|_| InjectionError::Name(entry.path()))?);
                self.check(names.len() + waiting.len())?;
            }
            names.sort_unstable();
            for name in names.into_iter().filter(|name| name != GIT) {
                let below = if dir.is_empty() {
                    name
                } else {
                    format!("{dir}/{name}")
                };
                if self.entry(root, &below)? {
                    waiting.push_back(below);
                }
            }
        }
        Ok(())
    }

    /// Reads an entry of a directory, and returns whether it is a directory itself.
    fn entry(&mut self, root: &Path, below: &str) -> Result<bool, InjectionError> {
        let path = root.join(below);
        let metadata = path.symlink_metadata().map_err(failed(&path))?;
        if metadata.is_symlink() {
            if path.exists() {
                let target = fs::read_link(&path).map_err(failed(&path))?;
                self.found.push((below.into(), Node::Link(target)));
            } else {
                let why = "it is a link to a file that does not exist, and is not injected";
                self.warnings
                    .push(Diagnostic::new(path.display().to_string(), why));
            }
            return Ok(false);
        }
        if metadata.is_dir() {
            self.found.push((below.into(), Node::Directory));
        } else {
            self.file(&path, below.into(), &metadata)?;
        }
        Ok(metadata.is_dir())
    }

    fn file(
        &mut self,
        path: &Path,
        name: String,
        metadata: &fs::Metadata,
    ) -> Result<(), InjectionError> {
        if !metadata.is_file() {
            return Err(InjectionError::Special(path.into()));
        }
        let mut options = fs::OpenOptions::new();
        // Another file may have taken its place, and a FIFO would not answer.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = options.read(true).custom_flags(flags).open(path);
        let bytes = file.and_then(|file| bounds::read(file, self.left));
        let bytes = bytes.map_err(|err| match err.kind() {
            io::ErrorKind::FileTooLarge => self.too_large(),
            _ => failed(path)(err),
        })?;
        self.left -= bytes.len() as u64;
        let mode = if metadata.mode() & 0o111 == 0 {
            0o644
        } else {
            0o755
        };
        self.found.push((name, Node::File { mode, bytes }));
        Ok(())
    }

    fn check(&self, waiting: usize) -> Result<(), InjectionError> {
        if self.found.len() + waiting > bounds::INJECTED_ENTRIES {
            return Err(self.too_large());
        }
        Ok(())
    }

    fn too_large(&self) -> InjectionError {
        InjectionError::TooLarge(self.mapping.source.clone())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> InjectionError {
    let path = path.to_owned();
    |source| InjectionError::Read { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, base: &Path) -> Result<(Injection, Vec<Diagnostic>), InjectionError> {
        Injection::read(&text.parse().unwrap(), base)
    }

    fn names(injection: &Injection) -> Vec<&str> {
        let entries = injection.content.0.iter();
        entries.map(|(path, _)| path.as_str()).collect()
    }

    #[test]
    fn links_stay_links_and_dangling_ones_are_left_out_with_a_warning() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("keys");
        fs::create_dir_all(dir.join("..data")).unwrap();
        fs::create_dir(dir.join(".git")).unwrap();
        fs::write(dir.join("..data/token"), "hunter22\n").unwrap();
        symlink("..data/token", dir.join("token")).unwrap();
        symlink("nowhere", dir.join("lost")).unwrap();
        let (injection, warnings) = read("keys:/etc/keys", temp.path()).unwrap();
        assert_eq!(names(&injection), ["..data", "token", "..data/token"]);
        assert!(matches!(&injection.content.0[1].1, Node::Link(_)));
        assert_eq!(warnings.len(), 1);
        assert_eq!(injection.file_name(), None);
        assert!(!format!("{injection:?}").contains("hunter22"));
        let texts: Vec<_> = injection
            .texts()
            .map(|text| text.reveal().clone())
            .collect();
        assert_eq!(texts, ["hunter22"]);
    }

    #[test]
    fn digest_is_of_names_modes_and_contents() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("a");
        let digest = || read("a", temp.path()).unwrap().0.digest();
        fs::write(&file, "one").unwrap();
        let first = digest();
        assert_eq!(digest(), first);
        fs::write(&file, "two").unwrap();
        assert_ne!(digest(), first);
        let (injection, _) = read("a", temp.path()).unwrap();
        assert_eq!(injection.file_name(), Some("a"));
    }

    #[test]
    fn missing_and_special_files_are_errors() {
        let temp = tempfile::tempdir().unwrap();
        assert!(matches!(
            read("a", temp.path()),
            Err(InjectionError::Read { .. })
        ));
        let listener = std::os::unix::net::UnixListener::bind(temp.path().join("s")).unwrap();
        assert!(matches!(
            read("s", temp.path()),
            Err(InjectionError::Special(_))
        ));
        assert!(matches!(
            read(".", temp.path()),
            Err(InjectionError::Special(_))
        ));
        drop(listener);
    }
}
