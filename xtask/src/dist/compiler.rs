//! The C compiler for the cryptography of `s2i`, the only part of it in another language.

use std::{env, ffi::OsString};

use anyhow::Result;
use s2i_test_engines::{host, paths};

use super::Arch;

/// Returns variables for the C compiler of static programs for a processor, unless the user has set one.
///
/// # Errors
/// Fails with the name of a package if there is no compiler.
pub(super) fn variables(arch: Arch) -> Result<Vec<(String, OsString)>> {
    let target = arch.target();
    let name = target.replace('-', "_");
    let is_set = |name: String| env::var_os(name).is_some();
    if is_set(format!("CC_{name}")) || is_set(format!("CC_{target}")) {
        return Ok(Vec::new());
    }
    let (program, packages) = if Arch::host()? == arch {
        ("cc".to_owned(), "gcc libc6-dev".to_owned())
    } else {
        let prefix = format!("{}-linux-gnu", arch.rust());
        let package = prefix.replace('_', "-");
        let packages = format!("gcc-{package} libc6-dev-{arch}-cross");
        (format!("{prefix}-gcc"), packages)
    };
    let compiler = host::require(&program, &format!("apt-get install {packages}"))?;
    // The checks of glibc's headers are functions that musl lacks, and some distributions switch them on.
    let root = paths::root().display();
    let flags = format!("-U_FORTIFY_SOURCE -ffile-prefix-map={root}=/s2i");
    Ok(vec![
        (format!("CC_{name}"), compiler.into()),
        (format!("CFLAGS_{name}"), flags.into()),
    ])
}
