//! The containers of a build's pod.

use k8s_openapi::api::core::v1::{Capabilities, Container, EnvVar, SecurityContext};
use s2i_core::pod::{COPIED_PROGRAM, GIT_DIR, OWN_PROGRAM};

use super::{BuildJob, JobError, PodUser, Resources, Source, Step, volumes};

/// Returns the container of a step.
pub(crate) fn container(build: &BuildJob, step: Step) -> Result<Container, JobError> {
    let receives = step == Step::Prepare && build.source == Source::Upload;
    let resources = if step.is_agent() {
        Resources::of_agent().object()?
    } else {
        build.resources.object()?
    };
    Ok(Container {
        name: step.container().to_owned(),
        image: Some(image(build, step)?),
        command: Some(vec![program(step).to_owned()]),
        args: Some(args(build, step)),
        env: env(build, step),
        resources: Some(resources),
        security_context: Some(security_context(build, step)?),
        // The step waits for its input until a client is there, and reads it once.
        stdin: receives.then_some(true),
        stdin_once: receives.then_some(true),
        // A step that could not write its own message is explained by the end of its log.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(volumes::mounts(build, step)),
        ..Container::default()
    })
}

/// Returns the path of s2i in the container of a step. The entrypoints of images are not used: those of builders are for
/// applications, and our own image is one for shells too.
fn program(step: Step) -> &'static str {
    if step.is_agent() {
        OWN_PROGRAM
    } else {
        COPIED_PROGRAM
    }
}

fn image(build: &BuildJob, step: Step) -> Result<String, JobError> {
    let image = match step {
        Step::Prepare | Step::Push => &build.agent,
        Step::Assemble => &build.builder,
        Step::AssembleRuntime => build.runtime.as_ref().unwrap_or(&build.builder),
    };
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if image.is_empty() || image.contains(odd) {
        return Err(JobError::Image {
            container: step.container(),
            image: image.clone(),
        });
    }
    Ok(image.clone())
}

fn args(build: &BuildJob, step: Step) -> Vec<String> {
    let mut args = vec!["pod".to_owned(), step.container().to_owned()];
    if step == Step::Prepare {
        let receive = (build.source == Source::Upload).then(|| "--receive".to_owned());
        args.extend(receive);
        args.extend(build.runtime.as_ref().map(|_| "--with-runtime".to_owned()));
        args.push("--".to_owned());
        args.extend(build.args.iter().map(|arg| literal(arg)));
    }
    args
}

/// Returns an argument that Kubernetes leaves as it is: it would replace `$(NAME)` by a variable, and makes `$$` a
/// single dollar sign.
pub(crate) fn literal(arg: &str) -> String {
    arg.replace('$', "$$")
}

fn env(build: &BuildJob, step: Step) -> Option<Vec<EnvVar>> {
    if !step.is_agent() {
        return None;
    }
    let logins = build.secrets.has_logins(step).then(volumes::docker_config);
    // The image is read-only, so temporary files go into the volume.
    let temporary = volumes::temporary();
    let clones = step == Step::Prepare && build.secrets.git.is_some();
    let git = clones.then(git_login).into_iter().flatten();
    Some(logins.into_iter().chain([temporary]).chain(git).collect())
}

/// Returns the variables that let Git log in with the files of the Secret. Our image has the program that answers its
/// questions.
fn git_login() -> [EnvVar; 3] {
    let dir = GIT_DIR;
    let ssh = format!(
        "ssh -i {dir}/ssh-privatekey -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={dir}/known_hosts"
    );
    [
        variable("GIT_ASKPASS", OWN_PROGRAM.to_owned()),
        variable("S2I_ASKPASS_DIR", dir.to_owned()),
        variable("GIT_SSH_COMMAND", ssh),
    ]
}

fn variable(name: &str, value: String) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    }
}

fn security_context(build: &BuildJob, step: Step) -> Result<SecurityContext, JobError> {
    let user = build
        .runtime_user
        .filter(|user| step == Step::AssembleRuntime && *user != build.user);
    let user = user.map(PodUser::checked).transpose()?;
    Ok(SecurityContext {
        run_as_user: match user {
            Some(PodUser::Id(id)) => Some(id.into()),
            Some(PodUser::Assigned) | None => None,
        },
        // Scripts write into their image: that is the result.
        read_only_root_filesystem: step.is_agent().then_some(true),
        ..restricted()
    })
}

/// Returns what the Pod Security level `restricted` wants of a container.
pub(crate) fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        ..SecurityContext::default()
    }
}
