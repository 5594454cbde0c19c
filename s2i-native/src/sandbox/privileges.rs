//! The privileges of the processes of a container.

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
        clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
        set_no_new_privs,
    },
};
use s2i_core::{
    Account,
    wire::{Failure, OrFailure as _},
};

use super::{lifeline::Lifeline, scope, seccomp, spec::Network};

/// The capabilities that the agent needs to act for a user other than root: to own its files, to become the user,
/// to end processes of the user, and to clean up.
const AGENT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID);

/// The capabilities that Docker gives to root, without `MKNOD`.
const ROOT: CapabilitySet = AGENT
    .union(CapabilitySet::AUDIT_WRITE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SYS_CHROOT);

/// Returns the capabilities of the agent.
pub(super) fn of_agent(for_root: bool) -> CapabilitySet {
    if for_root { ROOT } else { AGENT }
}

/// Returns the capabilities of an image's own command.
pub(super) fn of_user(is_root: bool) -> CapabilitySet {
    if is_root {
        ROOT
    } else {
        CapabilitySet::empty()
    }
}

/// Returns the capabilities that would reach beyond this container: to all traffic on the host's network, and above
/// the container's root.
pub(super) fn withheld(network: Network, is_top: bool) -> CapabilitySet {
    let mut withheld = CapabilitySet::empty();
    withheld.set(CapabilitySet::NET_RAW, network == Network::Host);
    withheld.set(CapabilitySet::SYS_CHROOT, !is_top);
    withheld
}

/// Gives up all other capabilities, becomes the account, and applies Landlock and the seccomp filter, for this process
/// and its descendants. It can't be undone.
pub(super) fn confine(
    rights: CapabilitySet,
    account: Option<&Account>,
    lifeline: &Lifeline,
) -> Result<(), Failure> {
    let bound = bound(rights).or_failure("can't give up capabilities")?;
    clear_ambient_capability_set().or_failure("can't give up ambient capabilities")?;
    if let Some(account) = account {
        account.assume().or_failure(format_args!(
            "can't become user {}:{}",
            account.uid, account.gid
        ))?;
    }
    let sets = CapabilitySets {
        effective: bound,
        permitted: bound,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, sets).or_failure("can't give up capabilities")?;
    set_no_new_privs(true).or_failure("can't forbid new privileges")?;
    // The kernel dropped it with the change of the user.
    lifeline.hold()?;
    scope::confine()?;
    seccomp::confine(rights)
}

/// Removes all other capabilities from the bounding set, and returns those that this process has of them.
fn bound(rights: CapabilitySet) -> rustix::io::Result<CapabilitySet> {
    for bit in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        match capability_is_in_bounding_set(one) {
            Ok(true) if !rights.contains(one) => remove_capability_from_bounding_set(one)?,
            Ok(_) => {}
            // The kernel knows no more of them.
            Err(Errno::INVAL) => break,
            Err(err) => return Err(err),
        }
    }
    Ok(capabilities(None)?.permitted & rights)
}
