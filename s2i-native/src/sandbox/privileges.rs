//! What the processes of a container may do.

use rustix::{
    io::Errno,
    process::{Gid, Uid},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
        clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
        set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};
use s2i_core::Account;

use super::{
    fault::{Fault, OrFault as _},
    lifeline::Lifeline,
    scope, seccomp,
    spec::Network,
};
use crate::files::host_text;

/// What the agent needs to act for a user who is not root: to own what it makes, to become the user,
/// to end processes of the user, and to clean up after it.
const AGENT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID);

/// What Docker gives to root, without `MKNOD`.
const ROOT: CapabilitySet = AGENT
    .union(CapabilitySet::AUDIT_WRITE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SYS_CHROOT);

/// The capabilities of the agent.
pub(super) fn of_agent(for_root: bool) -> CapabilitySet {
    if for_root { ROOT } else { AGENT }
}

/// The capabilities of an image's own command.
pub(super) fn of_user(is_root: bool) -> CapabilitySet {
    if is_root {
        ROOT
    } else {
        CapabilitySet::empty()
    }
}

/// What nobody gets where it would reach beyond the container: everybody's traffic on the host's network, and
/// what lies above the container's root.
pub(super) fn withheld(network: Network, is_top: bool) -> CapabilitySet {
    let mut withheld = CapabilitySet::empty();
    withheld.set(CapabilitySet::NET_RAW, network == Network::Host);
    withheld.set(CapabilitySet::SYS_CHROOT, !is_top);
    withheld
}

/// Gives up everything but these capabilities and what Landlock and the seccomp filter let through, and becomes
/// the account. There is no way back, for this process and all that come from it.
pub(super) fn confine(
    rights: CapabilitySet,
    account: Option<&Account>,
    lifeline: &Lifeline,
) -> Result<(), Fault> {
    let bound = bound(rights).or_fault(|| "can't give up capabilities".into())?;
    clear_ambient_capability_set().or_fault(|| "can't give up ambient capabilities".into())?;
    if let Some(account) = account {
        become_it(account)
            .or_fault(|| format!("can't become user {}:{}", account.uid, account.gid))?;
    }
    let sets = CapabilitySets {
        effective: bound,
        permitted: bound,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, sets).or_fault(|| "can't give up capabilities".into())?;
    set_no_new_privs(true).or_fault(|| "can't forbid new privileges".into())?;
    // The kernel forgot about it with the change of the user.
    lifeline.hold()?;
    scope::confine()?;
    seccomp::confine(rights)
}

/// Leaves nothing else in the bounding set, and says what of it this process has.
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

fn become_it(account: &Account) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let groups: Vec<Gid> = account.groups.iter().copied().map(Gid::from_raw).collect();
    match set_thread_groups(&groups) {
        // Where a user namespace has a single number, no group can be given up, and there is nobody else.
        Err(Errno::PERM) if are_groups_fixed() => {}
        set => set?,
    }
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

fn are_groups_fixed() -> bool {
    host_text("/proc/self/setgroups").is_ok_and(|setting| setting.starts_with("deny"))
}
