//! A plan as text, for people and for tests. Values of variables are not shown.

use std::fmt;

use s2i_core::{EnvVar, Times, wire::Removal};

use crate::plan::{
    BuildPlan, ConfigChanges, Copy, CopySource, Entrypoint, Inject, OnNamingFailure,
    OnStageFailure, Output, Run, SourcePath, Stage, Step, UsagePlan, User, UserOrigin,
};
use crate::{
    facts::ImageFacts,
    request::{ContainerOptions, Limits},
};

impl fmt::Display for BuildPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.stages {
            self.stage_header(stage, f)?;
            stage.steps.iter().try_for_each(|step| step.fmt(f))?;
        }
        self.outputs
            .iter()
            .try_for_each(|output| self.output(output, f))
    }
}

impl BuildPlan {
    fn stage_header(&self, stage: &Stage, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stage {
            name,
            from,
            user,
            network,
            limits,
            options,
            ..
        } = stage;
        write!(f, "stage {name} from {from}")?;
        if let Some(image) = self.inputs.images.get(*from) {
            write!(f, " {}", image.reference)?;
            if let (Some(digest), None) = (&image.digest, image.reference.digest()) {
                write!(f, "@{digest}")?;
            }
            if let (Some(id), Some(platform)) = (&image.id, &image.platform) {
                write!(f, " ({id}, {platform})")?;
            }
        }
        let limits = limited(limits);
        writeln!(f, ", as {user}, network {network}{limits}")?;
        container_options(options, f)?;
        match stage.on_failure {
            OnStageFailure::Fail => Ok(()),
            OnStageFailure::Skip => writeln!(f, "  on failure: skip"),
        }
    }

    fn output(&self, output: &Output, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = output.name.as_ref();
        let name = name.map_or_else(|| "without a name".into(), ToString::to_string);
        let Times { new, latest } = self.times;
        write!(
            f,
            "image {name} from stage {}, new files of {new}",
            output.stage
        )?;
        let mut latest = latest.iter();
        latest.try_for_each(|latest| write!(f, ", none later than {latest}"))?;
        writeln!(f)?;
        for name in &output.other_names {
            writeln!(f, "  also as {name}")?;
        }
        for Removal { path, unless } in &output.remove {
            write!(f, "  remove {path}")?;
            let mut unless = unless.iter();
            unless.try_for_each(|program| write!(f, " unless there is {program}"))?;
            writeln!(f)?;
        }
        for path in &output.require {
            writeln!(f, "  require {path}")?;
        }
        fmt::Display::fmt(&output.config, f)?;
        if output.on_naming_failure == OnNamingFailure::Warn {
            writeln!(f, "  on failure to name it: warn")?;
        }
        match &output.replaces {
            Some(id) => writeln!(f, "  then remove {id}, unless it has another name"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy(Copy { from, into, owner }) => {
                write!(f, "  copy {from} into {into}")?;
                let mut owner = owner.iter();
                owner.try_for_each(|owner| write!(f, " for {owner:?}"))?;
                writeln!(f)
            }
            Self::Inject(inject) => inject.fmt(f),
            Self::Run(run) => run.fmt(f),
            Self::Save(run) => {
                run.fmt(f)?;
                writeln!(f, "    and save its standard output in the artifact cache")
            }
        }
    }
}

impl fmt::Display for Inject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            digest,
            into,
            name,
            files: _,
        } = self;
        write!(f, "  inject {source} ({digest}) into {into}")?;
        match name {
            Some(name) => writeln!(f, " as {name}"),
            None => writeln!(f),
        }
    }
}

