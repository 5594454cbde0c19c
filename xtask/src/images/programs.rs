//! Programs of Debian, with the shared libraries that they are linked with.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use object::{
    Endianness,
    elf::{DT_NEEDED, FileHeader64},
    read::elf::FileHeader as _,
};
use s2i_oci::layer::{LayerBuilder, Owner};

use super::{
    debian::{self, Item},
    libraries::{self, find_library},
    put,
};
use crate::dist::Arch;

/// A selection of the files of packages. All paths are without a leading slash.
pub(super) struct Programs {
    /// The packages of the programs and their libraries.
    pub(super) packages: &'static [&'static str],
    /// The programs and scripts.
    files: &'static [&'static str],
    /// Directories whose files are data.
    data: &'static [&'static str],
    /// Links, each with its target.
    links: &'static [(&'static str, &'static str)],
}

/// The packer of executables, which `assemble` of `s2i/go` runs if `COMPRESS_BINARY` is set.
pub(super) const UPX: Programs = Programs {
    packages: &["upx-ucl", "libc6", "libgcc-s1", "libstdc++6"],
    files: &["usr/bin/upx-ucl"],
    data: &[],
    links: &[("usr/bin/upx", "upx-ucl")],
};

/// Git and the client of OpenSSH, for clones over HTTPS and SSH.
pub(super) const GIT: Programs = Programs {
    packages: &[
        "git",
        "openssh-client",
        "libbrotli1",
        "libc6",
        "libcom-err2",
        "libcurl3-gnutls",
        "libffi8",
        "libgmp10",
        "libgnutls30",
        "libgssapi-krb5-2",
        "libhogweed6",
        "libidn2-0",
        "libk5crypto3",
        "libkeyutils1",
        "libkrb5-3",
        "libkrb5support0",
        "libldap-2.5-0",
        "libnettle8",
        "libnghttp2-14",
        "libp11-kit0",
        "libpcre2-8-0",
        "libpsl5",
        "librtmp1",
        "libsasl2-2",
        "libselinux1",
        "libssh2-1",
        "libssl3",
        "libtasn1-6",
        "libunistring2",
        "libzstd1",
        "zlib1g",
    ],
    files: &[
        "usr/bin/git",
        "usr/bin/ssh",
        "usr/bin/ssh-add",
        "usr/bin/ssh-agent",
        "usr/bin/ssh-keygen",
        "usr/bin/ssh-keyscan",
        "usr/lib/git-core/git-remote-http",
        "usr/lib/git-core/git-sh-i18n",
        "usr/lib/git-core/git-sh-setup",
        "usr/lib/git-core/git-submodule",
    ],
    data: &["usr/share/git-core/templates/info/"],
    links: &[
        ("usr/bin/git-upload-archive", "git"),
        ("usr/bin/git-upload-pack", "git"),
        ("usr/lib/git-core/git-remote-https", "git-remote-http"),
    ],
};

/// Adds the programs from the items of their packages.
pub(super) fn add(
    layer: &mut LayerBuilder,
    programs: &Programs,
    items: &[(String, Item)],
    arch: Arch,
) -> Result<()> {
    let triple = format!("{}-linux-gnu", arch.rust());
    let loader = libraries::loader(arch);
    let (_, loader_name) = loader.rsplit_once('/').context("a file in a directory")?;
    let mut wanted = vec![loader_name.to_owned()];
    let mut libraries = BTreeSet::new();
    for path in programs.files {
        let bytes = file(items, path)?;
        if bytes.starts_with(b"\x7fELF") {
            wanted.extend(needed(bytes).with_context(|| format!("the program `{path}`"))?);
        }
        put(layer, path, 0o755, bytes.to_vec())?;
    }
    while let Some(name) = wanted.pop() {
        if !libraries.insert(name.clone()) {
            continue;
        }
        let bytes = find_library(items, programs.packages, &triple, &name)?;
        wanted.extend(needed(&bytes).with_context(|| format!("the library `{name}`"))?);
        if name == loader_name {
            put(layer, loader, 0o755, bytes)?;
        } else {
            put(layer, &format!("lib/{triple}/{name}"), 0o644, bytes)?;
        }
    }
    for (path, item) in items {
        if let (Item::File(bytes), true) = (
            item,
            programs.data.iter().any(|data| path.starts_with(data)),
        ) {
            put(layer, path, 0o644, bytes.clone())?;
        }
    }
    for (path, target) in programs.links {
        layer.symlink(path, target, Owner::ROOT)?;
    }
    debian::add_licences(layer, items)
}

/// Returns the content of the file at this path.
fn file<'a>(items: &'a [(String, Item)], path: &str) -> Result<&'a [u8]> {
    let content = items.iter().find_map(|(name, item)| match item {
        Item::File(bytes) if name == path => Some(bytes.as_slice()),
        _ => None,
    });
    content.with_context(|| format!("no package has the file `{path}`"))
}

