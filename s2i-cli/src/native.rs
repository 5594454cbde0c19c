//! The embedded engine: the check that it can work here, and opening it.

use std::path::{Path, PathBuf};

use s2i_build::event::{Event, EventSink as _};
use s2i_core::{Diagnostic, ErrorChain};
use s2i_docker::Flavour;
use s2i_native::{
    NativeEngine, Options,
    userns::{self, Plan, Report},
};
use s2i_oci::{
    layer::Compression,
    registry::{self, Insecure, InsecureObserver, Insecurity},
};

use crate::{
    agents,
    context::CommandContext,
    credentials,
    error::Error,
    files,
    finding::{Finding, Unavailable},
    host::Host,
};

/// The usual directories of registry certificates.
const CERTIFICATES: [&str; 2] = ["/etc/docker/certs.d", "/etc/containers/certs.d"];

/// Checks that the embedded engine can work here. Takes as long as starting a container.
pub(crate) fn check(store: &Path) -> Result<(), Unavailable> {
    verdict(&userns::probe(store))
}

/// Returns the result of a report.
pub(crate) fn verdict(report: &Report) -> Result<(), Unavailable> {
    let trial = report.trial.as_ref();
    trial.map_err(|why| reasons(report, why)).copied()
}

/// Returns the causes of a failed trial; those that the user can fix come first.
fn reasons(report: &Report, why: &str) -> Unavailable {
    let missing = |text: &str, step| Finding::new(text, Some(step));
    let is_user = report.euid != 0;
    let mut reasons = Vec::new();
    if is_user && report.max_user_namespaces == Some(0) {
        reasons.push(missing(
            "this machine has no user namespaces (user.max_user_namespaces is 0)",
            "sudo sysctl -w user.max_user_namespaces=28633",
        ));
    }
    if is_user && report.unprivileged_userns_clone == Some(0) {
        reasons.push(missing(
            "user namespaces are for root (kernel.unprivileged_userns_clone is 0)",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ));
    }
    if is_user && report.apparmor_restricts_userns == Some(1) {
        reasons.push(missing(
            "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give s2i a profile with `userns,`",
        ));
    }
    if let Some(kind) = report.unsuited_store {
        reasons.push(missing(
            &format!("containers can't be on the {kind} that the store is on"),
            "name a directory on another file system with --store",
        ));
    }
    reasons.push(Finding::new(why, None));
    Unavailable(reasons)
}

/// Returns the restrictions of the engine on this machine.
pub(crate) fn drawbacks(report: &Report) -> Vec<Finding> {
    let mut drawbacks = Vec::new();
    if let Plan::Single { why } = &report.plan {
        let step = if report.newuidmap.is_none() || report.newgidmap.is_none() {
            "sudo apt-get install uidmap".to_owned()
        } else {
            let range = free_range(&["/etc/subuid", "/etc/subgid"].map(read));
            format!("sudo usermod --add-subuids {range} --add-subgids {range} \"$USER\"")
        };
        let text = format!("images with another user than root can't be used: {why}");
        drawbacks.push(Finding::new(text, Some(&step)));
    }
    if let Err(why) = &report.cgroup {
        let text = format!("no limits for memory, processes and processors: {why}");
        drawbacks.push(Finding::new(text, None));
    }
    if !report.has_seccomp {
        let text = "this kernel can't restrict system calls";
        drawbacks.push(Finding::new(text, None));
    }
    if !report.has_scopes {
        drawbacks.push(Finding::new(
            "this kernel has no Landlock that can keep containers from abstract sockets: on the network \
                   `host`, which is the default, they can reach daemons of this machine that listen on one",
            Some(
                "s2i build --network none …, or Linux 6.12 or later with `landlock` among the kernel's `lsm`",
            ),
        ));
    }
    drawbacks
}

fn read(table: &str) -> String {
    std::fs::read_to_string(table).unwrap_or_default()
}

