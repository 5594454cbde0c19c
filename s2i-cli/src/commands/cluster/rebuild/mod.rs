//! `s2i cluster rebuild`.

mod current;
mod origin;

use std::{collections::BTreeMap, ffi::OsString, fmt::Write as _, process::ExitCode};

use s2i_build::{CancelToken, context::or_interrupted};
use s2i_core::{ErrorChain, ImageRef, Printable};
use s2i_kube::client::{BuildInfo, BuildStatus, Cluster, Run, RunError, needs_source};
use serde_json::json;

pub(super) use self::current::Current;
use self::{
    current::{Compared, has_changed},
    origin::{Origin, named_by_tag},
};
use super::{ClusterError, build_on_cluster, connect, follow, patience};
use crate::{
    args::{self, Build, Command, EngineCommand, OnCluster, RebuildImages},
    context::CommandContext,
    error::Error,
};

/// Builds images again.
pub(super) async fn run(
    args: &RebuildImages,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let cluster = connect(&args.place).await?;
    let builds = async {
        cluster
            .builds(None)
            .await
            .map_err(|err| Error::from(ClusterError::from(err)))
    };
    let rebuild = Rebuild {
        builds: or_interrupted(builds, cancel).await?,
        current: Current::new(context)?,
        cluster,
        args,
        context,
        cancel,
    };
    let images = if args.all {
        rebuild.results()
    } else {
        args.images.clone()
    };
    let mut failures: Vec<Error> = Vec::new();
    for image in &images {
        match Box::pin(rebuild.one(image)).await {
            Err(err) if images.len() == 1 || cancel.reason().is_some() => return Err(err),
            Err(err) => {
                context.warn(image.to_string(), &ErrorChain(&err).to_string());
                failures.push(err);
            }
            Ok(()) => {}
        }
    }
    match failures.first() {
        None => Ok(ExitCode::SUCCESS),
        Some(first) => Err(Error::from(ClusterError::Several {
            code: first.exit_code(),
            failed: failures.len(),
            all: images.len(),
        })),
    }
}

/// A command with what it needs for each image.
struct Rebuild<'a> {
    cluster: Cluster,
    /// The builds of the namespace, the newest first.
    builds: Vec<BuildInfo>,
    current: Current,
    args: &'a RebuildImages,
    context: &'a CommandContext<'a>,
    cancel: &'a CancelToken,
}

