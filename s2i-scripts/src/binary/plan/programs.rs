//! The choice of the programs, and their names.

use super::super::{
    Error, Facts, Request,
    facts::{Entry, Tree},
    inspect::Kind,
    platform,
};

/// A program that is packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen<'a> {
    pub(super) name: String,
    pub(super) tree: &'a Tree,
    pub(super) entry: &'a Entry,
}

impl Chosen<'_> {
    /// Returns the path, for users.
    pub(super) fn shown(&self) -> String {
        shown(self.tree, self.entry)
    }
}

fn shown(tree: &Tree, entry: &Entry) -> String {
    if tree.name.is_empty() {
        entry.path.clone()
    } else {
        format!("{} of {}", entry.path, tree.name)
    }
}

/// The wanted files, else all programs for this processor, else all scripts that may be executed.
pub(super) fn choose<'a>(facts: &'a Facts, request: &Request) -> Result<Vec<Chosen<'a>>, Error> {
    let all: Vec<_> = facts
        .trees
        .iter()
        .flat_map(|tree| tree.files.iter().map(move |entry| (tree, entry)))
        .collect();
    let chosen = if request.names.is_empty() {
        usual(facts, &all)?
    } else {
        wanted(facts, &all, &request.names)?
    };
    let mut named: Vec<Chosen<'a>> = Vec::new();
    for (tree, entry) in chosen {
        let chosen = Chosen {
            name: name(&entry.path),
            tree,
            entry,
        };
        if let Some(other) = named.iter().find(|known| known.name == chosen.name) {
            return Err(Error::SameName {
                name: chosen.name.clone(),
                found: vec![other.entry.path.clone(), chosen.entry.path.clone()],
            });
        }
        if !entry.missing.is_empty() {
            return Err(Error::Missing {
                path: chosen.shown(),
                missing: entry.missing.clone(),
                is_script: matches!(entry.kind, Kind::Script { .. }),
            });
        }
        named.push(chosen);
    }
    Ok(named)
}

type Pair<'a> = (&'a Tree, &'a Entry);

fn usual<'a>(facts: &Facts, all: &[Pair<'a>]) -> Result<Vec<Pair<'a>>, Error> {
    let is_ours = |(_, entry): &&Pair<'a>| matches!(&entry.kind, Kind::Elf(elf) if elf.is_program && elf.arch == facts.arch);
    let programs: Vec<_> = all.iter().filter(is_ours).copied().collect();
    if !programs.is_empty() {
        return Ok(programs);
    }
    let is_other = all
        .iter()
        .any(|(_, entry)| matches!(&entry.kind, Kind::Elf(elf) if elf.is_program));
    let is_script =
        |(_, entry): &&Pair<'a>| entry.is_executable && matches!(entry.kind, Kind::Script { .. });
    let scripts: Vec<_> = all.iter().filter(is_script).copied().collect();
    if !scripts.is_empty() && !is_other {
        return Ok(scripts);
    }
    let has = |kind: &Kind| all.iter().any(|(_, entry)| entry.kind == *kind);
    Err(Error::NoProgram {
        arch: facts.arch.clone(),
        found: all
            .iter()
            .map(|(tree, entry)| (shown(tree, entry), entry.kind.title()))
            .collect(),
        has_page: has(&Kind::Page),
        has_java: has(&Kind::Java),
        has_other_arch: is_other || has(&Kind::Windows) || has(&Kind::Mac),
    })
}

/// Files by path, by name, or by the name that they get; of those for several processors, ours.
fn wanted<'a>(facts: &Facts, all: &[Pair<'a>], names: &[String]) -> Result<Vec<Pair<'a>>, Error> {
    let mut found = Vec::new();
    for wanted in names {
        let path = wanted.trim_start_matches("./");
        let is_it = |(_, entry): &&Pair<'a>| {
            let last = entry.path.rsplit('/').next().unwrap_or_default();
            entry.path == path || last == path || name(&entry.path) == path
        };
        let candidates: Vec<_> = all.iter().filter(is_it).copied().collect();
        let starts = |(_, entry): &&Pair<'a>| match &entry.kind {
            Kind::Elf(elf) => elf.is_program && elf.arch == facts.arch,
            Kind::Script { .. } => true,
            _ => false,
        };
        let before = found.len();
        found.extend(candidates.iter().filter(starts).copied());
        if found.len() > before {
            continue;
        }
        return Err(match candidates.first() {
            Some((tree, entry)) => Error::WrongKind {
                path: shown(tree, entry),
                kind: entry.kind.title(),
                arch: facts.arch.clone(),
            },
            None => Error::NoSuchFile {
                name: wanted.clone(),
                found: all.iter().map(|(_, entry)| entry.path.clone()).collect(),
            },
        });
    }
    Ok(found)
}

/// Returns the name of a program: that of its file without the parts about the system, else that of the
/// directory.
fn name(path: &str) -> String {
    let mut parts: Vec<_> = path.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    if !platform::is_platform(file) {
        return platform::program_name(file).to_owned();
    }
    let named = parts.iter().rev().find(|part| {
        !platform::is_platform(part) && !matches!(**part, "bin" | "dist" | "build" | "out")
    });
    named
        .map_or("app", |part| platform::program_name(part))
        .to_owned()
}
