//! The volumes of a build's pod, and which step sees what.
//!
//! All but the account is below one directory that no image has: a volume over a file of an image would keep it from
//! starting.

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, DownwardAPIVolumeSource, EmptyDirVolumeSource, EnvVar, KeyToPath,
    ObjectFieldSelector, PersistentVolumeClaimVolumeSource, SecretVolumeSource, Volume,
    VolumeMount,
};
use s2i_core::pod::{
    CACHE_DIR, GIT_DIR, IN_DIR, OUT_DIR, REGISTRY_DIR, REGISTRY_PULL_DIR, SECRETS_DIR, TEMP_DIR,
};

use super::{BuildJob, JobError, PodUser, REGISTRY_SECRET_KEY, Step, metadata, names};

/// The mode of a secret's files: group 0 reads them, and all steps have that group.
const SECRET_MODE: i32 = 0o440;

const SHARED: &str = "s2i";
const REGISTRY: &str = "registry";
const REGISTRY_PULL: &str = "registry-pull";
const GIT: &str = "git";
const CACHE: &str = "cache";
const ACCOUNT: &str = "account";

/// The file with the accounts of a system, in which OpenSSH looks up the user that it runs as.
const ACCOUNTS: &str = "/etc/passwd";

/// Returns the volumes of the pod.
pub(crate) fn volumes(build: &BuildJob) -> Result<Vec<Volume>, JobError> {
    let secrets = &build.secrets;
    let shared = Volume {
        name: SHARED.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(build.size_limit.object()),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    };
    let mut volumes = vec![shared];
    // One Secret for both is one volume.
    volumes.extend(secrets.first_logins().map(|name| logins(REGISTRY, name)));
    volumes.extend(
        secrets
            .second_logins()
            .map(|name| logins(REGISTRY_PULL, name)),
    );
    volumes.extend(secrets.git.as_deref().map(|name| secret(GIT, name, None)));
    volumes.extend(account(build).map(|_| account_volume()));
    let build_secrets = secrets.build.iter().enumerate();
    volumes.extend(build_secrets.map(|(i, name)| secret(&numbered(i), name, None)));
    if let Some(claim) = &build.cache {
        names::check_object("a claim", claim)?;
        volumes.push(Volume {
            name: CACHE.to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim.clone(),
                ..PersistentVolumeClaimVolumeSource::default()
            }),
            ..Volume::default()
        });
    }
    Ok(volumes)
}

/// Returns what the step sees of them.
pub(crate) fn mounts(build: &BuildJob, step: Step) -> Vec<VolumeMount> {
    let secrets = &build.secrets;
    let mut mounts = vec![shared("in", IN_DIR, step != Step::Prepare)];
    match step {
        Step::Prepare => {
            mounts.push(shared("tmp", TEMP_DIR, false));
            mounts.extend(
                secrets
                    .first_logins()
                    .map(|_| mount(REGISTRY, REGISTRY_DIR, true)),
            );
            mounts.extend(
                secrets
                    .second_logins()
                    .map(|_| mount(REGISTRY_PULL, REGISTRY_PULL_DIR, true)),
            );
            mounts.extend(secrets.git.as_ref().map(|_| mount(GIT, GIT_DIR, true)));
            mounts.extend(account(build).map(|_| VolumeMount {
                sub_path: Some(ACCOUNT.to_owned()),
                ..mount(ACCOUNT, ACCOUNTS, true)
            }));
            mounts.extend(build.cache.as_ref().map(|_| mount(CACHE, CACHE_DIR, false)));
        }
        Step::Assemble => {
            mounts.push(shared("out", OUT_DIR, false));
            let build_secrets = secrets.build.iter().enumerate();
            mounts.extend(
                build_secrets
                    .map(|(i, name)| mount(&numbered(i), &format!("{SECRETS_DIR}/{name}"), true)),
            );
            mounts.extend(build.cache.as_ref().map(|_| mount(CACHE, CACHE_DIR, false)));
        }
        Step::AssembleRuntime => mounts.push(shared("out", OUT_DIR, false)),
        Step::Push => {
            mounts.push(shared("out", OUT_DIR, true));
            mounts.push(shared("tmp", TEMP_DIR, false));
            mounts.extend(
                secrets
                    .push
                    .as_ref()
                    .map(|_| mount(REGISTRY, REGISTRY_DIR, true)),
            );
        }
    }
    mounts
}

/// Returns the account of the pod's user, for a pod that may log in by SSH. A platform that assigns the user adds an
/// account itself.
pub(crate) fn account(build: &BuildJob) -> Option<String> {
    let PodUser::Id(id) = build.user else {
        return None;
    };
    build.secrets.git.as_ref()?;
    Some(format!("s2i:x:{id}:0:s2i:{TEMP_DIR}:/bin/sh\n"))
}

/// Returns the volume with the account, which comes from an annotation of the pod: so it needs no object of its own.
fn account_volume() -> Volume {
    let item = DownwardAPIVolumeFile {
        path: ACCOUNT.to_owned(),
        field_ref: Some(ObjectFieldSelector {
            field_path: format!("metadata.annotations['{}']", metadata::ACCOUNT_ANNOTATION),
            ..ObjectFieldSelector::default()
        }),
        ..DownwardAPIVolumeFile::default()
    };
    Volume {
        name: ACCOUNT.to_owned(),
        downward_api: Some(DownwardAPIVolumeSource {
            items: Some(vec![item]),
            ..DownwardAPIVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Returns the volume with the logins to look images up, for a pod that is no build.
pub(crate) fn pull_logins(name: &str) -> Volume {
    logins(REGISTRY, name)
}

/// Returns the mount of the logins.
pub(crate) fn logins_mount() -> VolumeMount {
    mount(REGISTRY, REGISTRY_DIR, true)
}

/// Returns the variable with the directory of the logins, for programs that look for Docker's configuration.
pub(crate) fn docker_config() -> EnvVar {
    EnvVar {
        name: "DOCKER_CONFIG".to_owned(),
        value: Some(REGISTRY_DIR.to_owned()),
        value_from: None,
    }
}

/// Returns the variable with the directory for temporary files, for a program whose image is read-only.
pub(crate) fn temporary() -> EnvVar {
    EnvVar {
        name: "TMPDIR".to_owned(),
        value: Some(TEMP_DIR.to_owned()),
        value_from: None,
    }
}

/// Returns the mount of a volume for temporary files, for a pod that is no build.
pub(crate) fn temporary_mount(volume: &str) -> VolumeMount {
    mount(volume, TEMP_DIR, false)
}

fn shared(part: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        sub_path: Some(part.to_owned()),
        ..mount(SHARED, path, read_only)
    }
}

fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

fn logins(volume: &str, name: &str) -> Volume {
    let item = KeyToPath {
        key: REGISTRY_SECRET_KEY.to_owned(),
        path: "config.json".to_owned(),
        mode: None,
    };
    secret(volume, name, Some(vec![item]))
}

fn secret(volume: &str, name: &str, items: Option<Vec<KeyToPath>>) -> Volume {
    Volume {
        name: volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(name.to_owned()),
            default_mode: Some(SECRET_MODE),
            items,
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Returns the name of a build secret's volume: names of Secrets may be too long for one.
fn numbered(index: usize) -> String {
    format!("secret-{index}")
}
