//! The plan for packing programs and sites. It is made without side effects.

mod programs;

use s2i_core::ContainerPath;

use self::programs::Program;
use super::{
    Error as BinaryError, Facts, Request,
    facts::{Entry, SUMS, Tree},
    inspect::Kind,
};
use crate::{
    Directories, Error, Plan,
    assembly::{Phase, Step},
    directories::below,
    launch::PROCFILE,
    variables,
};

/// Returns the plan.
pub(crate) fn plan(facts: &Facts, request: &Request, dirs: &Directories) -> Result<Plan, Error> {
    check_digests(facts, request)?;
    let mut reasons = Vec::new();
    if !facts.digests.is_empty() {
        let count = facts.digests.len();
        reasons.push(format!("verified the SHA-256 digests of {count} files"));
    }
    let programs = match programs::choose(facts, request) {
        Err(BinaryError::NoProgram { .. }) if facts.is_site() && request.names.is_empty() => {
            reasons.push(
                "there is no program, and an index.html: it is a site, which `run` serves".into(),
            );
            return Ok(Plan {
                recipe: "binary",
                reasons,
                warnings: Vec::new(),
                application: dirs.app(),
                phases: vec![Phase::new("Installing site", site(facts, dirs)?)],
            });
        }
        programs => programs?,
    };
    reasons.extend(programs.iter().map(reason));
    let bin = dirs.bin();
    let mut steps = vec![Step::MakeDirectory { path: bin.clone() }];
    // The directory gets its time with the last program, so everything else in it comes first.
    steps.extend(facts.procfile.as_ref().map(|content| Step::Write {
        path: below(&bin, PROCFILE),
        content: content.clone(),
    }));
    // They may look for other files where they are or where they run.
    if used_trees(facts, &programs).any(|tree| tree.files.iter().any(is_data)) {
        steps.extend(with_data(facts, request, &programs, dirs)?);
    } else {
        for program in &programs {
            let path = join(&bin, &program.name)?;
            let from = join(&program.tree.root, &program.entry.path)?;
            let to = path.clone();
            let epoch = request.epoch;
            steps.push(Step::Remove { path: path.clone() });
            steps.push(Step::Move { from, to });
            steps.push(Step::Seal { path, epoch });
        }
    }
    Ok(Plan {
        recipe: "binary",
        reasons,
        warnings: Vec::new(),
        application: match &programs[..] {
            [only] => join(&bin, &only.name)?,
            _ => bin,
        },
        phases: vec![Phase::new("Installing programs", steps)],
    })
}

fn reason(program: &Program<'_>) -> String {
    let kind = match &program.entry.kind {
        Kind::Elf(elf) if elf.interpreter.is_some() => {
            format!("{}, with {} libraries", elf.arch, elf.libraries.len())
        }
        Kind::Elf(elf) => format!("{}, static", elf.arch),
        kind => kind.title(),
    };
    let size = program.entry.size;
    let (whole, tenth) = (size / 1_000_000, size % 1_000_000 / 100_000);
    let Program { name, tree, entry } = program;
    let path = programs::shown(tree, entry);
    format!("program {name}: {path} ({kind}, {whole}.{tenth} MB)")
}

/// Returns whether a file may be one that a program looks for.
fn is_data(entry: &Entry) -> bool {
    !matches!(entry.path.as_str(), SUMS | PROCFILE) && !entry.kind.is_program()
}

/// Returns the trees that programs were chosen from, and the source itself.
fn used_trees<'a>(facts: &'a Facts, programs: &'a [Program<'a>]) -> impl Iterator<Item = &'a Tree> {
    facts.trees.iter().filter(|tree| {
        let is_source = tree.name.is_empty();
        is_source
            || programs
                .iter()
                .any(|program| program.tree.name == tree.name)
    })
}

/// Returns the steps that install all files in the directory in which programs run, and link the programs from the
/// directory of programs.
fn with_data(
    facts: &Facts,
    request: &Request,
    programs: &[Program<'_>],
    dirs: &Directories,
) -> Result<Vec<Step>, Error> {
    let app = dirs.app();
    let mut steps = Vec::new();
    for tree in used_trees(facts, programs) {
        for entry in &tree.files {
            let is_chosen = programs
                .iter()
                .any(|program| program.tree.name == tree.name && program.entry == entry);
            if !is_data(entry) && !is_chosen {
                let path = join(&tree.root, &entry.path)?;
                steps.push(Step::Remove { path });
            }
        }
    }
    steps.extend(install(used_trees(facts, programs), facts, &app)?);
    for program in programs {
        let path = join(&dirs.bin(), &program.name)?;
        let epoch = request.epoch;
        steps.push(Step::Link {
            path: path.clone(),
            target: format!("../src/{}", program.entry.path),
        });
        steps.push(Step::Seal { path, epoch });
    }
    steps.push(Step::Share { path: app });
    Ok(steps)
}

/// Returns the steps that install a directory that is served.
fn site(facts: &Facts, dirs: &Directories) -> Result<Vec<Step>, Error> {
    let path = dirs.app();
    let mut steps = install(facts.trees.iter(), facts, &path)?;
    steps.push(Step::Share { path });
    Ok(steps)
}

/// Returns the steps that install trees, and remove the archives from which they were unpacked.
fn install<'a>(
    trees: impl Iterator<Item = &'a Tree>,
    facts: &Facts,
    to: &ContainerPath,
) -> Result<Vec<Step>, Error> {
    let mut steps: Vec<_> = trees
        .map(|tree| Step::Install {
            from: tree.root.clone(),
            to: to.clone(),
        })
        .collect();
    for tree in facts.trees.iter().filter(|tree| !tree.name.is_empty()) {
        let path = join(to, &tree.name)?;
        steps.push(Step::Remove { path });
    }
    Ok(steps)
}

fn check_digests(facts: &Facts, request: &Request) -> Result<(), BinaryError> {
    let compare = |path: &str, expected: &str, origin| match facts.digests.get(path) {
        None => Err(BinaryError::NoDigestedFile {
            path: path.to_owned(),
            origin,
        }),
        Some(actual) if actual == expected => Ok(()),
        Some(actual) => Err(BinaryError::Digest {
            path: path.to_owned(),
            origin,
            expected: expected.to_owned(),
            actual: actual.clone(),
        }),
    };
    for (path, expected) in &facts.sums {
        compare(path, expected, SUMS)?;
    }
    let Some(expected) = &request.digest else {
        return Ok(());
    };
    match facts.digests.keys().collect::<Vec<_>>()[..] {
        [only] => compare(only, expected, variables::BINARY_SHA256),
        ref several => Err(BinaryError::SeveralFiles {
            count: several.len(),
        }),
    }
}

fn join(root: &ContainerPath, path: &str) -> Result<ContainerPath, Error> {
    root.join(path)
        .map_err(|err| Error::variable(variables::BINARY, path, &err))
}

#[cfg(test)]
mod tests;
