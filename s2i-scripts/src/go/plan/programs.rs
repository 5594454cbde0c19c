//! The choice of the programs to build, and their names.

use super::super::{
    Error as GoError, Facts, Layout, Request,
    facts::{Program, normal},
    layout::FILES_NAME,
    modfile::program_name,
};
use crate::{Error, Places};

/// All programs, in a list of targets.
const ALL: &str = "...";

/// The programs to build with their names, as name and package: the wanted ones, else those at the
/// roots of modules, else those below `cmd/`.
pub(super) fn choose(
    facts: &Facts,
    request: &Request,
    places: &Places,
) -> Result<Vec<(String, String)>, Error> {
    let chosen = if request.targets.is_empty() {
        usual(facts, places)?
    } else {
        wanted(facts, &request.targets)?
    };
    let mut named: Vec<(String, String)> = Vec::new();
    for program in chosen {
        let name = program_name(&program.import)
            .unwrap_or(FILES_NAME)
            .to_owned();
        if let Some((_, other)) = named.iter().find(|(known, _)| *known == name) {
            let found = vec![other.clone(), program.directory.clone()];
            return Err(GoError::SameName { name, found }.into());
        }
        named.push((name, program.directory.clone()));
    }
    Ok(named)
}

fn usual<'a>(facts: &'a Facts, places: &Places) -> Result<Vec<&'a Program>, GoError> {
    let roots = match facts.environment.layout {
        Layout::Workspace => facts.module.uses.iter().map(|path| normal(path)).collect(),
        _ => vec![".".to_owned()],
    };
    let mut found: Vec<&Program> = Vec::new();
    for root in roots {
        let commands = format!("{root}/cmd/");
        let at_root = facts.programs.iter().find(|known| known.directory == root);
        let below = facts
            .programs
            .iter()
            .filter(|known| at_root.is_none() && known.directory.starts_with(&commands));
        for program in at_root.into_iter().chain(below) {
            if !found.contains(&program) {
                found.push(program);
            }
        }
    }
    if found.is_empty() && !facts.with_c.is_empty() {
        let programs = facts.with_c.iter().map(|program| program.import.clone());
        return Err(GoError::NeedsC {
            programs: programs.collect(),
        });
    }
    if found.is_empty() {
        return Err(GoError::NoProgram {
            path: places.source.to_string(),
            elsewhere: directories(facts),
        });
    }
    Ok(found)
}

fn wanted<'a>(facts: &'a Facts, targets: &[String]) -> Result<Vec<&'a Program>, GoError> {
    let mut found: Vec<&Program> = Vec::new();
    for target in targets {
        let path = normal(target);
        let matches = |known: &&Program| match path.strip_suffix(ALL) {
            Some(start) => {
                known.directory.starts_with(start) || format!("{}/", known.directory) == start
            }
            None => known.directory == path,
        };
        let mut is_known = false;
        for program in facts.programs.iter().filter(matches) {
            is_known = true;
            if !found.contains(&program) {
                found.push(program);
            }
        }
        if !is_known {
            return Err(GoError::NoSuchTarget {
                target: target.clone(),
                found: directories(facts),
            });
        }
    }
    Ok(found)
}

fn directories(facts: &Facts) -> Vec<String> {
    let directories = facts.programs.iter().map(|known| known.directory.clone());
    directories.collect()
}
