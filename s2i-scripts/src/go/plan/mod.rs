//! Decides how Go builds an application, and touches nothing.

mod programs;

use s2i_core::ContainerPath;

use super::{Error as GoError, Facts, Layout, Request, facts::patterns, flags};
use crate::{
    Error, Places, Plan,
    assembly::{Phase, Step, cache},
    host::Invocation,
    launch::PROCFILE,
    places::below,
    variables,
};

/// Decides.
///
/// # Errors
/// When there is no program to build, or a choice that only the user can make.
pub fn plan(facts: &Facts, request: &Request, places: &Places) -> Result<Plan, Error> {
    if request.cgo && !facts.compiler {
        return Err(GoError::NoCompiler.into());
    }
    let packer = match &facts.packer {
        None if request.compress => return Err(GoError::NoPacker.into()),
        packer => packer.as_deref().filter(|_| request.compress),
    };
    let chosen = programs::choose(facts, request, places)?;
    let bin = places.bin();
    let mut outputs = Vec::new();
    for (name, package) in &chosen {
        let output = bin
            .join(name)
            .map_err(|err| Error::variable(variables::GO_TARGET, package, &err.to_string()))?;
        outputs.push(output);
    }
    let mut phases = Vec::new();
    phases.extend(facts.caches.restore(places, request.keep_cache));
    let mut steps = facts
        .environment
        .preparation(facts.toolchain.as_ref(), places);
    if request.test {
        steps.push(Step::Run(test(facts, request, places)));
        let steps = std::mem::take(&mut steps);
        phases.push(Phase::new("Testing", steps));
    }
    steps.push(Step::MakeDirectory { path: bin.clone() });
    let output = match &outputs[..] {
        [only] => only.to_string(),
        _ => format!("{bin}/"),
    };
    let packages: Vec<_> = chosen.iter().map(|(_, package)| package.clone()).collect();
    steps.push(Step::Run(build(facts, request, places, output, &packages)));
    phases.push(Phase::new("Building application from source", steps));
    phases.push(Phase::new(
        "Installing application",
        install(facts, request, places, packer, &outputs),
    ));
    Ok(Plan {
        recipe: "go",
        reasons: reasons(facts, &packages),
        warnings: Vec::new(),
        application: match &outputs[..] {
            [only] => only.clone(),
            _ => bin,
        },
        phases,
    })
}

fn build(
    facts: &Facts,
    request: &Request,
    places: &Places,
    output: String,
    packages: &[String],
) -> Invocation {
    let mut args = vec!["build".to_owned()];
    let defaults = [("trimpath", "-trimpath"), ("buildvcs", "-buildvcs=false")];
    let goflags = request.goflags.as_deref();
    args.extend(
        defaults
            .iter()
            .filter(|(name, _)| !flags::sets(goflags, name))
            .map(|(_, flag)| (*flag).to_owned()),
    );
    match &request.ldflags {
        Some(ldflags) => args.push(format!("-ldflags={}", facts.origin.fill(ldflags))),
        None if flags::sets(goflags, "ldflags") => {}
        None => args.push("-ldflags=-s -w".into()),
    }
    args.extend(facts.environment.flags(request, places));
    args.extend(["-o".to_owned(), output]);
    args.extend_from_slice(packages);
    go(facts, request, places, args)
}

fn test(facts: &Facts, request: &Request, places: &Places) -> Invocation {
    let mut args = vec!["test".to_owned()];
    args.extend(facts.environment.flags(request, places));
    args.extend(patterns(&facts.environment.layout, &facts.module));
    let mut test = go(facts, request, places, args);
    test.advice.push(
        "tests need `go vet`, which not every image has; without GO_TEST they don't run".into(),
    );
    test
}

fn go(facts: &Facts, request: &Request, places: &Places, args: Vec<String>) -> Invocation {
    let mut advice = Vec::new();
    if let (Layout::Gopath { .. }, Some(import)) =
        (&facts.environment.layout, &facts.environment.import)
    {
        advice.push(format!(
            "if packages are missing: run `go mod init {import} && go mod tidy` in the source, and commit go.mod and go.sum"
        ));
    }
    Invocation {
        program: facts.go.clone(),
        args,
        env: facts.environment.variables(request, places),
        directory: facts.environment.directory(places),
        advice,
    }
}

/// Returns the phase that installs the programs.
fn install(
    facts: &Facts,
    request: &Request,
    places: &Places,
    packer: Option<&str>,
    outputs: &[ContainerPath],
) -> Vec<Step> {
    let mut steps = Vec::new();
    for output in outputs {
        steps.extend(packer.map(|packer| {
            Step::Run(Invocation {
                program: packer.to_owned(),
                args: vec!["--best".into(), "--lzma".into(), output.to_string()],
                env: std::collections::BTreeMap::new(),
                directory: places.scratch.clone(),
                advice: Vec::new(),
            })
        }));
        steps.push(Step::Seal {
            path: output.clone(),
            epoch: request.epoch,
        });
    }
    steps.extend(facts.procfile.as_ref().map(|content| Step::Write {
        path: below(&places.bin(), PROCFILE),
        content: content.clone(),
    }));
    if request.keep_cache {
        let caches = facts.environment.caches();
        steps.extend(cache::leave(&caches, request.cache_limit, places));
    }
    steps
}

/// Returns the findings and choices, for users.
fn reasons(facts: &Facts, packages: &[String]) -> Vec<String> {
    let import = facts.environment.import.as_deref().unwrap_or_default();
    let mut reasons = vec![match &facts.environment.layout {
        Layout::Files => "Go: files without a go.mod".to_owned(),
        Layout::Workspace => format!("Go: workspace of {}", facts.module.uses.join(", ")),
        Layout::Gopath { godeps: false } => format!("Go: without modules, as {import}"),
        Layout::Gopath { godeps: true } => {
            format!("Go: without modules, as {import}, with Godeps/_workspace")
        }
        Layout::Module { vendored } => {
            let module = facts.module.module.as_deref().unwrap_or("(without a name)");
            format!(
                "Go: module {module}{}",
                if *vendored { ", vendored" } else { "" }
            )
        }
    }];
    if let Some(present) = facts.toolchain {
        let noun = if packages.len() == 1 {
            "package"
        } else {
            "packages"
        };
        reasons.push(format!(
            "building {noun} {} with Go {present}",
            packages.join(" ")
        ));
    }
    if let Some(wished) = facts.wished {
        reasons.push(format!(
            "go.mod would like the toolchain {wished}; its go line is content with this one"
        ));
    }
    reasons.extend(facts.caches.reasons());
    reasons
}

#[cfg(test)]
mod tests;
