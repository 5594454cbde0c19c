//! The choice of the programs, and their names.

use super::super::{
    Error, Facts, Request,
    facts::{Entry, Tree},
    inspect::Kind,
    platform,
};

/// A program that is packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program<'a> {
    pub(super) name: String,
    pub(super) tree: &'a Tree,
    pub(super) entry: &'a Entry,
}

/// Returns the path of a file, for users.
pub(super) fn shown(tree: &Tree, entry: &Entry) -> String {
    if tree.name.is_empty() {
        entry.path.clone()
    } else {
        format!("{} of {}", entry.path, tree.name)
    }
}

/// Returns the requested files, else all programs for this processor, else all scripts that may be executed.
pub(super) fn choose<'a>(facts: &'a Facts, request: &Request) -> Result<Vec<Program<'a>>, Error> {
    let files = facts.trees.iter();
    let files: Vec<_> = files
        .flat_map(|tree| tree.files.iter().map(move |entry| (tree, entry)))
        .collect();
    let chosen = if request.names.is_empty() {
        default(facts, &files)?
    } else {
        requested(facts, &files, &request.names)?
    };
    let mut programs: Vec<Program<'a>> = Vec::new();
    for (tree, entry) in chosen {
        let name = name(&entry.path);
        if let Some(other) = programs.iter().find(|known| known.name == name) {
            let files = vec![other.entry.path.clone(), entry.path.clone()];
            return Err(Error::SameName { name, files });
        }
        if !entry.missing.is_empty() {
            return Err(Error::Missing {
                path: shown(tree, entry),
                missing: entry.missing.clone(),
                is_script: matches!(entry.kind, Kind::Script { .. }),
            });
        }
        programs.push(Program { name, tree, entry });
    }
    Ok(programs)
}

/// A file, and the tree that it is in.
type File<'a> = (&'a Tree, &'a Entry);

fn default<'a>(facts: &Facts, files: &[File<'a>]) -> Result<Vec<File<'a>>, Error> {
    let select = |condition: &dyn Fn(&Entry) -> bool| {
        let selected = files.iter().filter(|(_, entry)| condition(entry));
        selected.copied().collect::<Vec<_>>()
    };
    let programs = select(&|entry| entry.kind.is_program_for(&facts.arch));
    if !programs.is_empty() {
        return Ok(programs);
    }
    let has = |condition: &dyn Fn(&Kind) -> bool| {
        let mut kinds = files.iter().map(|(_, entry)| &entry.kind);
        kinds.any(condition)
    };
    let has_other_program = has(&Kind::is_program);
    let scripts = select(&|entry| entry.is_executable && matches!(entry.kind, Kind::Script { .. }));
    if !scripts.is_empty() && !has_other_program {
        return Ok(scripts);
    }
    let described = files
        .iter()
        .map(|(tree, entry)| format!("{} is {}", shown(tree, entry), entry.kind.title()));
    Err(Error::NoProgram {
        arch: facts.arch.clone(),
        files: described.collect(),
        has_page: has(&|kind| *kind == Kind::Page),
        has_java: has(&|kind| *kind == Kind::Java),
        has_other_arch: has_other_program || has(&|kind| matches!(kind, Kind::Windows | Kind::Mac)),
    })
}

/// Returns files by path, by name, or by the name that they get; of those for several processors, the ones for this
/// processor.
fn requested<'a>(
    facts: &Facts,
    files: &[File<'a>],
    names: &[String],
) -> Result<Vec<File<'a>>, Error> {
    let mut found = Vec::new();
    for requested in names {
        let path = requested.trim_start_matches("./");
        let is_named = |(_, entry): &&File<'a>| {
            let last = entry.path.rsplit('/').next().unwrap_or_default();
            entry.path == path || last == path || name(&entry.path) == path
        };
        let candidates: Vec<_> = files.iter().filter(is_named).copied().collect();
        let before = found.len();
        found.extend(candidates.iter().copied().filter(|(_, entry)| {
            matches!(entry.kind, Kind::Script { .. }) || entry.kind.is_program_for(&facts.arch)
        }));
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
                name: requested.clone(),
                files: files.iter().map(|(_, entry)| entry.path.clone()).collect(),
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
