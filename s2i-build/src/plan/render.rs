//! A plan as text, for people and for tests. Values of variables are not shown.

use std::fmt;

use super::{BuildPlan, RunPlan, Uploaded};
use crate::engine::Program;

impl fmt::Display for BuildPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(save) = &self.save {
            let (name, id) = (&save.image.name, &save.image.id);
            writeln!(f, "save from {name} ({id}) into {}", save.into)?;
            program(&save.program, f)?;
        }
        self.assemble.fmt(f)?;
        if let Some(runtime) = &self.runtime {
            for item in &runtime.artifacts {
                writeln!(f, "take {} as {}", item.path, item.name)?;
            }
            runtime.run.fmt(f)?;
        }
        let commit = &self.commit;
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
}

impl fmt::Display for RunPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "container of {} ({}), network {}",
            self.image.name, self.image.id, self.network
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
        program(&self.program, f)
    }
}

fn program(program: &Program, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let optional = if program.optional {
        " if it is there"
    } else {
        ""
    };
    writeln!(
        f,
        "  run {:?} as {:?} in {}{optional}",
        program.argv, program.user, program.cwd
    )?;
    let names: Vec<_> = program.env.iter().map(ToString::to_string).collect();
    writeln!(f, "  env {}", names.join(" "))
}
