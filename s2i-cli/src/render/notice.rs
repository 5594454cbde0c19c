//! The sentences for notices.

use s2i_build::{
    notice::{CheckedOut, EntrypointFault, Notice},
    plan::{ChoiceReason, ResultReason},
    scripts::FetchedScript,
};
use s2i_core::ImageRef;

/// The most names that a sentence lists.
const SEVERAL: usize = 10;

/// Returns the sentence for a notice. It may contain names from sources, images and servers.
pub(super) fn sentence(notice: &Notice) -> String {
    match notice {
        Notice::SourceDirectory { location } => format!("source: the files in {location}"),
        Notice::SourceCheckout {
            location,
            commit,
            problem,
        } => checkout(location, commit.as_ref(), problem.as_deref()),
        Notice::SourceRepository {
            location,
            reference,
            objects,
        } => repository(location, reference, objects),
        Notice::SourceRemote {
            location,
            reference,
        } => format!("source: {reference} of {location}"),
        Notice::SubmodulesFetched { paths } => format!("source: submodules: {}", several(paths)),
        Notice::SubmodulesLeftOut { paths } => {
            format!("source: submodules that are left out: {}", several(paths))
        }
        Notice::DanglingLinks { paths } => {
            format!("source: links to nothing in it: {}", several(paths))
        }
        Notice::ScriptsFetched { url, scripts } => fetched(url, scripts),
        Notice::BuilderChosen { builder, reason } => chosen(builder, reason),
        Notice::NoPreviousImage { image } => {
            format!("a clean build: there is no image `{image}` yet")
        }
        Notice::NoSaveArtifacts { image } => {
            format!("a clean build: `{image}` has no label for its script save-artifacts")
        }
        Notice::VariablesWithheld { names } => format!(
            "assemble alone gets these variables, the image does not: {}",
            names.join(", ")
        ),
        Notice::EntrypointDropped {
            image,
            entrypoint,
            fault,
        } => dropped(image, entrypoint, *fault),
        Notice::Unchanged => "nothing has changed since this image was built".into(),
        Notice::RunsAsRoot {
            script,
            is_optional,
            user,
        } => {
            let condition = if *is_optional {
                ", if the image has it,"
            } else {
                ""
            };
            format!("{script}{condition} runs as root of its container: {user}")
        }
        Notice::Pulling { image } => format!("pulling {image}"),
        Notice::Pushing { image } => format!("pushing {image}"),
        Notice::EmbeddedEngine { reason } => format!("using the embedded engine: {reason}"),
        Notice::BuildsHere { image, id } => {
            format!("building in this container, on the image `{image}` ({id})")
        }
        Notice::BuildsInCluster { job, namespace } => {
            format!("building in the cluster, as the job `{job}` of the namespace `{namespace}`")
        }
        Notice::ClusterWaits { reason } => reason.clone(),
        Notice::PodCreated { pod, attempt: 1 } => format!("the pod is `{pod}`"),
        Notice::PodCreated { pod, attempt } => format!("the pod of try {attempt} is `{pod}`"),
        Notice::StepStarted { step } => format!("step {step}"),
        Notice::SourceUploaded { bytes } => {
            format!("the source was received: {}", super::size(*bytes))
        }
        Notice::StepEnded {
            step,
            seconds,
            code,
        } => step_ended(step, *seconds, *code),
        Notice::Loading { engine, endpoint } => format!("loading it into {engine} at {endpoint}"),
        Notice::NoLogin { registry } => format!("there was no login for `{registry}`"),
    }
}

fn step_ended(step: &str, seconds: Option<u64>, code: i32) -> String {
    match (code, seconds) {
        (0, Some(seconds)) => format!("step {step} took {seconds} s"),
        (0, None) => format!("step {step} ended"),
        (_, Some(seconds)) => format!("step {step} ended with {code} after {seconds} s"),
        (_, None) => format!("step {step} ended with {code}"),
    }
}

/// Returns a list of names that is short enough for a line.
fn several(names: &[String]) -> String {
    match names.split_at_checked(SEVERAL) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", first.join(", "), rest.len())
        }
        _ => names.join(", "),
    }
}

fn checkout(location: &str, commit: Option<&CheckedOut>, problem: Option<&str>) -> String {
    let problem = problem.map(|problem| format!("; {problem}"));
    let problem = problem.unwrap_or_default();
    let Some(commit) = commit else {
        return format!("source: the files in {location}, without a commit{problem}");
    };
    let id = commit.id.get(..12).unwrap_or(&commit.id);
    let origin = match commit.platform {
        Some(platform) => format!("by the variables of {platform}"),
        None => "by its repository, read without `git`".into(),
    };
    let reference = &commit.reference;
    format!("source: the files in {location}, commit {id} of {reference} {origin}{problem}")
}

