//! The scope of a container: what its processes can reach outside of it where no namespace is in between.
//!
//! A container on the host's network shares its abstract Unix sockets: they have no file that a mount could
//! hide. Daemons of the host that listen on one often trust the user number of their peer, and root of a
//! container that root started has root's. Landlock keeps the container's processes from such sockets, and
//! from signals to other processes. What they make themselves works among them.

use landlock::{
    CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::fault::{Fault, OrFault as _};

/// Returns whether this kernel can do it (Linux 6.12, Landlock's ABI 6), and lets this process.
pub(crate) fn is_supported() -> bool {
    ruleset().is_ok()
}

/// Confines this process and all that come from it, where the kernel can. It needs `no_new_privs`.
pub(super) fn confine() -> Result<(), Fault> {
    // s2i warns of it, once for all containers of a build.
    let Ok(ruleset) = ruleset() else {
        return Ok(());
    };
    let what = || "can't keep the container from sockets of the host".to_owned();
    let created = ruleset.create().or_fault(what)?;
    let status = created.restrict_self().or_fault(what)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        _ => Err(Fault::new(format!(
            "{}: Landlock did not take effect",
            what()
        ))),
    }
}

fn ruleset() -> Result<Ruleset, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .scope(Scope::AbstractUnixSocket | Scope::Signal)
}
