//! Looks at every file of the source, those in archives included.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use s2i_core::{ContainerPath, detect::INDEX};

use super::{
    Request, archive,
    inspect::{Elf, Format, Kind, inspect},
    platform,
};
use crate::{Directories, Error, assembly::tree, launch::PROCFILE};

/// The file that lists digests.
pub(super) const SUMS: &str = "SHA256SUMS";

/// The facts that a plan depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The processor of this image.
    pub(crate) arch: String,
    /// The source, and every archive in it.
    pub(crate) trees: Vec<Tree>,
    /// The actual digests of the files that have to have one, by path.
    pub(crate) digests: BTreeMap<String, String>,
    /// The digests of `SHA256SUMS`, by path.
    pub(crate) sums: BTreeMap<String, String>,
    pub(crate) procfile: Option<String>,
}

/// A tree of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The name of the archive; empty for the source itself.
    pub(crate) name: String,
    pub(crate) root: ContainerPath,
    pub(crate) files: Vec<Entry>,
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path, relative to the tree.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// Any of its execute bits is set.
    pub(crate) is_executable: bool,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The files that it needs to start and this image does not have.
    pub(crate) missing: Vec<String>,
}

/// Gathers the facts; archives are unpacked into the scratch directory.
pub(crate) fn gather(request: &Request, dirs: &Directories) -> Result<Facts, Error> {
    let source = Path::new(dirs.source.as_str());
    let mut facts = Facts {
        arch: platform::current().to_owned(),
        procfile: fs::read_to_string(source.join(PROCFILE)).ok(),
        ..Facts::default()
    };
    let mut base = Tree::read(String::new(), &dirs.source)?;
    read_digests(&mut facts, &base, request, source)?;
    let mut archives = Vec::new();
    base.files.retain(|entry| {
        let Kind::Archive(format) = entry.kind else {
            return true;
        };
        archives.push((entry.path.clone(), format));
        false
    });
    let unpacked = dirs.scratch("unpacked");
    facts.trees.push(base);
    for (index, (path, format)) in archives.into_iter().enumerate() {
        let into = unpacked.join(&index.to_string());
        let into = into.expect("a number is a plain name");
        archive::extract(&source.join(&path), format, Path::new(into.as_str()))?;
        facts.trees.push(Tree::read(path, &without_wrappers(into))?);
    }
    add_missing(&mut facts);
    Ok(facts)
}

/// Reads the digests of `SHA256SUMS`, and those of the files that have to have one.
fn read_digests(
    facts: &mut Facts,
    base: &Tree,
    request: &Request,
    source: &Path,
) -> Result<(), Error> {
    let text = fs::read_to_string(source.join(SUMS)).unwrap_or_default();
    for line in text.lines() {
        let Some((digest, name)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        // An asterisk marks a file that was read in binary mode.
        let name = name.trim().trim_start_matches('*').trim_start_matches("./");
        let digest = digest.to_ascii_lowercase();
        facts.sums.insert(name.to_owned(), digest);
    }
    for entry in &base.files {
        if facts.sums.contains_key(&entry.path) || request.digest.is_some() {
            let path = source.join(&entry.path);
            let digest = tree::digest(&path).map_err(Error::file("read", path.display()))?;
            facts.digests.insert(entry.path.clone(), digest);
        }
    }
    Ok(())
}

/// Returns the only directory of a directory that has nothing else, and so on: archives often begin with one.
fn without_wrappers(mut path: ContainerPath) -> ContainerPath {
    loop {
        let children = tree::children(Path::new(path.as_str())).unwrap_or_default();
        let [only] = &children[..] else {
            return path;
        };
        let is_directory = tree::stat(only).is_ok_and(|data| data.is_dir());
        let name = only.file_name().and_then(|name| name.to_str());
        // A directory called `bin` is a part of a layout.
        let name = name.filter(|name| is_directory && *name != "bin");
        match name.and_then(|name| path.join(name).ok()) {
            Some(inner) => path = inner,
            None => return path,
        }
    }
}

impl Tree {
    fn read(name: String, root: &ContainerPath) -> Result<Self, Error> {
        let mut files = Vec::new();
        add_files(Path::new(root.as_str()), "", &mut files)?;
        let root = root.clone();
        Ok(Self { name, root, files })
    }
}

fn add_files(directory: &Path, prefix: &str, files: &mut Vec<Entry>) -> Result<(), Error> {
    for path in tree::children(directory)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if prefix.is_empty() && matches!(name, ".git" | ".s2i" | ".s2iignore" | ".gitignore") {
            continue;
        }
        let relative = format!("{prefix}{name}");
        let data = tree::stat(&path)?;
        if data.is_dir() {
            add_files(&path, &format!("{relative}/"), files)?;
            continue;
        }
        let mut entry = Entry {
            path: relative,
            kind: Kind::Other,
            is_executable: false,
            size: 0,
            missing: Vec::new(),
        };
        if data.is_file() {
            entry.kind = inspect(&path).map_err(Error::file("read", path.display()))?;
            entry.is_executable = data.permissions().mode() & 0o111 != 0;
            entry.size = data.len();
        } else if !data.is_symlink() {
            continue;
        }
        files.push(entry);
    }
    Ok(())
}

