//! Decides which programs are packed, and touches nothing.

mod programs;

use s2i_core::ContainerPath;

use self::programs::Chosen;
use super::{
    Error as BinaryError, Facts, Request,
    facts::{Entry, SUMS, Tree},
    inspect::Kind,
};
use crate::{
    Error, Places, Plan,
    assembly::{Phase, Step},
    launch::PROCFILE,
    places::below,
    variables,
};

/// Decides.
///
/// # Errors
/// When there is no program that this image can start, or a file is not what it should be.
pub fn plan(facts: &Facts, request: &Request, places: &Places) -> Result<Plan, Error> {
    check_digests(facts, request)?;
    let mut reasons = Vec::new();
    let digests = facts.digests.len();
    if digests > 0 {
        reasons.push(format!(
            "the SHA-256 digests of {digests} files are as they should be"
        ));
    }
    let chosen = match programs::choose(facts, request) {
        Err(BinaryError::NoProgram { .. }) if facts.is_site() && request.names.is_empty() => {
            return Ok(site(facts, reasons, places));
        }
        chosen => chosen?,
    };
    reasons.extend(chosen.iter().map(reason));
    let mut steps = vec![Step::MakeDirectory { path: places.bin() }];
    let mut application = places.bin();
    for program in &chosen {
        let path = place(&places.bin(), &program.name)?;
        let from = place(&program.tree.root, &program.entry.path)?;
        if chosen.len() == 1 {
            application = path.clone();
        }
        if has_data(facts, &chosen) {
            continue;
        }
        steps.push(Step::Remove { path: path.clone() });
        steps.push(Step::Move {
            from,
            to: path.clone(),
        });
        steps.push(Step::Seal {
            path,
            epoch: request.epoch,
        });
    }
    if has_data(facts, &chosen) {
        steps.extend(with_data(facts, request, &chosen, places)?);
    }
    steps.extend(facts.procfile.as_ref().map(|content| Step::Write {
        path: below(&places.bin(), PROCFILE),
        content: content.clone(),
    }));
    Ok(Plan {
        recipe: "binary",
        reasons,
        warnings: Vec::new(),
        application,
        phases: vec![Phase::new("Installing programs", steps)],
    })
}

fn reason(program: &Chosen<'_>) -> String {
    let kind = match &program.entry.kind {
        Kind::Elf(elf) if elf.interpreter.is_some() => {
            format!("{}, with {} libraries", elf.arch, elf.libraries.len())
        }
        Kind::Elf(elf) => format!("{}, static", elf.arch),
        kind => kind.title(),
    };
    let size = program.entry.size;
    let (whole, part) = (size / 1_000_000, size % 1_000_000 / 100_000);
    format!(
        "program {}: {} ({kind}, {whole}.{part} MB)",
        program.name,
        program.shown()
    )
}

/// Returns whether there is more than programs, which they may look for where they are or where they run.
fn has_data(facts: &Facts, chosen: &[Chosen<'_>]) -> bool {
    let mut files = used(facts, chosen).flat_map(|tree| &tree.files);
    files.any(is_data)
}

fn is_data(entry: &Entry) -> bool {
    let is_said = matches!(entry.path.as_str(), SUMS | PROCFILE);
    let is_program = matches!(&entry.kind, Kind::Elf(elf) if elf.is_program);
    !is_said && !is_program
}

/// The trees that programs were chosen from, and the source itself.
fn used<'a>(facts: &'a Facts, chosen: &'a [Chosen<'a>]) -> impl Iterator<Item = &'a Tree> {
    facts.trees.iter().filter(|tree| {
        let is_source = tree.name.is_empty();
        is_source || chosen.iter().any(|program| program.tree.name == tree.name)
    })
}

/// The files go to where programs run, and the programs are linked from where `run` looks for them.
fn with_data(
    facts: &Facts,
    request: &Request,
    chosen: &[Chosen<'_>],
    places: &Places,
) -> Result<Vec<Step>, Error> {
    let app = places.app();
    let mut steps = Vec::new();
    for tree in used(facts, chosen) {
        for entry in &tree.files {
            let is_chosen = chosen
                .iter()
                .any(|program| program.tree.name == tree.name && program.entry == entry);
            if !is_data(entry) && !is_chosen {
                let path = place(&tree.root, &entry.path)?;
                steps.push(Step::Remove { path });
            }
        }
        steps.push(Step::Install {
            from: tree.root.clone(),
            to: app.clone(),
        });
    }
    // What was packed is there unpacked now.
    for tree in facts.trees.iter().filter(|tree| !tree.name.is_empty()) {
        let path = place(&app, &tree.name)?;
        steps.push(Step::Remove { path });
    }
    for program in chosen {
        steps.push(Step::Seal {
            path: place(&app, &program.entry.path)?,
            epoch: request.epoch,
        });
        steps.push(Step::Link {
            path: place(&places.bin(), &program.name)?,
            target: format!("../src/{}", program.entry.path),
        });
    }
    steps.push(Step::Share { path: app });
    Ok(steps)
}

/// A directory that is served.
fn site(facts: &Facts, mut reasons: Vec<String>, places: &Places) -> Plan {
    reasons.push("there is no program, and an index.html: it is a site, which `run` serves".into());
    let app = places.app();
    let install = |tree: &Tree| Step::Install {
        from: tree.root.clone(),
        to: app.clone(),
    };
    let mut steps: Vec<_> = facts.trees.iter().map(install).collect();
    let archives = facts.trees.iter().filter(|tree| !tree.name.is_empty());
    steps.extend(archives.filter_map(|tree| {
        let path = app.join(&tree.name).ok()?;
        Some(Step::Remove { path })
    }));
    steps.push(Step::Share { path: app.clone() });
    Plan {
        recipe: "binary",
        reasons,
        warnings: Vec::new(),
        application: app,
        phases: vec![Phase::new("Installing site", steps)],
    }
}

fn check_digests(facts: &Facts, request: &Request) -> Result<(), BinaryError> {
    let compare = |path: &String, wanted: &String, place| match facts.digests.get(path) {
        None => Err(BinaryError::NotListed {
            path: path.clone(),
            place,
        }),
        Some(found) if found == wanted => Ok(()),
        Some(found) => Err(BinaryError::Digest {
            path: path.clone(),
            place,
            wanted: wanted.clone(),
            found: found.clone(),
        }),
    };
    for (path, wanted) in &facts.sums {
        compare(path, wanted, SUMS)?;
    }
    let Some(wanted) = &request.digest else {
        return Ok(());
    };
    match facts.digests.keys().collect::<Vec<_>>()[..] {
        [only] => compare(only, wanted, variables::BINARY_SHA256),
        ref several => Err(BinaryError::SeveralFiles {
            count: several.len(),
        }),
    }
}

fn place(root: &ContainerPath, path: &str) -> Result<ContainerPath, Error> {
    root.join(path)
        .map_err(|err| Error::variable(variables::BINARY, path, &err.to_string()))
}

#[cfg(test)]
mod tests;
