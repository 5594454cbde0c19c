//! The choice of the programs to build, and their names.

use super::super::{
    Error, Facts, Request,
    facts::{Program, normal, roots},
    layout::FILES_NAME,
    modfile::program_name,
    nested::ALL,
};
use crate::Directories;

/// A program to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The name of its file.
    pub(super) name: String,
    /// Its directory: `.` is the root.
    pub(super) directory: String,
    /// The directory of its module, from which it is built; `.` is the root, or a module of a workspace.
    pub(super) module: String,
}

impl Chosen {
    /// Returns the package, as it is called in the directory of its module.
    pub(super) fn package(&self) -> String {
        match self.directory.strip_prefix(&self.module) {
            Some(below) if self.module != "." => format!(".{below}"),
            _ => self.directory.clone(),
        }
    }
}

/// Returns the programs to build: the requested ones, else those at the roots of modules, else those in `cmd` and below
/// it, else the only one that there is.
pub(super) fn choose(
    facts: &Facts,
    request: &Request,
    dirs: &Directories,
) -> Result<Vec<Chosen>, Error> {
    let mut chosen = if request.targets.is_empty() {
        default(facts, dirs)?
    } else {
        requested(facts, &request.targets)?
    };
    let mut seen = Vec::new();
    chosen.retain(|program| {
        let is_new = !seen.contains(program);
        seen.push(program);
        is_new
    });
    let mut named: Vec<Chosen> = Vec::new();
    for program in chosen {
        let Program {
            directory,
            import,
            module,
        } = program.clone();
        let name = program_name(&import).unwrap_or(FILES_NAME).to_owned();
        if let Some(other) = named.iter().find(|known| known.name == name) {
            let packages = vec![other.directory.clone(), directory];
            return Err(Error::SameName { name, packages });
        }
        named.push(Chosen {
            name,
            directory,
            module,
        });
    }
    Ok(named)
}

fn default<'a>(facts: &'a Facts, dirs: &Directories) -> Result<Vec<&'a Program>, Error> {
    let mut found = Vec::new();
    for root in roots(&facts.environment.layout, &facts.module) {
        let commands = format!("{root}/cmd/");
        let is_command =
            |program: &&Program| format!("{}/", program.directory).starts_with(&commands);
        let mut programs = facts.programs.iter();
        match programs.find(|program| program.directory == root) {
            Some(program) => found.push(program),
            None => found.extend(facts.programs.iter().filter(is_command)),
        }
    }
    if let ([], [only]) = (&found[..], &facts.programs[..]) {
        found.push(only);
    }
    if found.is_empty() && !facts.cgo_programs.is_empty() {
        let programs = facts.cgo_programs.iter();
        return Err(Error::NeedsCgo {
            programs: programs.map(|program| program.import.clone()).collect(),
        });
    }
    if found.is_empty() {
        return Err(Error::NoProgram {
            path: dirs.source.to_string(),
            elsewhere: directories(facts),
            constrained: facts.constrained.clone(),
        });
    }
    Ok(found)
}

fn requested<'a>(facts: &'a Facts, targets: &[String]) -> Result<Vec<&'a Program>, Error> {
    let mut found = Vec::new();
    for target in targets {
        let path = normal(target);
        let matches = |program: &&Program| match path.strip_suffix(ALL) {
            Some(start) => format!("{}/", program.directory).starts_with(start),
            None => program.directory == path,
        };
        let before = found.len();
        found.extend(facts.programs.iter().filter(matches));
        if found.len() == before {
            return Err(Error::NoSuchTarget {
                target: target.clone(),
                programs: directories(facts),
            });
        }
    }
    Ok(found)
}

fn directories(facts: &Facts) -> Vec<String> {
    let directories = facts.programs.iter().map(|known| known.directory.clone());
    directories.collect()
}
