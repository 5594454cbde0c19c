//! The files of a release: archives of the program, their digests, the installer, the images.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use s2i_core::image::Digest;
use s2i_oci::layer::{LayerBuilder, Owner};
use s2i_test_engines::{host, paths};

use super::{Arch, Place, install_target, static_s2i, templates};
use crate::images;

/// The version of this workspace.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The most bytes that the program may have, with its agents.
const LIMIT: u64 = 22_000_000;

/// The time of the files in archives, in seconds since 1970: that of the files in images.
const MTIME: u64 = images::MTIME;

/// The shells that have completion scripts, each with the name that it expects for the file.
const COMPLETIONS: [(&str, &str); 5] = [
    ("bash", "s2i.bash"),
    ("elvish", "s2i.elv"),
    ("fish", "s2i.fish"),
    ("powershell", "_s2i.ps1"),
    ("zsh", "_s2i"),
];

/// Makes the release in `target/s2i/release`. `url` is the address of the releases.
pub(super) fn run(arches: &[Arch], url: Option<&str>, with_images: bool) -> Result<()> {
    for arch in Arch::ALL {
        install_target(arch)?;
    }
    let to = paths::made().join("release");
    if to.exists() {
        fs::remove_dir_all(&to).with_context(|| format!("can't remove {}", to.display()))?;
    }
    fs::create_dir_all(&to).with_context(|| format!("can't make {}", to.display()))?;
    let documents = tempfile::tempdir_in(paths::made())?;
    document(
        &static_s2i(Arch::host()?, Place::Release)?,
        documents.path(),
    )?;
    for &arch in arches {
        let program = static_s2i(arch, Place::Release)?;
        let size = fs::metadata(&program)?.len();
        ensure!(
            size <= LIMIT,
            "{} has {size} bytes, more than {LIMIT}",
            program.display()
        );
        println!("{}: {size} bytes", program.display());
        pack(&program, documents.path(), &name(arch), &to)?;
        if with_images {
            images::archive(arch, &to.join(format!("s2i-images-{VERSION}-{arch}.tar")))?;
        }
    }
    let mut digests = digests(&to)?;
    templates::write(&to, url, &digests)?;
    digests.extend(self::digests(&to)?);
    let lines = digests
        .iter()
        .map(|(name, digest)| format!("{digest}  {name}\n"));
    let sums = to.join("SHA256SUMS");
    fs::write(&sums, lines.collect::<String>())
        .with_context(|| format!("can't write {}", sums.display()))?;
    println!("{}", to.display());
    Ok(())
}

/// Returns the name of the archive for a processor, without its ending.
pub(super) fn name(arch: Arch) -> String {
    format!("s2i-{VERSION}-{}", arch.target())
}

/// Writes the completion scripts and the manual pages of the program, which has to be for this machine.
fn document(program: &Path, to: &Path) -> Result<()> {
    let completions = to.join("completions");
    fs::create_dir(&completions)?;
    for (shell, file) in COMPLETIONS {
        let script = host::captured(Command::new(program).args(["completion", shell]))?;
        fs::write(completions.join(file), script)?;
    }
    host::captured(Command::new(program).arg("man").arg(to.join("man")))?;
    Ok(())
}

/// Packs the program with its documents as `NAME.tar.gz`, below a directory `NAME`. The archive depends on nothing but
/// the content of the files.
fn pack(program: &Path, documents: &Path, name: &str, to: &Path) -> Result<()> {
    let mut archive = LayerBuilder::new(MTIME);
    for directory in ["completions", "man"] {
        archive.directories(&format!("{name}/{directory}"), 0o755, Owner::ROOT)?;
    }
    let mut add = |path: &str, mode, from: PathBuf| -> Result<()> {
        Ok(archive.file(&format!("{name}/{path}"), mode, Owner::ROOT, from)?)
    };
    add("s2i", 0o755, program.into())?;
    for file in ["LICENSE", "README.md", "CHANGELOG.md"] {
        add(file, 0o644, paths::root().join(file))?;
    }
    for directory in ["completions", "man"] {
        for file in files(&documents.join(directory))? {
            let file_name = file_name(&file)?;
            add(&format!("{directory}/{file_name}"), 0o644, file)?;
        }
    }
    let plain = documents.join("s2i.tar");
    archive
        .build(&plain)?
        .gzip(&to.join(format!("{name}.tar.gz")))?;
    Ok(fs::remove_file(plain)?)
}

/// Returns the digests of the files of a directory by name.
fn digests(directory: &Path) -> Result<BTreeMap<String, String>> {
    let digest = |path: PathBuf| {
        let (digest, _) = Digest::of_reader(&mut fs::File::open(&path)?)?;
        Ok((file_name(&path)?, digest.hex()))
    };
    files(directory)?.into_iter().map(digest).collect()
}

/// Returns the files of a directory in the order of their names.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
    let mut files = entries.collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn file_name(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    Ok(name.context("a file with a name")?.to_owned())
}
