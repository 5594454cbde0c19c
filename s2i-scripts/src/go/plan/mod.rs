//! The plan for a build of Go. It is made without side effects.

mod programs;

use std::{collections::BTreeMap, mem};

use s2i_core::ContainerPath;

use self::programs::Chosen;
use super::{
    Error as GoError, Facts, Layout, Request, environment::Environment, facts::ROOT, flags,
    query::patterns,
};
use crate::{
    Directories, Error, Plan,
    assembly::{Phase, Step, cache},
    directories::below,
    host::Invocation,
    launch::PROCFILE,
    variables,
};

/// Returns the plan.
pub(crate) fn plan(facts: &Facts, request: &Request, dirs: &Directories) -> Result<Plan, Error> {
    if request.cgo && !facts.has_compiler {
        return Err(GoError::NoCompiler.into());
    }
    if request.compress && facts.upx.is_none() {
        return Err(GoError::NoUpx.into());
    }
    let programs = programs::choose(facts, request, dirs)?;
    let bin = dirs.bin();
    let mut outputs = Vec::new();
    for Chosen {
        name, directory, ..
    } in &programs
    {
        let output = bin.join(name);
        outputs.push(output.map_err(|err| Error::variable(variables::GO_TARGET, directory, &err))?);
    }
    let modules = modules(&programs, facts);
    let mut phases = Vec::new();
    phases.extend(facts.caches.restore(dirs, request.keep_cache));
    let mut steps = facts
        .environment
        .preparation(facts.toolchain.as_ref(), dirs);
    if request.test {
        for (environment, _) in &modules {
            steps.push(Step::Run(test(facts, request, dirs, environment)));
        }
        phases.push(Phase::new("Testing", mem::take(&mut steps)));
    }
    steps.push(Step::MakeDirectory { path: bin.clone() });
    let output = match &outputs[..] {
        [only] => only.to_string(),
        _ => format!("{bin}/"),
    };
    for (environment, packages) in &modules {
        let output = output.clone();
        let invocation = build(facts, request, dirs, environment, output, packages);
        steps.push(Step::Run(invocation));
    }
    phases.push(Phase::new("Building application from source", steps));
    phases.push(Phase::new(
        "Installing application",
        install(facts, request, dirs, &outputs),
    ));
    Ok(Plan {
        recipe: "go",
        reasons: reasons(facts, &programs),
        warnings: warnings(facts),
        application: match &outputs[..] {
            [only] => only.clone(),
            _ => bin,
        },
        phases,
    })
}

/// Returns the environment of each module that has programs to build, with these programs.
fn modules(programs: &[Chosen], facts: &Facts) -> Vec<(Environment, Vec<String>)> {
    let mut modules: Vec<(Environment, Vec<String>)> = Vec::new();
    for program in programs {
        let package = program.package();
        let known = modules
            .iter_mut()
            .find(|(environment, _)| environment.module == program.module);
        match known {
            Some((_, packages)) => packages.push(package),
            None => modules.push((facts.environment.within(&program.module), vec![package])),
        }
    }
    modules
}

fn build(
    facts: &Facts,
    request: &Request,
    dirs: &Directories,
    environment: &Environment,
    output: String,
    packages: &[String],
) -> Invocation {
    let sets = |name| flags::sets(request.goflags.as_deref(), name);
    let mut args = vec!["build".to_owned()];
    for (name, flag) in [("trimpath", "-trimpath"), ("buildvcs", "-buildvcs=false")] {
        args.extend((!sets(name)).then(|| flag.to_owned()));
    }
    match &request.ldflags {
        Some(ldflags) => args.push(format!("-ldflags={}", facts.origin.fill(ldflags))),
        None if sets("ldflags") => {}
        None => args.push("-ldflags=-s -w".into()),
    }
    args.extend(environment.flags(request, dirs));
    args.extend(["-o".to_owned(), output]);
    args.extend_from_slice(packages);
    go(facts, request, dirs, environment, args)
}

fn test(
    facts: &Facts,
    request: &Request,
    dirs: &Directories,
    environment: &Environment,
) -> Invocation {
    let mut args = vec!["test".to_owned()];
    args.extend(environment.flags(request, dirs));
    args.extend(patterns(environment, &facts.module));
    let mut test = go(facts, request, dirs, environment, args);
    test.advice
        .push("tests need `go vet`, which not every image has; they run only with GO_TEST".into());
    test
}