/// Adds to each program for this processor the files that it needs and this image does not have.
fn add_missing(facts: &mut Facts) {
    let names = facts.trees.iter().flat_map(|tree| &tree.files);
    let names = names.filter_map(|entry| entry.path.rsplit('/').next());
    let names: Vec<_> = names.map(str::to_owned).collect();
    for entry in facts.trees.iter_mut().flat_map(|tree| &mut tree.files) {
        entry.missing = match &entry.kind {
            Kind::Elf(elf) if elf.is_program && elf.arch == facts.arch => missing(elf, &names),
            Kind::Script { interpreter } if !Path::new(interpreter).exists() => {
                vec![interpreter.clone()]
            }
            _ => Vec::new(),
        };
    }
}

/// Returns the files that a program needs and neither the image has nor the source, which has these `names`.
fn missing(elf: &Elf, names: &[String]) -> Vec<String> {
    let Some(interpreter) = &elf.interpreter else {
        return Vec::new();
    };
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let directories = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];
    let is_missing = |name: &&String| {
        let mut directories = directories.iter().map(PathBuf::from);
        !names.contains(name)
            && !directories.any(|directory| {
                directory.join(name).exists() || directory.join(&triple).join(name).exists()
            })
    };
    let interpreter = Some(interpreter).filter(|path| !Path::new(path).exists());
    let libraries = elf.libraries.iter().filter(is_missing);
    interpreter.into_iter().chain(libraries).cloned().collect()
}

impl Facts {
    /// Returns whether the source is a site.
    pub(super) fn is_site(&self) -> bool {
        let mut files = self.trees.iter().flat_map(|tree| &tree.files);
        files.any(|entry| entry.path == INDEX)
    }
}

impl Kind {
    /// Returns whether this is a program for Linux, of any processor.
    pub(super) fn is_program(&self) -> bool {
        matches!(self, Self::Elf(elf) if elf.is_program)
    }

    /// Returns whether this is a program for Linux on a processor.
    pub(super) fn is_program_for(&self, arch: &str) -> bool {
        matches!(self, Self::Elf(elf) if elf.is_program && elf.arch == arch)
    }

    /// Returns the description of the kind, for users.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Elf(elf) if elf.is_program => format!("a program for {}", elf.arch),
            Self::Elf(elf) => format!("a library for {}", elf.arch),
            Self::Script { interpreter } => format!("a script for {interpreter}"),
            Self::Archive(Format::Other(name)) => format!("packed with {name}"),
            Self::Archive(_) => "an archive".into(),
            Self::Page => "a page of HTML or XML".into(),
            Self::Windows => "a program for Windows".into(),
            Self::Mac => "a program for macOS".into(),
            Self::Java => "a program for Java".into(),
            Self::Empty => "empty".into(),
            Self::Other => "data".into(),
        }
    }
}
