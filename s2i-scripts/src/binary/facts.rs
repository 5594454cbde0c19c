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
    inspect::{Elf, Kind, Packing, inspect},
    platform,
};
use crate::{
    Error, Places,
    assembly::{digest, tree},
    launch::PROCFILE,
};

/// The file that lists digests.
pub(super) const SUMS: &str = "SHA256SUMS";

/// The facts that a plan depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The processor of this image.
    pub arch: String,
    /// The trees of files: the source, and every archive in it.
    pub trees: Vec<Tree>,
    /// The digests of the files that have to have one, as they are.
    pub digests: BTreeMap<String, String>,
    /// The digests that `SHA256SUMS` wants.
    pub sums: BTreeMap<String, String>,
    /// The Procfile.
    pub procfile: Option<String>,
}

/// A tree of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The name of the archive; empty for the source itself.
    pub name: String,
    /// The root of the tree.
    pub root: ContainerPath,
    /// Its files.
    pub files: Vec<Entry>,
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path, relative to the tree.
    pub path: String,
    /// The kind of the file.
    pub kind: Kind,
    /// Any of its execute bits is set.
    pub is_executable: bool,
    /// Its size in bytes.
    pub size: u64,
    /// The files that it needs to start and this image does not have.
    pub missing: Vec<String>,
}

/// Gathers the facts; archives are unpacked into the scratch directory.
///
/// # Errors
/// When the source can't be read or an archive can't be unpacked.
pub fn gather(request: &Request, places: &Places) -> Result<Facts, Error> {
    let source = Path::new(places.source.as_str());
    let mut facts = Facts {
        arch: platform::ours().to_owned(),
        procfile: fs::read_to_string(source.join(PROCFILE)).ok(),
        ..Facts::default()
    };
    let mut base = walk(String::new(), &places.source)?;
    check_sums(&mut facts, &base, request, source)?;
    let mut archives = Vec::new();
    base.files.retain(|entry| {
        let Kind::Archive(packing) = entry.kind else {
            return true;
        };
        archives.push((entry.path.clone(), packing));
        false
    });
    let unpacked = places.scratch("unpacked");
    for (index, (path, packing)) in archives.into_iter().enumerate() {
        let into = numbered(&unpacked, index);
        archive::extract(&source.join(&path), packing, Path::new(into.as_str()))?;
        facts.trees.push(walk(path, &single(into))?);
    }
    facts.trees.insert(0, base);
    add_missing(&mut facts);
    Ok(facts)
}

fn numbered(path: &ContainerPath, index: usize) -> ContainerPath {
    path.join(&index.to_string())
        .expect("a number is a plain name")
}

/// The digests that are wanted, and those of the files.
fn check_sums(
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
        facts
            .sums
            .insert(name.to_owned(), digest.to_ascii_lowercase());
    }
    for entry in &base.files {
        if facts.sums.contains_key(&entry.path) || request.digest.is_some() {
            let digest = digest::of_file(&source.join(&entry.path))?;
            facts.digests.insert(entry.path.clone(), digest);
        }
    }
    Ok(())
}

/// The only directory of a directory that has nothing else, and so on: archives often begin with one.
fn single(mut path: ContainerPath) -> ContainerPath {
    loop {
        let children = tree::children(Path::new(path.as_str())).unwrap_or_default();
        let [only] = &children[..] else {
            return path;
        };
        let name = only.file_name().and_then(|name| name.to_str());
        let is_directory = tree::stat(only).is_ok_and(|data| data.is_dir());
        // A directory called `bin` is a part of a layout.
        let is_wrapper = is_directory && name.is_some_and(|name| name != "bin");
        match name
            .filter(|_| is_wrapper)
            .and_then(|name| path.join(name).ok())
        {
            Some(inner) => path = inner,
            None => return path,
        }
    }
}

fn walk(name: String, root: &ContainerPath) -> Result<Tree, Error> {
    let mut files = Vec::new();
    add(Path::new(root.as_str()), "", &mut files)?;
    Ok(Tree {
        name,
        root: root.clone(),
        files,
    })
}

fn add(directory: &Path, prefix: &str, files: &mut Vec<Entry>) -> Result<(), Error> {
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
            add(&path, &format!("{relative}/"), files)?;
        } else if data.is_file() {
            files.push(Entry {
                kind: inspect(&path).map_err(Error::file("read", path.display()))?,
                is_executable: data.permissions().mode() & 0o111 != 0,
                size: data.len(),
                path: relative,
                missing: Vec::new(),
            });
        } else if data.is_symlink() {
            files.push(Entry {
                kind: Kind::Other,
                is_executable: false,
                size: 0,
                path: relative,
                missing: Vec::new(),
            });
        }
    }
    Ok(())
}

/// Returns the files that a program for this processor needs and this image does not have.
fn add_missing(facts: &mut Facts) {
    let brought: Vec<String> = facts
        .trees
        .iter()
        .flat_map(|tree| &tree.files)
        .filter_map(|entry| entry.path.rsplit('/').next())
        .map(str::to_owned)
        .collect();
    for tree in &mut facts.trees {
        for entry in &mut tree.files {
            entry.missing = match &entry.kind {
                Kind::Elf(elf) if elf.is_program && elf.arch == facts.arch => {
                    missing(elf, &brought)
                }
                Kind::Script { interpreter } if !Path::new(interpreter).exists() => {
                    vec![interpreter.clone()]
                }
                _ => Vec::new(),
            };
        }
    }
}

fn missing(elf: &Elf, brought: &[String]) -> Vec<String> {
    let Some(interpreter) = &elf.interpreter else {
        return Vec::new();
    };
    let interpreter = (!Path::new(interpreter).exists()).then(|| interpreter.clone());
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let directories = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];
    let is_there = |name: &String| {
        let found = |directory: &str| {
            let directory = PathBuf::from(directory);
            directory.join(name).exists() || directory.join(&triple).join(name).exists()
        };
        brought.contains(name) || directories.into_iter().any(found)
    };
    let libraries = elf.libraries.iter().filter(|name| !is_there(name)).cloned();
    interpreter.into_iter().chain(libraries).collect()
}

impl Facts {
    /// Returns whether the source itself is a site.
    pub(super) fn is_site(&self) -> bool {
        let mut files = self.trees.iter().flat_map(|tree| &tree.files);
        files.any(|entry| entry.path == INDEX)
    }
}

impl Kind {
    /// Returns the description of the kind, for users.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Elf(elf) if elf.is_program => format!("a program for {}", elf.arch),
            Self::Elf(elf) => format!("a library for {}", elf.arch),
            Self::Script { interpreter } => format!("a script for {interpreter}"),
            Self::Archive(Packing::Other(name)) => format!("packed with {name}"),
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
