//! The filter of system calls.

mod calls;

use std::collections::BTreeMap;

use linux_raw_sys::general::{__NR_chroot, __NR_clone, __NR_clone3, __NR_personality, __NR_socket};
use rustix::{io::Errno, thread::CapabilitySet};
use s2i_core::wire::{Failure, OrFailure as _};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

/// Restricts the system calls of this process and its descendants.
pub(super) fn confine(rights: CapabilitySet) -> Result<(), Failure> {
    let operation = "can't restrict system calls";
    let allowed = allowed(rights).or_failure(operation)?;
    apply_filter(&allowed).or_failure(operation)?;
    // Where both refuse a call, the error of the later one counts.
    apply_filter(&unknown()).or_failure(operation)
}

/// Refuses what is not let through as something that may not be done. Programs of another architecture, such
/// as those of 32 bits, are ended.
fn allowed(rights: CapabilitySet) -> Result<BpfProgram, seccompiler::Error> {
    let always = calls::ALLOWED.iter().chain(calls::ALLOWED_HERE);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        always.map(|call| (i64::from(*call), Vec::new())).collect();
    let mut add = |call: u32, rule| rules.insert(i64::from(call), rule);
    add(__NR_socket, one_of(calls::FAMILIES)?);
    add(__NR_personality, one_of(calls::PERSONALITIES)?);
    add(__NR_clone, no_namespaces()?);
    if rights.contains(CapabilitySet::SYS_CHROOT) {
        add(__NR_chroot, Vec::new());
    }
    let refused = SeccompAction::Errno(Errno::PERM.raw_os_error().cast_unsigned());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?;
    Ok(BpfProgram::try_from(filter)?)
}

/// Returns the rules that the first argument is one of these values. The kernel, too, looks at its lower half alone.
fn one_of(values: &[u64]) -> Result<Vec<SeccompRule>, seccompiler::Error> {
    let rule = |value: &u64| {
        let equal = SeccompCmpOp::Eq;
        let is = SeccompCondition::new(0, SeccompCmpArgLen::Dword, equal, *value)?;
        Ok(SeccompRule::new(vec![is])?)
    };
    values.iter().map(rule).collect()
}

fn no_namespaces() -> Result<Vec<SeccompRule>, seccompiler::Error> {
    let masked = SeccompCmpOp::MaskedEq(calls::NAMESPACES);
    let none = SeccompCondition::new(0, SeccompCmpArgLen::Qword, masked, 0)?;
    Ok(vec![SeccompRule::new(vec![none])?])
}

/// Refuses newer calls as unknown ones. `clone3` too: its flags are out of sight, and libraries then use `clone`.
fn unknown() -> BpfProgram {
    const LOAD: u16 = 0x20;
    const IF_EQUAL: u16 = 0x15;
    const IF_GREATER: u16 = 0x25;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    const ERROR: u32 = 0x0005_0000;
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let unknown = ERROR | Errno::NOSYS.raw_os_error().cast_unsigned();
    vec![
        // The number of the call. Numbers of another architecture don't matter: that is refused anyway.
        step(LOAD, 0, 0, 0),
        step(IF_EQUAL, 2, 0, __NR_clone3),
        step(IF_GREATER, 1, 0, calls::NEWEST),
        step(RETURN, 0, 0, ALLOW),
        step(RETURN, 0, 0, unknown),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_programs_fit_the_kernel() {
        for rights in [CapabilitySet::empty(), CapabilitySet::SYS_CHROOT] {
            let program = allowed(rights).unwrap();
            assert!((1000..4096).contains(&program.len()), "{}", program.len());
        }
        assert_eq!(unknown().len(), 5);
    }

    #[test]
    fn no_call_is_listed_twice_or_newer_than_the_newest() {
        let mut all = [calls::ALLOWED, calls::ALLOWED_HERE].concat();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(all.last(), Some(&calls::NEWEST));
    }
}
