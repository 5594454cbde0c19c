//! The stages of a Dockerfile, one for each stage of a plan.

use s2i_core::{Account, ContainerPath, Layout, Script};

use super::{
    DOCKERFILE_INJECTIONS_DIR, DOCKERFILE_SOURCE_DIR, DOCKERFILE_TRUST_DIR, Dockerfile,
    DockerfileError, DockerfileForm, dockerfile_scripts_dir,
    quote::{paths, plain, variable_name, word},
};
use crate::{
    plan::{Copy, CopySource, ImageRole, Inject, Run, Stage, StageName, Step},
    request::Network,
};

/// The stage with the source, in the form with mounts: there it gets its owner.
const SOURCE: &str = "source";
/// The stage with the artifacts of the previous build.
const CACHED: &str = "cached";
/// The stage of `assemble`, if it is not the last one.
const BUILD: &str = "build";
/// The archive of the artifacts.
const ARCHIVE: &str = "/tmp/artifacts.tar";
/// The places of mounts.
const MOUNTS: &str = "/run/s2i";

const ROOT: &str = "root";

impl Dockerfile<'_> {
    /// Writes the stage of `save-artifacts`.
    pub(super) fn previous(&mut self, stage: &Stage) -> Result<(), DockerfileError> {
        let run = only_run(stage)?;
        let script = program(run)?;
        self.line(format!("FROM {} as {CACHED}", self.image(stage.from)?));
        self.line("# The artifacts of the previous build, as one archive");
        if self.has_copied(run) {
            let from = format!("{}/{}", dockerfile_scripts_dir(stage.name), run.script);
            let paths = paths(&from, &run.argv[0])?;
            self.line(format!("COPY {}{paths}", own(&stage.user.name)?));
        }
        self.user(&stage.user.name)?;
        self.line(format!(
            "RUN {}if [ -s {script} ]; then {script} > {ARCHIVE}; else touch {ARCHIVE}; fi",
            network(stage)
        ));
        Ok(())
    }

    /// Writes the stage of `assemble`.
    pub(super) fn build(&mut self, stage: &Stage) -> Result<(), DockerfileError> {
        let image = self.image(stage.from)?;
        let is_mount = self.form == DockerfileForm::Mount;
        if is_mount {
            self.source(stage, &image)?;
        }
        let name = if self.is_result(stage) {
            String::new()
        } else {
            format!(" as {BUILD}")
        };
        self.line(format!("FROM {image}{name}"));
        self.variables(stage)?;
        let user = &stage.user.name;
        for copy in stage.copies() {
            match &copy.from {
                CopySource::Stdout(_) if !is_mount => self.line(format!(
                    "COPY {}--from={CACHED} {ARCHIVE} {ARCHIVE}",
                    own(user)?
                )),
                CopySource::Source if !is_mount => {
                    self.line("# The source");
                    let paths = paths(DOCKERFILE_SOURCE_DIR, copy.into.as_str())?;
                    self.line(format!("COPY {}{paths}", own(user)?));
                }
                CopySource::Trust if !is_mount => return Err(DockerfileError::Trust),
                _ => {}
            }
        }
        self.scripts(stage)?;
        if is_mount {
            self.destination(stage)?;
        }
        self.user(user)?;
        if is_mount {
            self.mounted_run(stage)?;
        } else {
            self.copied_run(stage)?;
        }
        self.own_user(stage)
    }

    /// Writes the stage of a runtime image.
    pub(super) fn runtime(&mut self, stage: &Stage) -> Result<(), DockerfileError> {
        self.line(format!("FROM {}", self.image(stage.from)?));
        self.variables(stage)?;
        let user = &stage.user.name;
        for copy in stage.copies() {
            let CopySource::Stage(from) = &copy.from else {
                continue;
            };
            for item in &from.paths {
                let into = copy.into.join(&item.name);
                let into = into.map_err(|_| DockerfileError::Path(item.name.clone()))?;
                let paths = paths(item.path.as_str(), self.in_image(stage, into.as_str()))?;
                self.line(format!("COPY {}--from={BUILD} {paths}", own(user)?));
            }
        }
        self.scripts(stage)?;
        self.user(user)?;
        let run = only_run(stage)?;
        let script = program(run)?;
        let script = if self.has_copied(run) {
            self.in_image(stage, &script).to_owned()
        } else {
            script
        };
        let script = if run.optional {
            format!("if [ -x {script} ]; then {script}; fi")
        } else {
            script
        };
        let network = network(stage);
        self.line(format!("RUN {network}{script}{}", self.required(stage)?));
        self.own_user(stage)
    }

    /// Writes the stage that gives the source its owner. A name needs the tables of the builder.
    fn source(&mut self, stage: &Stage, image: &str) -> Result<(), DockerfileError> {
        let user = match stage.user.name.as_str() {
            "" | ROOT => "0",
            user => user,
        };
        let is_number = Account::uid_of(user).is_some();
        let base = if is_number { "scratch" } else { image };
        self.line(format!("FROM {base} as {SOURCE}"));
        self.line(format!(
            "COPY {}{DOCKERFILE_SOURCE_DIR} {MOUNTS}/src",
            own(user)?
        ));
        Ok(())
    }

    /// Writes the copies of scripts that are not in the image, which stay there.
    fn scripts(&mut self, stage: &Stage) -> Result<(), DockerfileError> {
        let mut copies = stage.copies().filter(|copy| is_scripts(copy));
        if let Some(copy) = copies.next() {
            self.line("# The scripts that are not in the image");
            let into = self.in_image(stage, copy.into.as_str());
            let paths = paths(dockerfile_scripts_dir(stage.name), into)?;
            self.line(format!("COPY {}{paths}", own(&stage.user.name)?));
        }
        Ok(())
    }

    /// Writes the instruction that creates the directory of the source, where the user may not create it.
    fn destination(&mut self, stage: &Stage) -> Result<(), DockerfileError> {
        let user = stage.user.name.as_str();
        let mut sources = stage.copies();
        let source = sources.find(|copy| copy.from == CopySource::Source);
        let above = source.and_then(|copy| copy.into.as_str().rsplit_once('/'));
        let Some((above, _)) = above.filter(|_| !is_root(user)) else {
            return Ok(());
        };
        if above.is_empty() || above == Layout::DEFAULT_DESTINATION {
            return Ok(());
        }
        let (above, owner) = (word(above)?, word(&owner(user))?);
        self.line(format!("USER {ROOT}"));
        self.line(format!(
            "RUN [ -d {above} ] || {{ mkdir -p {above} && chown {owner} {above}; }}"
        ));
        Ok(())
    }

    fn user(&mut self, user: &str) -> Result<(), DockerfileError> {
        if !is_root(user) {
            self.line(format!("USER {}", plain(user)?));
        } else if !user.is_empty() {
            self.line(format!("USER {user}"));
        }
        Ok(())
    }

    /// Returns to the user of the image, where that is known and not root.
    fn own_user(&mut self, stage: &Stage) -> Result<(), DockerfileError> {
        let image = self.plan.inputs.images.get(stage.from);
        let config = image.and_then(|image| image.config.as_ref());
        let own = config.map(|config| config.user.as_str());
        match own {
            Some(own) if self.is_result(stage) && own != stage.user.name && !is_root(own) => {
                self.user(own)
            }
            _ => Ok(()),
        }
    }

    /// Writes the one instruction that copies the inputs, runs the script and removes what no layer should have.
    fn mounted_run(&mut self, stage: &Stage) -> Result<(), DockerfileError> {
        let mut parts: Vec<_> = (stage.network == Network::None)
            .then(|| network(stage).trim_end().to_owned())
            .into_iter()
            .collect();
        let (mut commands, mut injected) = (Vec::new(), Vec::new());
        for step in &stage.steps {
            match step {
                Step::Copy(Copy { from, into, .. }) => {
                    let (mount, name) = match from {
                        CopySource::Source => {
                            (format!("from={SOURCE},source={MOUNTS}/src,"), "src")
                        }
                        CopySource::Stdout(_) => (format!("from={CACHED},source=/tmp,"), "cached"),
                        CopySource::Trust => (format!("source={DOCKERFILE_TRUST_DIR},"), "trust"),
                        _ => continue,
                    };
                    parts.push(format!("--mount=type=bind,{mount}target={MOUNTS}/{name}"));
                    let into = word(into.as_str())?;
                    commands.push(match from {
                        CopySource::Stdout(_) => {
                            unpack(&format!("{MOUNTS}/{name}/artifacts.tar"), &into)
                        }
                        CopySource::Source => {
                            format!("mkdir -p {into} && cp -RPp {MOUNTS}/{name}/. {into}/")
                        }
                        _ => format!("mkdir -p {into} && cp -RP {MOUNTS}/{name}/. {into}/"),
                    });
                }
                Step::Run(run) => {
                    for id in &run.secrets {
                        let id = variable_name(id)?;
                        parts.push(format!(
                            "--mount=type=secret,id={id},mode=0444,required=true"
                        ));
                    }
                    commands.push(with_secrets(run)?);
                }
                // The cache of the builder that reads the Dockerfile takes its place.
                Step::Save(_) => {}
                Step::Inject(inject) => {
                    // From the context itself: a builder may keep a stage with them as an image.
                    let number = injected.len();
                    let from = format!("{MOUNTS}/injections/{number}");
                    parts.push(format!(
                        "--mount=type=bind,source={DOCKERFILE_INJECTIONS_DIR}/{number},target={from}"
                    ));
                    let into = word(inject.into.as_str())?;
                    commands.push(format!("mkdir -p {into} && cp -RP {from}/. {into}/"));
                    injected.push(injected_files(inject)?);
                }
            }
        }
        commands.extend(
            injected
                .into_iter()
                .filter(|files| !files.is_empty())
                .map(|files| format!("rm -f {}", files.join(" "))),
        );
        commands.extend(self.removals(stage)?);
        let commands = commands.join(" && \\\n    ") + &self.required(stage)?;
        parts.push(commands);
        self.line(format!("RUN {}", parts.join(" \\\n    ")));
        Ok(())
    }

    /// Writes the instructions that unpack the artifacts and run the script.
    fn copied_run(&mut self, stage: &Stage) -> Result<(), DockerfileError> {
        let mut saved = stage.copies();
        if let Some(copy) = saved.find(|copy| matches!(copy.from, CopySource::Stdout(_))) {
            self.line("# The artifacts of the previous build");
            let into = word(copy.into.as_str())?;
            let unpack = unpack(ARCHIVE, &into);
            self.line(format!("RUN {unpack} && \\\n    rm {ARCHIVE}"));
        }
        let run = only_run(stage)?;
        if let Some(id) = run.secrets.first() {
            return Err(DockerfileError::Secret(id.clone()));
        }
        if !self.has_copied(run) {
            self.line(format!("# The script {} of the image", run.script));
            self.line("# builds the application from the source.");
        }
        self.line(format!("RUN {}", program(run)?));
        if !self.has_copied_script(Script::Run) && self.is_result(stage) {
            self.line("# The script run of the image");
            self.line("# starts the application.");
        }
        Ok(())
    }

    /// Returns the commands that remove the paths of the output that is made of this stage, one for all with the same
    /// condition.
    fn removals(&self, stage: &Stage) -> Result<Vec<String>, DockerfileError> {
        let mut outputs = self.plan.outputs.iter();
        let output = outputs.find(|output| output.stage == stage.name);
        let removals = output.map_or(&[][..], |output| &output.remove);
        let mut conditions: Vec<Option<&ContainerPath>> = Vec::new();
        for removal in removals {
            let unless = removal.unless.as_ref();
            if !conditions.contains(&unless) {
                conditions.push(unless);
            }
        }
        let command = |unless: Option<&ContainerPath>| {
            let paths = removals.iter();
            let paths = paths.filter(|removal| removal.unless.as_ref() == unless);
            let paths = paths.map(|removal| word(removal.path.as_str()));
            let paths = paths.collect::<Result<Vec<_>, _>>()?.join(" ");
            Ok(match unless {
                Some(program) => {
                    let program = word(program.as_str())?;
                    format!("{{ test -x {program} || rm -rf {paths}; }}")
                }
                None => format!("rm -rf {paths}"),
            })
        };
        conditions.into_iter().map(command).collect()
    }

    /// Returns the checks of the programs that the result needs, after other commands.
    fn required(&self, stage: &Stage) -> Result<String, DockerfileError> {
        if !self.is_result(stage) || self.form == DockerfileForm::Copy {
            return Ok(String::new());
        }
        let paths = self.result.require.iter();
        let is_copied = self.has_copied_script(Script::Run);
        let checks = paths.map(|path| {
            let path = path.as_str();
            let path = if is_copied {
                self.in_image(stage, path)
            } else {
                path
            };
            Ok(format!(" && \\\n    test -x {}", word(path)?))
        });
        checks.collect()
    }

    fn image(&self, role: ImageRole) -> Result<String, DockerfileError> {
        let image = self.plan.inputs.images.get(role);
        let image = image.ok_or(DockerfileError::Outputs)?;
        let name = image.reference.to_string();
        // The builder of the Dockerfile would take it for the stage.
        if [SOURCE, CACHED, BUILD].contains(&name.as_str()) {
            return Ok(name + ":latest");
        }
        Ok(name)
    }

    /// Returns whether a program is a script that is copied into the container.
    fn has_copied(&self, run: &Run) -> bool {
        let Some(script) = run.script.script() else {
            return false;
        };
        let into = |copy: &Copy| copy.into.join(script.file_name());
        let stages = self.plan.stages.iter().flat_map(Stage::copies);
        let mut scripts = stages.filter(|copy| is_scripts(copy));
        scripts.any(|copy| {
            into(copy)
                .is_ok_and(|path| run.argv.first().is_some_and(|arg| *arg == path.to_string()))
        })
    }

    /// Returns a path below the working directory of a runtime image, which a builder of the Dockerfile knows even if
    /// the image was not looked up.
    pub(super) fn in_image<'p>(&self, stage: &Stage, path: &'p str) -> &'p str {
        let image = self.plan.inputs.images.get(stage.from);
        let is_known = image.is_some_and(|image| image.config.is_some());
        if is_known || stage.name != StageName::Runtime {
            return path;
        }
        path.trim_start_matches('/')
    }

    pub(super) fn has_copied_script(&self, script: Script) -> bool {
        let mut stages = self.plan.stages.iter();
        let stage = stages.find(|stage| stage.name == self.result.stage);
        let mut copies = stage.into_iter().flat_map(Stage::copies);
        copies.any(|copy| match &copy.from {
            CopySource::Scripts(scripts) => scripts.contains(&script),
            CopySource::Fetched(fetched) => fetched.scripts.contains(&script),
            _ => false,
        })
    }
}