fn repository(location: &str, reference: &str, objects: &[String]) -> String {
    let objects = match objects {
        [] => String::new(),
        objects => format!(", which takes objects from {}", objects.join(", ")),
    };
    format!(
        "source: {reference} of the Git repository {location}{objects}; uncommitted changes are not built (--copy builds them)"
    )
}

fn dropped(image: &ImageRef, entrypoint: &[String], fault: EntrypointFault) -> String {
    let fault = match fault {
        EntrypointFault::IgnoresArguments => "it does not run its arguments",
        EntrypointFault::NoEnd => "it did not end with the program `true` as its argument",
        EntrypointFault::NoProgram => "the image has no program `true` to try it with",
    };
    let entrypoint = entrypoint.join(" ");
    format!("warning: the result has no ENTRYPOINT; `{image}` has `{entrypoint}`, and {fault}")
}

fn fetched(url: &str, scripts: &[FetchedScript]) -> String {
    if scripts.is_empty() {
        return format!("there are no scripts at {url}");
    }
    let scripts: Vec<_> = scripts
        .iter()
        .map(|FetchedScript { script, digest }| format!("{script} ({digest})"))
        .collect();
    format!("scripts of {url}: {}", scripts.join(", "))
}

fn chosen(builder: &ImageRef, reason: &ChoiceReason) -> String {
    match reason {
        ChoiceReason::Named => format!("builder {builder}: it was asked for"),
        ChoiceReason::OnlyImage => {
            format!("builder {builder}: the engine has this builder image; the result gets no name")
        }
        ChoiceReason::PublishedImage => format!(
            "builder {builder}: the engine has no image of this name, which is one of a registry; the result gets no name"
        ),
        ChoiceReason::Detected {
            source,
            result: None,
        } => format!("builder {builder}: {source}"),
        ChoiceReason::Detected {
            source,
            result: Some(result),
        } => {
            let reason = match result.reason {
                ResultReason::NoSuchImage => "the engine has no such image",
                ResultReason::MadeByS2i => "that image was made by s2i",
            };
            let name = &result.name;
            format!("builder {builder}: {source}; {name} is the name of the result: {reason}")
        }
    }
}

#[cfg(test)]
mod tests {
    use s2i_build::plan::{ResultName, SourceEvidence, UserOrigin, UserReason};
    use s2i_core::Script;

    use super::*;

    fn image() -> ImageRef {
        "s2i/go".parse().unwrap()
    }

    fn detected(others: &[&str], result: Option<ResultReason>) -> Notice {
        let reason = ChoiceReason::Detected {
            source: SourceEvidence {
                file: "a go.mod".into(),
                others: others.iter().map(ToString::to_string).collect(),
            },
            result: result.map(|reason| ResultName {
                name: "app".parse().unwrap(),
                reason,
            }),
        };
        Notice::BuilderChosen {
            builder: image(),
            reason,
        }
    }

    fn root(is_optional: bool, user: &str, origin: UserOrigin) -> Notice {
        Notice::RunsAsRoot {
            script: Script::Assemble.into(),
            is_optional,
            user: UserReason {
                image: image(),
                user: user.into(),
                origin,
            },
        }
    }

    fn text(notices: &[Notice]) -> String {
        let lines: Vec<_> = notices.iter().map(sentence).collect();
        lines.join("\n")
    }

