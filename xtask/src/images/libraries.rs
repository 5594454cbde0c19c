//! The C and C++ libraries that Node.js and the modules of applications are linked with.

use anyhow::{Context, Result, bail};
use s2i_oci::layer::LayerBuilder;

use super::{
    debian::{self, Item},
    put,
};
use crate::dist::Arch;

/// The packages of the libraries.
pub(super) const PACKAGES: [&str; 4] = ["libatomic1", "libc6", "libgcc-s1", "libstdc++6"];

/// The libraries. Some have been parts of `libc` for a long time, and exist for programs that request them.
const LIBRARIES: [&str; 11] = [
    "libatomic.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
    "libanl.so.1",
];

/// Returns the path of the dynamic loader that programs contain.
pub(super) fn loader(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "lib64/ld-linux-x86-64.so.2",
        Arch::Arm64 => "lib/ld-linux-aarch64.so.1",
    }
}

/// Adds the libraries, which are in the items of [`PACKAGES`].
pub(super) fn add(layer: &mut LayerBuilder, items: &[(String, Item)], arch: Arch) -> Result<()> {
    let triple = format!("{}-linux-gnu", arch.rust());
    let loader = loader(arch);
    for name in LIBRARIES {
        let path = format!("lib/{triple}/{name}");
        put(
            layer,
            &path,
            0o644,
            find_library(items, &PACKAGES, &triple, name)?,
        )?;
    }
    let (_, loader_file) = loader.rsplit_once('/').context("a file in a directory")?;
    let bytes = find_library(items, &PACKAGES, &triple, loader_file)?;
    put(layer, loader, 0o755, bytes)?;
    debian::add_licences(layer, items)
}

/// Returns the content of the library with this name, which is in the items of the packages. Links are followed.
pub(super) fn find_library(
    items: &[(String, Item)],
    packages: &[&str],
    triple: &str,
    name: &str,
) -> Result<Vec<u8>> {
    let mut name = name.to_owned();
    for _ in 0..8 {
        let paths = ["lib", "usr/lib"].map(|lib| format!("{lib}/{triple}/{name}"));
        match items.iter().find(|(path, _)| paths.contains(path)) {
            Some((_, Item::File(bytes))) => return Ok(bytes.clone()),
            Some((_, Item::Link(target))) => {
                let file = target.rsplit('/').next().unwrap_or(target);
                file.clone_into(&mut name);
            }
            None => bail!("none of {} has `{name}`", packages.join(", ")),
        }
    }
    bail!("`{name}` is a link that leads nowhere")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(triple: &str) -> Vec<(String, Item)> {
        let file = |name: &str| (name.to_owned(), Item::File(name.as_bytes().to_vec()));
        let mut items: Vec<_> = LIBRARIES
            .iter()
            .filter(|name| **name != "libstdc++.so.6")
            .map(|name| file(&format!("lib/{triple}/{name}")))
            .collect();
        items.extend([
            file(&format!("usr/lib/{triple}/libstdc++.so.6.0.30")),
            (
                format!("usr/lib/{triple}/libstdc++.so.6"),
                Item::Link("libstdc++.so.6.0.30".into()),
            ),
            file(&format!("lib/{triple}/ld-linux-aarch64.so.1")),
            file("usr/share/doc/libc6/copyright"),
            file("usr/share/doc/libc6/changelog"),
        ]);
        items
    }

    #[test]
    fn links_become_what_they_lead_to() {
        let dir = tempfile::tempdir().unwrap();
        let mut layer = LayerBuilder::new(1);
        add(&mut layer, &items("aarch64-linux-gnu"), Arch::Arm64).unwrap();
        let at = dir.path().join("layer.tar");
        layer.build(&at).unwrap();
        let bytes = std::fs::read(&at).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("usr/lib/aarch64-linux-gnu/libstdc++.so.6.0.30"));
        assert!(text.contains("lib/aarch64-linux-gnu/libstdc++.so.6\0"));
        assert!(text.contains("lib/ld-linux-aarch64.so.1\0"));
        assert!(text.contains("usr/share/doc/libc6/copyright"));
        assert!(!text.contains("changelog"));
    }

    #[test]
    fn missing_library_is_named() {
        let mut layer = LayerBuilder::new(1);
        let err = add(&mut layer, &[], Arch::Amd64).unwrap_err();
        let expected = "none of libatomic1, libc6, libgcc-s1, libstdc++6 has `libatomic.so.1`";
        assert_eq!(err.to_string(), expected);
    }
}
