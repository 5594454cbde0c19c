//! Node.js and npm from npm's registry.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufReader, Read},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use flate2::bufread::GzDecoder;
use s2i_oci::layer::{LayerBuilder, Owner};

use super::{put, symbols};
use crate::dist::Arch;

/// The directory of npm in the image.
const NPM: &str = "usr/local/lib/node_modules/npm";

/// The programs of npm, and their files.
const PROGRAMS: [(&str, &str); 2] = [("npm", "npm-cli.js"), ("npx", "npx-cli.js")];

/// Directories of npm with documentation.
const DOCUMENTATION: [&str; 2] = ["docs", "man"];

/// The endings of npm's files that no program reads.
const NOT_READ: [&str; 7] = [
    ".d.ts",
    ".d.mts",
    ".d.cts",
    ".map",
    ".md",
    ".markdown",
    ".ts",
];

/// Returns the package of this name and version for a processor.
pub(super) fn package(version: &str, arch: Arch) -> String {
    let arch = match arch {
        Arch::Amd64 => "x64",
        Arch::Arm64 => "arm64",
    };
    format!("node-linux-{arch}@{version}")
}

/// Returns the name of the artifact with the npm for a `node-…`.
pub(super) fn npm_of(toolchain: &str) -> String {
    toolchain.replacen("node", "npm", 1)
}

/// Calls `take` with each file of a package: its name, its mode, and its contents.
fn read(package: &Path, mut take: impl FnMut(&str, u32, Vec<u8>) -> Result<()>) -> Result<()> {
    let file = File::open(package).with_context(|| format!("can't open {}", package.display()))?;
    let archive = GzDecoder::new(BufReader::new(file));
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path()?.display().to_string();
        let name = name.strip_prefix("package/").unwrap_or(&name);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        let mode = entry.header().mode()?;
        take(name, mode, bytes)?;
    }
    Ok(())
}

/// Adds the program, without symbols, and its licence. The program is stored in `work` until the layer is built.
pub(super) fn add(layer: &mut LayerBuilder, package: &Path, work: &Path) -> Result<()> {
    let mut has_program = false;
    read(package, |name, _, bytes| {
        match name {
            "bin/node" => {
                let digest = s2i_oci::Digest::of(&bytes);
                let path = work.join(format!("node-{}", digest.hex()));
                fs::write(&path, symbols::strip(&bytes)?)?;
                put(layer, "usr/local/bin/node", 0o755, path)?;
                has_program = true;
            }
            "LICENSE" => put(layer, "usr/local/share/doc/node/LICENSE", 0o644, bytes)?,
            _ => {}
        }
        Ok(())
    })?;
    ensure!(has_program, "the package has no `bin/node`");
    Ok(())
}

/// Adds npm without its manual.
pub(super) fn add_npm(layer: &mut LayerBuilder, package: &Path) -> Result<()> {
    let mut names = BTreeSet::new();
    read(package, |name, mode, bytes| {
        if is_left_out(name) {
            return Ok(());
        }
        names.insert(name.to_owned());
        let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
        put(layer, &format!("{NPM}/{name}"), mode, bytes)
    })?;
    layer.directories("usr/local/bin", 0o755, Owner::ROOT)?;
    for (program, file) in PROGRAMS {
        ensure!(
            names.contains(&format!("bin/{file}")),
            "the package has no `bin/{file}`"
        );
        let target = format!("../lib/node_modules/npm/bin/{file}");
        layer.symlink(&format!("usr/local/bin/{program}"), &target, Owner::ROOT)?;
    }
    Ok(())
}

fn is_left_out(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    let file = name.rsplit('/').next().unwrap_or_default();
    let file = file.to_ascii_lowercase();
    let is_licence = file.starts_with("license") || file.starts_with("licence");
    DOCUMENTATION.contains(&first)
        || (!is_licence && NOT_READ.iter().any(|ending| file.ends_with(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_programs_read_stay() {
        for name in [
            "package.json",
            "bin/npm-cli.js",
            "lib/commands/install.js",
            "node_modules/a/LICENSE.md",
            "node_modules/docs/index.js",
            "node_modules/a/README",
        ] {
            assert!(!is_left_out(name), "{name}");
        }
        for name in [
            "README.md",
            "docs/content/a.html",
            "man/man1/npm.1",
            "node_modules/a/b.d.ts",
        ] {
            assert!(is_left_out(name), "{name}");
        }
    }

    /// Writes a package with these files.
    fn package(at: &Path, files: &[(&str, u32, &[u8])]) {
        let gzip =
            flate2::write::GzEncoder::new(File::create(at).unwrap(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        for (name, mode, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(*mode);
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, format!("package/{name}"), *bytes)
                .unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
    }

    #[test]
    fn npm_has_its_programs_as_links() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("npm.tgz");
        let files: &[(&str, u32, &[u8])] = &[
            ("bin/npm-cli.js", 0o755, b"npm"),
            ("bin/npx-cli.js", 0o755, b"npx"),
            ("docs/a.md", 0o644, b"text"),
        ];
        package(&at, files);
        let mut layer = LayerBuilder::new(1);
        add_npm(&mut layer, &at).unwrap();
        let tar = dir.path().join("layer.tar");
        layer.build(&tar).unwrap();
        let mut archive = tar::Archive::new(File::open(&tar).unwrap());
        let names = archive.entries().unwrap().filter_map(|entry| {
            let entry = entry.unwrap();
            let kind = entry.header().entry_type();
            (!kind.is_dir()).then(|| {
                (
                    entry.path().unwrap().display().to_string(),
                    kind.is_symlink(),
                )
            })
        });
        let expected = [
            ("usr/local/bin/npm".to_owned(), true),
            ("usr/local/bin/npx".to_owned(), true),
            (format!("{NPM}/bin/npm-cli.js"), false),
            (format!("{NPM}/bin/npx-cli.js"), false),
        ];
        assert_eq!(names.collect::<Vec<_>>(), expected);
        package(&at, &files[1..]);
        let err = add_npm(&mut LayerBuilder::new(1), &at).unwrap_err();
        assert_eq!(err.to_string(), "the package has no `bin/npm-cli.js`");
    }

    #[test]
    fn a_package_without_a_program_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("node.tgz");
        package(&at, &[("LICENSE", 0o644, b"text")]);
        let err = add(&mut LayerBuilder::new(1), &at, dir.path()).unwrap_err();
        assert_eq!(err.to_string(), "the package has no `bin/node`");
    }
}