impl Rebuild<'_> {
    /// Returns the images of all builds that have succeeded, by name.
    fn results(&self) -> Vec<ImageRef> {
        let succeeded = self
            .builds
            .iter()
            .filter(|build| build.status == BuildStatus::Succeeded);
        let named = succeeded
            .filter_map(output)
            .map(|image| (image.normalised(), image));
        let images: BTreeMap<_, _> = named.collect();
        images.into_values().collect()
    }

    /// Returns the builds of an image, the newest first.
    fn builds_of(&self, image: &ImageRef) -> impl Iterator<Item = &BuildInfo> {
        let name = image.normalised();
        let is_of_image = move |build: &&BuildInfo| {
            output(build).is_some_and(|output| output.normalised() == name)
        };
        self.builds.iter().filter(is_of_image)
    }

    /// Builds an image again, if that is wanted.
    async fn one(&self, image: &ImageRef) -> Result<(), Error> {
        let mut builds = self.builds_of(image);
        let is_active =
            |build: &&BuildInfo| matches!(build.status, BuildStatus::Waiting | BuildStatus::Active);
        if let Some(active) = builds.find(is_active) {
            let text = format!("{image} is being built by {}\n", active.name);
            self.answer(image, "active", &text, &[]);
            return Ok(());
        }
        let look_up = async {
            let read = self.current.image(image).await?;
            let origin = Origin::read(image, &read.config.config.labels)?;
            let bases = self.current.compare(&origin.bases).await?;
            Ok::<_, Error>((origin, bases))
        };
        let (origin, bases) = or_interrupted(look_up, self.cancel).await?;
        let changed = has_changed(&bases);
        if self.args.if_base_changed && changed == Some(false) {
            let text = format!("{image} stands on the current {}\n", names(&bases, &origin));
            self.answer(image, "unchanged", &text, &bases);
            return Ok(());
        }
        if self.args.if_base_changed && changed.is_none() {
            return Err(ClusterError::UnknownBase(image.clone()).into());
        }
        let how = self.how(image, origin).await?;
        self.answer(image, "build", &changes(image, &bases), &bases);
        if self.args.dry_run {
            return Ok(());
        }
        match how {
            How::Repeat(name) => Box::pin(self.repeat(&name, &bases)).await,
            How::Build { build, words } => {
                let place = OnCluster {
                    context: self.args.place.context.clone(),
                };
                let building = build_on_cluster(&build, &place, &words, self.context, self.cancel);
                Box::pin(building).await.map(drop)
            }
        }
    }

    /// Returns the way in which an image is built again: as its last Job has, or by its labels.
    async fn how(&self, image: &ImageRef, origin: Origin) -> Result<How, Error> {
        let mut builds = self.builds_of(image);
        let last = builds.find(|build| build.status == BuildStatus::Succeeded);
        if let (Some(last), true) = (last, self.args.options.is_empty()) {
            let name = last.name.clone();
            let last = self.cluster.build(&name);
            let job = async { Ok::<_, Error>(last.job().await) };
            match or_interrupted(job, self.cancel).await? {
                Ok(job) if needs_source(&job) => return Err(origin.elsewhere().into()),
                Ok(_) => return Ok(How::Repeat(name)),
                // It has expired since the list was made.
                Err(err) if err.is_not_found() => {}
                Err(err) => return Err(ClusterError::from(err).into()),
            }
        }
        let (options, source) = origin.arguments()?;
        let words = self.words(options, &source, &named_by_tag(&origin.builder), image);
        let build = parse(&words, image)?;
        Ok(How::Build { build, words })
    }

    /// Returns the command line of a build. Labels are of any origin, so none of them can be an option of another name.
    fn words(
        &self,
        options: Vec<String>,
        source: &str,
        builder: &str,
        image: &ImageRef,
    ) -> Vec<OsString> {
        let place = &self.args.place;
        let on = match &place.context {
            Some(context) => format!("--on=cluster:{context}"),
            None => "--on=cluster".to_owned(),
        };
        let mut words = vec!["s2i".to_owned(), "build".to_owned(), on];
        words.extend(
            place
                .namespace
                .iter()
                .map(|name| format!("--namespace={name}")),
        );
        let wait = self.args.wait;
        words.extend(wait.map(|wait| format!("--wait={}s", wait.as_secs())));
        words.extend(self.args.detach.then(|| "--detach".to_owned()));
        words.extend((!self.context.global.tls_verify).then(|| "--tls-verify=false".to_owned()));
        words.extend(options);
        // Those of the user win.
        words.extend(self.args.options.iter().cloned());
        let names = ["--".to_owned(), source.to_owned(), builder.to_owned()];
        words.extend(names);
        words.push(image.to_string());
        words.into_iter().map(Into::into).collect()
    }

    /// Creates the Job of a build again, on the current images.
    async fn repeat(&self, name: &str, bases: &[Compared]) -> Result<(), Error> {
        let current: BTreeMap<_, _> = bases
            .iter()
            .map(|base| (base.base.name.normalised(), &base.current))
            .collect();
        let on_current = |text: &str| {
            let named: ImageRef = text.parse().ok()?;
            named.digest()?;
            let (name, tag) = (named.name(), named.tag()?);
            let digest = current.get(&format!("{}:{tag}", named.full_name()))?;
            Some(format!("{name}:{tag}@{digest}"))
        };
        let submitted = self.cluster.retry_on(name, &on_current).await;
        let submitted = submitted.map_err(ClusterError::from)?;
        let renderer = self.context.renderer();
        follow::announce(&submitted, &self.cluster, &renderer);
        let options = Run {
            patience: patience(self.args.wait),
            detach: self.args.detach,
            ..Run::default()
        };
        match follow::run(&submitted.build, options, &renderer, self.cancel).await {
            Err(Error::Cluster(ClusterError::Run(RunError::Detached(name)))) => {
                let object = json!({"event": "detached", "job": name});
                renderer.answer(&format!("{name}\n"), &object);
            }
            done => {
                let reference = follow::reference(&done?).unwrap_or_default();
                let reference = Printable::line(&reference).to_string();
                renderer.completed(&reference, self.context.host);
            }
        }
        Ok(())
    }

    fn answer(&self, image: &ImageRef, decision: &str, text: &str, bases: &[Compared]) {
        let object = json!({
            "event": "cluster-rebuild",
            "image": image.to_string(),
            "decision": decision,
            "bases": bases,
            "dry_run": self.args.dry_run,
        });
        self.context.renderer().answer(text, &object);
    }
}

/// A way to build an image again.
enum How {
    /// The Job of its last build, by its name.
    Repeat(String),
    /// A build of its labels and of the options of the user.
    Build {
        build: Box<Build>,
        words: Vec<OsString>,
    },
}

/// Returns the image that a build makes.
fn output(build: &BuildInfo) -> Option<ImageRef> {
    build.facts.output.as_ref()?.parse().ok()
}

/// Parses the command line of a build, whose last argument is the image.
pub(super) fn parse(words: &[OsString], image: &ImageRef) -> Result<Box<Build>, ClusterError> {
    let args = args::parse(words.iter().cloned()).map_err(|err| {
        let text = err.to_string();
        let line = text.lines().next().unwrap_or_default();
        ClusterError::Options(line.trim_start_matches("error: ").to_owned())
    })?;
    match args.command {
        // A name among the options would take the place of the source.
        Command::WithEngine(EngineCommand::Build(build))
            if build.name().as_ref() == Some(image) =>
        {
            Ok(build)
        }
        _ => Err(ClusterError::Options(
            "there is more than options; the source and the images are those of the labels".into(),
        )),
    }
}

/// Returns the names of the images that have not changed.
fn names(bases: &[Compared], origin: &Origin) -> String {
    if bases.is_empty() {
        return origin.builder.to_string();
    }
    let names = bases
        .iter()
        .map(|Compared { base, current, .. }| format!("{}@{current}", base.name));
    names.collect::<Vec<_>>().join(" and ")
}

/// Returns a line for each base that is or may be another one.
fn changes(image: &ImageRef, bases: &[Compared]) -> String {
    let mut text = String::new();
    for Compared {
        base,
        current,
        changed,
    } in bases
    {
        let name = &base.name;
        let _ = match (changed, &base.digest) {
            (Some(true), Some(old)) => {
                writeln!(
                    text,
                    "{image} stands on {name}@{old}, which is {current} now"
                )
            }
            _ => continue,
        };
    }
    if text.is_empty() {
        text = format!("{image} is built again\n");
    }
    text
}
