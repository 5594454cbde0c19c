//! The key of a build: equal for two builds only if their results are.

use s2i_core::{Secret, image::Hasher, secret};
use serde_json::{Value, json};

use super::{
    BuildPlan, ConfigChanges, Copy, CopySource, ImageInput, ImageInputs, Inject, Inputs, Output,
    Run, ScriptsInput, SecretInput, SourceInput, Stage, Step, TrustInput, User,
};
use crate::request::ContainerOptions;

/// The version of the execution of plans: it changes the key when the same plan gives another result.
const VERSION: &str = concat!("s2i ", env!("CARGO_PKG_VERSION"), " plan 4");

impl BuildPlan {
    /// Returns the key that an engine stores the result under: a digest of everything in the plan that decides about
    /// the result, and of the addresses in secrets.
    ///
    /// There is no key for a build that uses artifacts of the previous one or makes a second image for the next one,
    /// because these change every time, for one with
    /// mounts of the host, whose files may have changed, or where the fingerprint of the source is not known.
    #[must_use]
    pub fn key(&self, secrets: &[Secret]) -> Option<String> {
        let is_cache = |step: &Step| match step {
            Step::Copy(copy) => copy.from == CopySource::Cache,
            Step::Save(_) => true,
            Step::Inject(_) | Step::Run(_) => false,
        };
        let uses_artifacts = self
            .stages
            .iter()
            .any(|stage| stage.saved().is_some() || stage.steps.iter().any(is_cache));
        let uses_host = self
            .stages
            .iter()
            .any(|stage| !stage.options.mounts.is_empty());
        if uses_artifacts || uses_host || self.outputs.len() > 1 {
            return None;
        }
        let fingerprint = self.inputs.source.fingerprint.as_ref()?;
        let mut hash = Hasher::default();
        hash.update(VERSION);
        hash.update(deciding(self, fingerprint).to_string());
        for secret in secrets {
            let addresses = addresses(secret);
            hash.update(addresses.len().to_le_bytes());
            hash.update(addresses);
        }
        Some(hash.finish().hex())
    }
}

// Each function below takes its type apart by name, so a new field needs a decision here.

fn deciding(plan: &BuildPlan, fingerprint: &str) -> Value {
    let BuildPlan {
        version,
        inputs:
            Inputs {
                images,
                // By its fingerprint: two sources with the same files give the same result.
                source:
                    SourceInput {
                        origin: _,
                        context_dir: _,
                        filter: _,
                        fingerprint: _,
                    },
                scripts,
                secrets,
                trust,
            },
        times,
        stages,
        outputs,
    } = plan;
    let ImageInputs {
        builder,
        runtime,
        previous,
    } = images;
    let images = [Some(builder), runtime.as_ref(), previous.as_ref()];
    let secrets: Vec<_> = secrets.iter().map(|SecretInput { id }| id).collect();
    let trust = trust.as_ref().map(|TrustInput { digest }| digest);
    let scripts: Vec<_> = scripts
        .iter()
        .map(|ScriptsInput { url, files }| (url, files))
        .collect();
    json!([
        version,
        scripts,
        images.map(|image| image.map(deciding_image)),
        fingerprint,
        secrets,
        trust,
        times,
        stages.iter().map(deciding_stage).collect::<Vec<_>>(),
        outputs.iter().map(deciding_output).collect::<Vec<_>>(),
    ])
}

fn deciding_image(image: &ImageInput) -> Value {
    let ImageInput {
        // The ID identifies the image. Where its name matters, the labels of the result have it.
        reference: _,
        digest: _,
        id,
        platform,
        config,
    } = image;
    json!([id, platform, config])
}

fn deciding_stage(stage: &Stage) -> Value {
    let Stage {
        name,
        from,
        user: User {
            name: user,
            origin,
            allowed,
        },
        network,
        limits,
        options:
            ContainerOptions {
                mounts: _,
                hosts,
                without_capabilities,
                security,
            },
        steps,
        on_failure,
    } = stage;
    let steps: Vec<_> = steps.iter().map(deciding_step).collect();
    json!([
        name,
        from,
        user,
        origin,
        allowed,
        network,
        limits,
        hosts,
        without_capabilities,
        security,
        steps,
        on_failure
    ])
}

fn deciding_step(step: &Step) -> Value {
    match step {
        Step::Copy(Copy { from, into, owner }) => match from {
            CopySource::Source
            | CopySource::Paths(_)
            | CopySource::Scripts(_)
            | CopySource::Fetched(_)
            | CopySource::Trust
            | CopySource::Stdout(_)
            | CopySource::Cache
            | CopySource::Stage(_) => json!([from, into, owner]),
        },
        Step::Inject(Inject {
            // The digest identifies the files.
            source: _,
            files: _,
            digest,
            into,
            name,
        }) => json!(["inject", digest, into, name]),
        Step::Run(run) => deciding_run(run),
        Step::Save(run) => json!(["save", deciding_run(run)]),
    }
}

fn deciding_run(run: &Run) -> Value {
    let Run {
        script,
        argv,
        env,
        secrets,
        cwd,
        user,
        optional,
    } = run;
    json!([script, argv, env, secrets, cwd, user, optional])
}

fn deciding_output(output: &Output) -> Value {
    let Output {
        stage,
        remove,
        require,
        labels_file,
        config:
            ConfigChanges {
                env,
                labels,
                entrypoint,
                cmd,
                after_triggers,
            },
        // An image from the cache can get any name.
        name: _,
        other_names: _,
        on_naming_failure: _,
        replaces: _,
    } = output;
    json!([
        stage,
        remove,
        require,
        labels_file,
        env,
        labels,
        entrypoint,
        cmd,
        after_triggers
    ])
}

/// Returns the part of a secret that decides about the result: the addresses of servers, without the logins in them. A
/// login alone is not a reason to build again, because many logins are issued for a single build.
fn addresses(secret: &Secret) -> String {
    let value = secret.reveal().value();
    if !value.contains("://") {
        return String::new();
    }
    secret::credentials(value).fold(value.to_owned(), |addresses, login| {
        addresses.replace(&format!("{login}@"), "@")
    })
}
