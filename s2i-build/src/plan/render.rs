//! A plan as text, for people and for tests. Values of variables are not shown.

use std::fmt;

use super::{BuildPlan, KeepPlan, RunPlan, Uploaded, UsagePlan, UserOrigin, UserPolicy};
use crate::{
    engine::{Commit, Program},
    request::Limits,
};

impl fmt::Display for BuildPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(save) = &self.save {
            let (name, id) = (&save.image.name, &save.image.id);
            let (into, limits) = (&save.into, limited(&save.limits));
            writeln!(f, "save from {name} ({id}) into {into}{limits}")?;
            program(&save.program, &save.user, f)?;
            if let Some(directory) = &save.directory {
                writeln!(f, "  or lend {directory}")?;
            }
        }
        self.assemble.fmt(f)?;
        if let Some(runtime) = &self.runtime {
            for item in &runtime.artifacts {
                writeln!(f, "take {} as {}", item.path, item.name)?;
            }
            runtime.run.fmt(f)?;
            if let Some(KeepPlan { commit: kept, name }) = &runtime.keep {
                writeln!(f, "keep the builder's container as {name}")?;
                commit(kept, f)?;
            }
        }
        commit(&self.commit, f)
    }
}

fn commit(commit: &Commit, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    commit
        .remove
        .iter()
        .try_for_each(|path| writeln!(f, "remove {path}"))?;
    commit
        .require
        .iter()
        .try_for_each(|path| writeln!(f, "require {path}"))?;
    let tag = commit
        .tag
        .as_ref()
        .map_or_else(|| "no name".into(), ToString::to_string);
    writeln!(f, "commit as {tag}, files from {}", commit.mtime)?;
    let config = &commit.config;
    writeln!(
        f,
        "  cmd {:?} entrypoint {:?} user {:?} workdir {:?}",
        config.cmd, config.entrypoint, config.user, config.working_dir
    )?;
    let names = config
        .env
        .iter()
        .map(|entry| entry.split('=').next().unwrap_or_default());
    writeln!(f, "  env {}", names.collect::<Vec<_>>().join(" "))?;
    config
        .labels
        .iter()
        .try_for_each(|(name, value)| writeln!(f, "  label {name}={value}"))
}

impl fmt::Display for RunPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "container of {} ({}), network {}{}",
            self.image.name,
            self.image.id,
            self.network,
            limited(&self.limits)
        )?;
        for upload in &self.uploads {
            let what = match &upload.what {
                Uploaded::Source => "source".into(),
                Uploaded::Artifacts => "artifacts".into(),
                Uploaded::Certificates(_) => "certificates".into(),
                Uploaded::Scripts(scripts) => scripts
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            writeln!(f, "  upload {what} into {}", upload.into)?;
        }
        program(&self.program, &self.user, f)
    }
}

impl fmt::Display for UsagePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (image, limits) = (&self.image, limited(&self.limits));
        let (name, id, network) = (&image.name, &image.id, &self.network);
        writeln!(f, "container of {name} ({id}), network {network}{limits}")?;
        program(&self.program, &self.user, f)
    }
}

/// Nothing where there are none.
fn limited(limits: &Limits) -> String {
    if limits.is_empty() {
        return String::new();
    }
    format!(", at most {limits}")
}

fn program(program: &Program, user: &UserPolicy, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let optional = if program.optional {
        " if it is there"
    } else {
        ""
    };
    writeln!(
        f,
        "  run {:?} as {:?}{} in {}{optional}",
        program.argv,
        program.user,
        said(user),
        program.cwd
    )?;
    let names: Vec<_> = program.env.iter().map(ToString::to_string).collect();
    writeln!(f, "  env {}", names.join(" "))?;
    if program.secrets.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = program.secrets.iter().map(ToString::to_string).collect();
    writeln!(f, "  secrets {}", names.join(" "))
}

/// The origin of the user, where it is not the image's own, and the users that are allowed, where that is limited.
fn said(user: &UserPolicy) -> String {
    let origin = match user.origin {
        UserOrigin::Image => String::new(),
        UserOrigin::Label(name) | UserOrigin::Option(name) => format!(" by {name}"),
    };
    if user.allowed.is_empty() {
        return origin;
    }
    format!("{origin} if it is one of {}", user.allowed)
}