/// Returns the names of the libraries that an ELF file is linked with.
fn needed(program: &[u8]) -> Result<Vec<String>> {
    let header = FileHeader64::<Endianness>::parse(program).context("not an ELF file")?;
    let endian = header.endian()?;
    let table = header
        .sections(endian, program)?
        .dynamic_table(endian, program)?;
    let mut names = Vec::new();
    for entry in &table {
        if entry.tag == DT_NEEDED {
            let name = entry.string(table.strings())?;
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an ELF file that is linked with these libraries: a header, a dynamic section with the names, their table,
    /// and the headers of both sections after that of an empty one.
    fn elf(libraries: &[&str]) -> Vec<u8> {
        let words = |words: &[usize]| {
            let words = words.iter().map(|word| u64::try_from(*word).unwrap());
            words.flat_map(u64::to_le_bytes).collect::<Vec<u8>>()
        };
        let (mut dynamic, mut names) = (Vec::new(), vec![0]);
        for name in libraries {
            dynamic.extend(words(&[1, names.len()]));
            names.extend(name.bytes().chain([0]));
        }
        dynamic.extend(words(&[0, 0]));
        let length = names.len();
        names.resize(length.next_multiple_of(8), 0);
        let table = 64 + dynamic.len() + names.len();
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0\x01\0\0\0".to_vec();
        file.extend(words(&[0, 0, table]));
        file.extend([0, 0, 0, 0, 64, 0, 56, 0, 0, 0, 64, 0, 3, 0, 2, 0]);
        file.extend(&dynamic);
        file.extend(&names);
        file.extend([0; 64]);
        for (kind, offset, size, link) in [
            (6, 64, dynamic.len(), 2),
            (3, 64 + dynamic.len(), length, 0),
        ] {
            file.extend(words(&[kind << 32, 0, 0, offset, size, link, 8, 0]));
        }
        file
    }

    const TOOL: Programs = Programs {
        packages: &["tool"],
        files: &["usr/bin/tool", "usr/bin/script"],
        data: &["usr/share/tool/"],
        links: &[("usr/bin/other", "tool")],
    };

    fn items() -> Vec<(String, Item)> {
        let lib = "usr/lib/aarch64-linux-gnu";
        let file = |name: String, bytes: Vec<u8>| (name, Item::File(bytes));
        vec![
            file("usr/bin/tool".into(), elf(&["liba.so.1"])),
            file("usr/bin/script".into(), b"#!/bin/sh\n".to_vec()),
            file("usr/bin/unwanted".into(), Vec::new()),
            file("usr/share/tool/data".into(), Vec::new()),
            file(format!("{lib}/liba.so.1.2"), elf(&["libb.so.1"])),
            (format!("{lib}/liba.so.1"), Item::Link("liba.so.1.2".into())),
            file(format!("{lib}/libb.so.1"), elf(&["liba.so.1"])),
            file(format!("{lib}/libc.so.1"), elf(&[])),
            file(format!("{lib}/ld-linux-aarch64.so.1"), elf(&[])),
            file("usr/share/doc/tool/copyright".into(), Vec::new()),
        ]
    }

    #[test]
    fn programs_come_with_all_that_they_are_linked_with_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut layer = LayerBuilder::new(1);
        add(&mut layer, &TOOL, &items(), Arch::Arm64).unwrap();
        let at = dir.path().join("layer.tar");
        layer.build(&at).unwrap();
        let mut archive = tar::Archive::new(std::fs::File::open(&at).unwrap());
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            entry.path().unwrap().display().to_string()
        });
        let names: Vec<_> = entries.filter(|name| !name.ends_with('/')).collect();
        assert_eq!(
            names,
            [
                "lib/aarch64-linux-gnu/liba.so.1",
                "lib/aarch64-linux-gnu/libb.so.1",
                "lib/ld-linux-aarch64.so.1",
                "usr/bin/other",
                "usr/bin/script",
                "usr/bin/tool",
                "usr/share/doc/tool/copyright",
                "usr/share/tool/data",
            ]
        );
    }

    #[test]
    fn missing_program_and_missing_library_are_named() {
        let add = |items: &[(String, Item)]| {
            let added = add(&mut LayerBuilder::new(1), &TOOL, items, Arch::Arm64);
            added.unwrap_err().to_string()
        };
        assert_eq!(add(&[]), "no package has the file `usr/bin/tool`");
        let mut items = items();
        items.retain(|(name, _)| !name.ends_with("libb.so.1"));
        assert_eq!(add(&items), "none of tool has `libb.so.1`");
    }

    #[test]
    fn packages_are_sorted_but_for_those_of_the_programs() {
        assert!(GIT.packages[2..].is_sorted());
        assert!(UPX.packages[1..].is_sorted());
    }
}