    #[test]
    fn notices_of_sources_and_choices_have_sentences() {
        let repository = |objects: &[&str]| Notice::SourceRepository {
            location: "app".into(),
            reference: "HEAD".into(),
            objects: objects.iter().map(ToString::to_string).collect(),
        };
        let fetched = |scripts: &[Script]| Notice::ScriptsFetched {
            url: "https://example.org/s2i".into(),
            scripts: scripts
                .iter()
                .map(|script| FetchedScript {
                    script: *script,
                    digest: "sha256:1".into(),
                })
                .collect(),
        };
        let checkout = |commit, problem: Option<&str>| Notice::SourceCheckout {
            location: "app".into(),
            commit,
            problem: problem.map(Into::into),
        };
        let commit = |platform| CheckedOut {
            id: "0123456789abcdef".into(),
            reference: "main".into(),
            platform,
        };
        let notices = [
            Notice::SourceDirectory {
                location: "app".into(),
            },
            checkout(Some(commit(None)), None),
            checkout(Some(commit(Some("GitLab"))), None),
            checkout(Some(commit(Some("GitLab"))), Some("there is no `HEAD`")),
            checkout(None, Some("there is no `HEAD`")),
            repository(&[]),
            repository(&["/other/.git"]),
            fetched(&[]),
            fetched(&[Script::Assemble, Script::Run]),
            Notice::SourceRemote {
                location: "https://example.org/app".into(),
                reference: "v1".into(),
            },
            Notice::SubmodulesFetched {
                paths: (0..12).map(|number| format!("lib{number}")).collect(),
            },
            Notice::SubmodulesLeftOut {
                paths: vec!["vendor/lib".into()],
            },
            Notice::DanglingLinks {
                paths: vec!["current".into()],
            },
            Notice::BuilderChosen {
                builder: image(),
                reason: ChoiceReason::OnlyImage,
            },
            detected(&[], None),
            detected(
                &["a package.json", "an index.html"],
                Some(ResultReason::NoSuchImage),
            ),
            detected(&[], Some(ResultReason::MadeByS2i)),
        ];
        insta::assert_snapshot!(text(&notices), @"
        source: the files in app
        source: the files in app, commit 0123456789ab of main by its repository, read without `git`
        source: the files in app, commit 0123456789ab of main by the variables of GitLab
        source: the files in app, commit 0123456789ab of main by the variables of GitLab; there is no `HEAD`
        source: the files in app, without a commit; there is no `HEAD`
        source: HEAD of the Git repository app; uncommitted changes are not built (--copy builds them)
        source: HEAD of the Git repository app, which takes objects from /other/.git; uncommitted changes are not built (--copy builds them)
        there are no scripts at https://example.org/s2i
        scripts of https://example.org/s2i: assemble (sha256:1), run (sha256:1)
        source: v1 of https://example.org/app
        source: submodules: lib0, lib1, lib2, lib3, lib4, lib5, lib6, lib7, lib8, lib9 and 2 more
        source: submodules that are left out: vendor/lib
        source: links to nothing in it: current
        builder s2i/go: the engine has this builder image; the result gets no name
        builder s2i/go: the source has a go.mod
        builder s2i/go: the source has a go.mod, which comes before a package.json and an index.html; app is the name of the result: the engine has no such image
        builder s2i/go: the source has a go.mod; app is the name of the result: that image was made by s2i
        ");
    }

    #[test]
    fn notices_of_builds_and_transfers_have_sentences() {
        let notices = [
            Notice::NoPreviousImage { image: image() },
            Notice::NoSaveArtifacts { image: image() },
            Notice::VariablesWithheld {
                names: vec!["A".into(), "B".into()],
            },
            Notice::EntrypointDropped {
                image: image(),
                entrypoint: vec!["/bin/echo".into(), "-n".into()],
                fault: EntrypointFault::IgnoresArguments,
            },
            Notice::Unchanged,
            root(false, "", UserOrigin::Image),
            root(true, "toor", UserOrigin::Option("--assemble-user".into())),
            Notice::Pulling { image: image() },
            Notice::Pushing { image: image() },
            Notice::EmbeddedEngine {
                reason: "neither Docker nor Podman listens".into(),
            },
            Notice::BuildsHere {
                image: image(),
                id: "sha256:1f".into(),
            },
            Notice::Loading {
                engine: "Docker".into(),
                endpoint: "unix:///x.sock".into(),
            },
            Notice::NoLogin {
                registry: "registry.test".into(),
            },
        ];
        insta::assert_snapshot!(text(&notices), @r#"
        a clean build: there is no image `s2i/go` yet
        a clean build: `s2i/go` has no label for its script save-artifacts
        assemble alone gets these variables, the image does not: A, B
        warning: the result has no ENTRYPOINT; `s2i/go` has `/bin/echo -n`, and it does not run its arguments
        nothing has changed since this image was built
        assemble runs as root of its container: the image `s2i/go` has no USER
        assemble, if the image has it, runs as root of its container: --assemble-user is `toor`, by its table of users
        pulling s2i/go
        pushing s2i/go
        using the embedded engine: neither Docker nor Podman listens
        building in this container, on the image `s2i/go` (sha256:1f)
        loading it into Docker at unix:///x.sock
        there was no login for `registry.test`
        "#);
    }

    #[test]
    fn notices_of_builds_in_a_cluster_have_sentences() {
        let notices = [
            Notice::BuildsInCluster {
                job: "shop-x1y2z".into(),
                namespace: "builds".into(),
            },
            Notice::ClusterWaits {
                reason: "waiting for an image".into(),
            },
            Notice::PodCreated {
                pod: "shop-x1y2z-abcde".into(),
                attempt: 1,
            },
            Notice::PodCreated {
                pod: "shop-x1y2z-fghij".into(),
                attempt: 2,
            },
            Notice::StepStarted {
                step: "assemble".into(),
            },
            Notice::SourceUploaded { bytes: 1_200_000 },
            Notice::StepEnded {
                step: "assemble".into(),
                seconds: Some(4),
                code: 0,
            },
            Notice::StepEnded {
                step: "assemble".into(),
                seconds: None,
                code: 4,
            },
        ];
        insta::assert_snapshot!(text(&notices), @"
        building in the cluster, as the job `shop-x1y2z` of the namespace `builds`
        waiting for an image
        the pod is `shop-x1y2z-abcde`
        the pod of try 2 is `shop-x1y2z-fghij`
        step assemble
        the source was received: 1.20 MB
        step assemble took 4 s
        step assemble ended with 4
        ");
    }
}