fn is_scripts(copy: &Copy) -> bool {
    matches!(copy.from, CopySource::Scripts(_) | CopySource::Fetched(_))
}

fn is_root(user: &str) -> bool {
    matches!(user, "" | ROOT | "0")
}

/// Returns the owner of copied files: the user with group 0, as the Go `s2i` has it, or the user's own group.
fn owner(user: &str) -> String {
    if user.contains(':') {
        user.to_owned()
    } else {
        format!("{user}:0")
    }
}

/// Returns the option of `COPY` for files of a user.
fn own(user: &str) -> Result<String, DockerfileError> {
    if user.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("--chown={} ", plain(&owner(user))?))
}

fn network(stage: &Stage) -> &'static str {
    match stage.network {
        Network::None => "--network=none ",
        _ => "",
    }
}

fn unpack(archive: &str, into: &str) -> String {
    format!("if [ -s {archive} ]; then mkdir -p {into}; tar -xf {archive} -C {into}; fi")
}

/// Returns the paths of injected files in the container.
fn injected_files(inject: &Inject) -> Result<Vec<String>, DockerfileError> {
    let files = inject.files.iter().map(|file| {
        let path = inject.into.join(file);
        let path = path.map_err(|_| DockerfileError::Path(file.clone()))?;
        word(path.as_str())
    });
    files.collect()
}

fn only_run(stage: &Stage) -> Result<&Run, DockerfileError> {
    stage.runs().next().ok_or(DockerfileError::Outputs)
}

/// Returns the command that is the program with its arguments.
fn program(run: &Run) -> Result<String, DockerfileError> {
    let words = run.argv.iter().map(|argument| word(argument));
    Ok(words.collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// Returns the command with its secrets as variables.
fn with_secrets(run: &Run) -> Result<String, DockerfileError> {
    let ids = run.secrets.iter().map(|id| variable_name(id));
    let secrets = ids.map(|id| Ok(format!("{0}=\"$(cat /run/secrets/{0})\" ", id?)));
    Ok(secrets.collect::<Result<String, _>>()? + &program(run)?)
}
