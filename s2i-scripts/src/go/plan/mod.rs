//! Decides how Go builds an application, and touches nothing.

use s2i_core::ContainerPath;

use super::{Facts, Layout, Request, facts::build_flags, flags, layout::FILES_NAME, preparation};
use crate::{
    Error, Places, Plan,
    places::below,
    plan::{Invocation, Phase, Step},
    variables,
};

/// Decides.
///
/// # Errors
/// When there is no program to build, or a choice that only the user can make.
pub fn plan(facts: &Facts, request: &Request, places: &Places) -> Result<Plan, Error> {
    let package = choose(facts, request, places)?;
    let name = program_name(&package, facts);
    let bin = places.bin();
    let application = bin
        .join(&name)
        .map_err(|err| Error::variable(variables::GO_TARGET, &package, &err.to_string()))?;
    let cache = request.cache(places);

    let mut phases = Vec::new();
    let moves = facts.artifacts.iter().map(|&name| Step::Move {
        from: below(&places.artifacts, name),
        to: below(&cache, name),
    });
    let moves: Vec<_> = moves.collect();
    if !moves.is_empty() {
        phases.push(Phase {
            title: "Restoring build artifacts".into(),
            steps: moves,
        });
    }
    let mut steps = preparation(&facts.layout, facts.toolchain.as_ref(), places);
    steps.push(Step::MakeDirectory { path: bin });
    steps.push(Step::Run(build(
        facts,
        request,
        places,
        &application,
        &package,
    )));
    phases.push(Phase {
        title: "Building application from source".into(),
        steps,
    });
    let mut steps = vec![Step::Seal {
        path: application.clone(),
        epoch: request.epoch,
    }];
    if request.keep_cache {
        steps.push(Step::Share { path: cache });
    }
    phases.push(Phase {
        title: "Installing application".into(),
        steps,
    });
    Ok(Plan {
        recipe: "go",
        reasons: reasons(facts, &package),
        application,
        phases,
    })
}

/// The package to build: the wanted one, else the root, else the only one below `cmd/`.
fn choose(facts: &Facts, request: &Request, places: &Places) -> Result<String, Error> {
    let programs = &facts.programs;
    if let Some(target) = &request.target {
        let path = target
            .strip_prefix("./")
            .unwrap_or(target)
            .trim_end_matches('/');
        let wanted = if matches!(path, "" | ".") {
            ".".to_owned()
        } else {
            format!("./{path}")
        };
        let found = || Error::NoSuchTarget {
            target: target.clone(),
            found: programs.clone(),
        };
        return programs
            .contains(&wanted)
            .then_some(wanted)
            .ok_or_else(found);
    }
    if programs.iter().any(|program| program == ".") {
        return Ok(".".into());
    }
    let mut commands = programs
        .iter()
        .filter(|program| program.starts_with("./cmd/"));
    match (commands.next(), commands.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(Error::NoProgram {
            path: places.source.to_string(),
            elsewhere: programs.clone(),
        }),
        (Some(_), Some(_)) => {
            let found = programs
                .iter()
                .filter(|program| program.starts_with("./cmd/"))
                .cloned();
            Err(Error::SeveralPrograms {
                found: found.collect(),
            })
        }
    }
}

fn program_name(package: &str, facts: &Facts) -> String {
    let name = match package.rsplit_once('/') {
        Some((_, directory)) => Some(directory),
        None => facts.module.program_name(),
    };
    name.unwrap_or(FILES_NAME).to_owned()
}

fn build(
    facts: &Facts,
    request: &Request,
    places: &Places,
    output: &ContainerPath,
    package: &str,
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
        Some(ldflags) => args.push(format!("-ldflags={ldflags}")),
        None if flags::sets(goflags, "ldflags") => {}
        None => args.push("-ldflags=-s -w".into()),
    }
    args.extend(build_flags(&facts.layout, request, places));
    args.extend(["-o".to_owned(), output.to_string(), package.to_owned()]);
    Invocation {
        program: facts.go.clone(),
        args,
        env: request.environment(places),
        directory: places.source.clone(),
    }
}

/// What was found and chosen, for people.
fn reasons(facts: &Facts, package: &str) -> Vec<String> {
    let mut reasons = vec![match &facts.layout {
        Layout::Files => "Go: files without a go.mod".to_owned(),
        Layout::Module { vendored } => {
            let module = facts.module.module.as_deref().unwrap_or("(without a name)");
            format!(
                "Go: module {module}{}",
                if *vendored { ", vendored" } else { "" }
            )
        }
    }];
    if let Some(present) = facts.toolchain {
        reasons.push(format!("building package {package} with Go {present}"));
    }
    if let Some(wished) = facts.wished {
        reasons.push(format!(
            "go.mod would like the toolchain {wished}; its go line is content with this one"
        ));
    }
    reasons
}

#[cfg(test)]
mod tests;
