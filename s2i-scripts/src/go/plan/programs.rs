//! The choice of the programs to build, and their names.

use super::super::{
    Error, Facts, Layout, Request,
    facts::{Program, normal},
    layout::FILES_NAME,
    modfile::program_name,
};
use crate::Directories;

/// The end of a target that stands for all programs below a directory.
const ALL: &str = "...";

/// Returns the programs to build, as name and package: the requested ones, else those at the
/// roots of modules, else those below `cmd/`.
pub(super) fn choose(
    facts: &Facts,
    request: &Request,
    dirs: &Directories,
) -> Result<Vec<(String, String)>, Error> {
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
    let mut named: Vec<(String, String)> = Vec::new();
    for Program { directory, import } in chosen {
        let name = program_name(import).unwrap_or(FILES_NAME).to_owned();
        if let Some((_, other)) = named.iter().find(|(known, _)| *known == name) {
            let packages = vec![other.clone(), directory.clone()];
            return Err(Error::SameName { name, packages });
        }
        named.push((name, directory.clone()));
    }
    Ok(named)
}

fn default<'a>(facts: &'a Facts, dirs: &Directories) -> Result<Vec<&'a Program>, Error> {
    let roots = match facts.environment.layout {
        Layout::Workspace => facts.module.uses.iter().map(|path| normal(path)).collect(),
        _ => vec![".".to_owned()],
    };
    let mut found = Vec::new();
    for root in roots {
        let commands = format!("{root}/cmd/");
        let mut programs = facts.programs.iter();
        match programs.find(|program| program.directory == root) {
            Some(program) => found.push(program),
            None => found.extend(
                facts
                    .programs
                    .iter()
                    .filter(|program| program.directory.starts_with(&commands)),
            ),
        }
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
