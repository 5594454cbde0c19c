//! The scope of a container: what its processes can reach outside of it where no namespace is in between.
//!
//! A container on the host's network shares its abstract Unix sockets: they have no file that a mount could
//! hide. Daemons of the host that listen on one often trust the user number of their peer, and root of a
//! container that root started has root's. Landlock keeps the container's processes from such sockets, and
//! from signals to other processes. What they make themselves works among them.

use landlock::{
    CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};

use s2i_core::wire::{Failure, OrFailure as _};

/// Returns whether this kernel (Linux 6.12, Landlock's ABI 6) can confine this process.
pub(crate) fn is_supported() -> bool {
    ruleset().is_ok()
}

/// Confines this process and its descendants, where the kernel can. It needs `no_new_privs`.
pub(super) fn confine() -> Result<(), Failure> {
    // s2i warns of it, once for all containers of a build.
    let Ok(ruleset) = ruleset() else {
        return Ok(());
    };
    let operation = "can't keep the container from sockets of the host";
    let created = ruleset.create().or_failure(operation)?;
    let status = created.restrict_self().or_failure(operation)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        _ => Err(Failure::os(format!(
            "{operation}: Landlock did not take effect"
        ))),
    }
}

fn ruleset() -> Result<Ruleset, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .scope(Scope::AbstractUnixSocket | Scope::Signal)
}