fn go(
    facts: &Facts,
    request: &Request,
    dirs: &Directories,
    environment: &Environment,
    args: Vec<String>,
) -> Invocation {
    let import = environment.import.as_ref();
    let advice = import.map(|import| {
        format!("if packages are missing: run `go mod init {import} && go mod tidy` in the source, and commit go.mod and go.sum")
    });
    Invocation {
        program: facts.go.clone(),
        args,
        env: environment.variables(request, dirs),
        directory: environment.directory(dirs),
        advice: advice.into_iter().collect(),
    }
}

/// Returns the steps that install the programs. The directory of programs gets its time with the last program, so
/// everything else in it comes first.
fn install(
    facts: &Facts,
    request: &Request,
    dirs: &Directories,
    outputs: &[ContainerPath],
) -> Vec<Step> {
    let procfile = facts.procfile.as_ref().map(|content| Step::Write {
        path: below(&dirs.bin(), PROCFILE),
        content: content.clone(),
    });
    let mut steps: Vec<_> = procfile.into_iter().collect();
    steps.extend(kept(facts, dirs));
    let upx = facts.upx.as_ref().filter(|_| request.compress);
    for output in outputs {
        steps.extend(upx.map(|upx| {
            Step::Run(Invocation {
                program: upx.clone(),
                args: vec!["--best".into(), "--lzma".into(), output.to_string()],
                env: BTreeMap::new(),
                directory: dirs.scratch.clone(),
                advice: Vec::new(),
            })
        }));
        steps.push(Step::Seal {
            path: output.clone(),
            epoch: request.epoch,
        });
    }
    if request.keep_cache {
        let caches = facts.environment.caches();
        steps.extend(cache::finish(&caches, request.cache_limit, dirs));
    }
    steps
}

/// Returns the steps that keep files which programs read when they run, in the directory in which they run.
fn kept(facts: &Facts, dirs: &Directories) -> Vec<Step> {
    let paths = facts.kept.paths.iter();
    let mut steps: Vec<_> = paths
        .filter_map(|path| {
            let (from, to) = (dirs.source.join(path).ok()?, dirs.app().join(path).ok()?);
            Some(if facts.kept.is_requested {
                Step::Move { from, to }
            } else {
                let except = "go";
                Step::Keep { from, to, except }
            })
        })
        .collect();
    if !steps.is_empty() {
        steps.push(Step::Share { path: dirs.app() });
    }
    steps
}

/// Returns the findings and choices, for users.
fn reasons(facts: &Facts, programs: &[Chosen]) -> Vec<String> {
    let import = facts.environment.import.as_deref().unwrap_or_default();
    let module = facts.module.module.as_deref().unwrap_or("(without a name)");
    let mut reasons = vec![match &facts.environment.layout {
        Layout::Files => "Go: files without a go.mod".to_owned(),
        Layout::Workspace => format!("Go: workspace of {}", facts.module.uses.join(", ")),
        Layout::Gopath { godeps: false } => format!("Go: without modules, as {import}"),
        Layout::Gopath { godeps: true } => {
            format!("Go: without modules, as {import}, with Godeps/_workspace")
        }
        Layout::Module { vendored: false } => format!("Go: module {module}"),
        Layout::Module { vendored: true } => format!("Go: module {module}, vendored"),
    }];
    if let Some(present) = facts.toolchain {
        let plural = if programs.len() == 1 { "" } else { "s" };
        let packages = programs.iter().map(|program| program.directory.as_str());
        let packages = packages.collect::<Vec<_>>().join(" ");
        reasons.push(format!(
            "building package{plural} {packages} with Go {present}"
        ));
    }
    if !facts.kept.paths.is_empty() {
        let reason = if facts.kept.is_requested {
            "GO_KEEP_FILES"
        } else {
            "the code"
        };
        reasons.push(format!(
            "files for programs that run: {}, because {reason} names them",
            facts.kept.paths.join(", ")
        ));
    }
    for program in programs.iter().filter(|program| program.module != ROOT) {
        reasons.push(format!(
            "{} is of the module in {}",
            program.directory, program.module
        ));
    }
    reasons.extend(facts.caches.reasons());
    reasons
}

/// Returns warnings about the result.
fn warnings(facts: &Facts) -> Vec<String> {
    let mut warnings = facts.warnings.clone();
    let left = &facts.kept.left;
    if !left.is_empty() {
        warnings.push(format!(
            "only the program stays, and these are left out: {}; if it reads them when it runs, keep them with `-e GO_KEEP_FILES={}`",
            left.join(", "),
            left.join(",")
        ));
    }
    warnings
}

#[cfg(test)]
mod tests;