impl fmt::Display for CopySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("source"),
            Self::Paths(paths) => {
                let paths = paths.iter();
                let paths: Vec<_> = paths
                    .map(|SourcePath { path, name }| format!("{path} as {name}"))
                    .collect();
                write!(f, "{} of source", paths.join(", "))
            }
            Self::Scripts(scripts) => {
                let names: Vec<_> = scripts.iter().map(ToString::to_string).collect();
                write!(f, "scripts {}", names.join(", "))
            }
            Self::Fetched(fetched) => {
                let scripts = fetched.scripts.iter();
                let names: Vec<_> = scripts.map(ToString::to_string).collect();
                write!(f, "scripts {} of {}", names.join(", "), fetched.url)
            }
            Self::Trust => f.write_str("certificates"),
            Self::Cache => f.write_str("artifacts of the artifact cache"),
            Self::Stdout(saved) => {
                write!(f, "standard output of stage {}", saved.stage)?;
                let mut mount = saved.mount.iter();
                mount.try_for_each(|mount| write!(f, ", or mount {mount} of its image,"))
            }
            Self::Stage(paths) => {
                let items = paths.paths.iter();
                let items: Vec<_> = items
                    .map(|item| format!("{} as {}", item.path, item.name))
                    .collect();
                let modes = if paths.keep_modes {
                    " with their modes"
                } else {
                    ""
                };
                write!(f, "{} of stage {}{modes}", items.join(", "), paths.name)
            }
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let optional = if self.optional { " if it exists" } else { "" };
        write!(f, "  run {:?} in {}{optional}", self.argv, self.cwd)?;
        let mut user = self.user.iter();
        user.try_for_each(|user| write!(f, ", as {user}"))?;
        writeln!(f)?;
        names("    ", &self.env, f)?;
        if self.secrets.is_empty() {
            return Ok(());
        }
        writeln!(f, "    secrets {}", self.secrets.join(" "))
    }
}

impl fmt::Display for User {
    /// The user; its origin, where it is not the image's own; and the users that are allowed, where that is limited.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)?;
        if let UserOrigin::Label(origin) | UserOrigin::Option(origin) = &self.origin {
            write!(f, " by {origin}")?;
        }
        if self.origin == UserOrigin::Trigger {
            write!(f, " by a trigger")?;
        }
        if self.allowed.is_empty() {
            return Ok(());
        }
        write!(f, " if it is one of {}", self.allowed)
    }
}

impl fmt::Display for ConfigChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  cmd {:?}", self.cmd)?;
        match self.entrypoint {
            Entrypoint::Drop => {}
            Entrypoint::KeepIfItRunsArguments => {
                writeln!(f, "  entrypoint of the base if it runs its arguments")?;
            }
            Entrypoint::Keep => writeln!(f, "  entrypoint of the base")?,
        }
        if let Some(config) = &self.after_triggers {
            let (user, dir) = (&config.user, &config.working_dir);
            writeln!(
                f,
                "  user {user:?}, working directory {dir:?} after the triggers"
            )?;
        }
        names("  ", &self.env, f)?;
        let mut labels = self.labels.iter();
        labels.try_for_each(|(name, value)| writeln!(f, "  label {name}={value}"))
    }
}

impl fmt::Display for UsagePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageFacts { name, id, .. } = &self.image;
        let (user, network, limits) = (&self.user, &self.network, limited(&self.limits));
        writeln!(
            f,
            "container of {name} ({id}), as {user}, network {network}{limits}"
        )?;
        self.run.fmt(f)
    }
}

fn names(indent: &str, env: &[EnvVar], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if env.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = env.iter().map(EnvVar::name).collect();
    writeln!(f, "{indent}env {}", names.join(" "))
}

fn container_options(options: &ContainerOptions, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ContainerOptions {
        mounts,
        hosts,
        without_capabilities,
        security,
    } = options;
    let mut mounts = mounts.iter();
    mounts.try_for_each(|mount| writeln!(f, "  mount {mount}"))?;
    let mut hosts = hosts.iter();
    hosts.try_for_each(|host| writeln!(f, "  host {host}"))?;
    let mut dropped = without_capabilities.iter();
    dropped.try_for_each(|capability| writeln!(f, "  without capability {capability}"))?;
    let mut security = security.iter();
    security.try_for_each(|option| writeln!(f, "  security option {option}"))
}

/// Returns nothing where there are no limits.
fn limited(limits: &Limits) -> String {
    if limits.is_empty() {
        return String::new();
    }
    format!(", at most {limits}")
}