/// Returns a range of 65,536 IDs that is free in these tables.
fn free_range(tables: &[String]) -> String {
    const COUNT: u64 = 65_536;
    const FIRST: u64 = 100_000;
    let end = |line: &str| {
        let mut numbers = line.split(':').skip(1).map(|number| number.trim().parse());
        let mut number = || -> Option<u64> { numbers.next()?.ok() };
        Some(number()? + number()?)
    };
    let ends = tables
        .iter()
        .flat_map(|table| table.lines().filter_map(end));
    let first = ends.max().unwrap_or_default().max(FIRST);
    format!("{first}-{}", first + COUNT - 1)
}

/// Makes an ordinary user's process root of a user namespace. Returns the restriction that containers have then.
/// Must be called before any thread starts.
pub(crate) fn enter(store: &Path) -> Result<Option<Diagnostic>, Error> {
    match userns::enter() {
        Ok(Plan::Single { why }) => Ok(Some(Diagnostic::new(
            "the embedded engine",
            format!("images with another user than root can't be used ({why}); see `s2i doctor`"),
        ))),
        Ok(_) => Ok(None),
        Err(err) => {
            let why = ErrorChain(&err).to_string();
            Err(Error::Native(reasons(&userns::probe(store), &why)))
        }
    }
}

/// Opens the engine.
pub(crate) fn open(
    store: PathBuf,
    compression: Option<Compression>,
    context: &CommandContext<'_>,
) -> Result<NativeEngine, Error> {
    let mut options = Options::new(store, agents::embedded());
    options.registry = registry(context)?;
    options.compression = compression.unwrap_or_default();
    options.limits = context.config.limits.get();
    Ok(NativeEngine::open(options)?)
}

/// Returns the directories in which rootless Docker and Podman look for registry certificates.
fn own_certificates(host: &Host) -> impl Iterator<Item = PathBuf> {
    let below = |dir: PathBuf| ["docker", "containers"].map(|name| dir.join(name).join("certs.d"));
    host.config_home.clone().into_iter().flat_map(below)
}

/// Returns the registry options, with the credentials and certificates of Docker and Podman. Insecure registries are
/// shown as warnings.
pub(crate) fn registry(context: &CommandContext<'_>) -> Result<registry::Options, Error> {
    let (own, host) = (&context.config.registry, context.host);
    let insecure = if context.global.tls_verify {
        Insecure::Named(own.insecure.0.clone())
    } else {
        Insecure::All
    };
    let renderer = context.renderer();
    let warn = move |registry: &str, insecurity| {
        let text = match insecurity {
            Insecurity::Unverified => "its certificate is not verified",
            Insecurity::Unencrypted => {
                "connections to it, with logins and images, are not encrypted"
            }
        };
        let subject = format!("the registry `{registry}`");
        renderer.event(Event::Warning(Diagnostic::new(subject, text)));
    };
    let extra_ca = own.trust_ca.as_deref().map(files::read);
    let usual = registry::Options::default();
    Ok(registry::Options {
        credentials: credentials::store(host, Flavour::Podman),
        certs_dirs: own
            .certificates
            .clone()
            .into_iter()
            .chain(own_certificates(host))
            .chain(CERTIFICATES.map(PathBuf::from))
            .collect(),
        extra_ca: extra_ca.transpose()?,
        insecure,
        observer: InsecureObserver::new(warn),
        mirrors: own.mirrors.clone(),
        parallel: own.parallel.map_or(usual.parallel, usize::from),
        ..usual
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_range_comes_after_all_others() {
        let tables = |uids: &str, gids: &str| [uids.to_owned(), gids.to_owned()];
        assert_eq!(free_range(&tables("", "broken\n")), "100000-165535");
        let tables = tables("me:100000:65536\n", "you:165536:65536\nme:100000:65536\n");
        assert_eq!(free_range(&tables), "231072-296607");
    }
}
