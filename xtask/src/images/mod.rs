//! Composition of the builder and runtime images, without a daemon and without running any part of them.
//!
//! `definition` reads the definition of an image (`builder-images/NAME/image.toml`), `lock` its artifacts
//! (`builder-images/images.lock`), `fetch` downloads these, and `compose` creates layers and images. Each other module
//! has one purpose: `go` selects the parts of a toolchain that builds need, with `platform` and `gosource`, and
//! `symbols` strips its programs; `node` takes Node.js and npm from npm's packages, and `libraries` their libraries from
//! packages that `debian` downloads; `shell` has the shell and the tools of builders; `programs` has programs of Debian
//! with their libraries, and `command` has `s2i` for the images of jobs; `certificates`, `zones` and `accounts` are parts
//! of every image.

mod accounts;
mod certificates;
mod command;
mod compose;
mod debian;
mod definition;
mod dockerfile;
mod fetch;
mod go;
mod gosource;
mod libraries;
mod lock;
mod node;
mod platform;
mod programs;
mod shell;
mod symbols;
mod update;
mod zones;

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use s2i_oci::{
    Image, archive,
    layer::{Content, LayerBuilder, Owner},
};
use s2i_test_engines::{host, paths};

use self::{compose::Composer, definition::Definition, lock::Lock};
pub(crate) use self::{compose::MTIME, debian::mirror, definition::merge};
use crate::{
    dist::{Arch, Profile},
    engine::{Choice, Otherwise, Target},
};

/// Arguments of `cargo xtask images`.
#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Args {
    /// Images to compose; by default, all without s2i in them.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(definition::all()))]
    names: Vec<String>,
    /// Compose for this processor; by default, for that of this machine.
    #[arg(long, value_enum)]
    arch: Option<Arch>,
    /// Write one archive for `docker load` and OCI tools to this file, and load nothing.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Load the images into an engine even if `--output`, `--rootfs` or `--sizes` is given.
    #[arg(long)]
    load: bool,
    /// Load into this engine: `native`, a kind of `cargo xtask engine`, or a URL; by default, into one that
    /// responds, otherwise into the embedded one.
    #[arg(long, visible_alias = "url", value_name = "ENGINE")]
    engine: Option<String>,
    /// Compress the layers in the archive.
    #[arg(long)]
    gzip: bool,
    /// Write each layer as an archive into this directory, for the Dockerfile beside `image.toml`.
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// Print the sizes of the images, and fail if one exceeds its limit.
    #[arg(long)]
    sizes: bool,
    /// Look for newer artifacts and write their digests to `images.lock`.
    #[arg(long)]
    update: bool,
}

/// `cargo xtask images`.
pub(crate) fn run(args: &Args) -> Result<()> {
    run_into(args, Profile::Release, || {
        Choice::make(args.engine.as_deref(), Otherwise::Native).map(|choice| choice.target.clone())
    })
}

/// Runs the task. `target` is called only if something is loaded.
fn run_into(args: &Args, s2i: Profile, target: impl FnOnce() -> Result<Target>) -> Result<()> {
    let arch = args.arch.map_or_else(Arch::host, Ok)?;
    if args.update {
        update::run()?;
    }
    let elsewhere = args.output.is_some() || args.rootfs.is_some() || args.sizes || args.update;
    let load = args.load || !elsewhere;
    if args.update && args.output.is_none() && args.rootfs.is_none() && !args.sizes && !load {
        return Ok(());
    }
    let names = if args.names.is_empty() {
        definition::NAMES.map(str::to_owned).to_vec()
    } else {
        args.names.clone()
    };
    let (composer, images) = compose_all(&names, arch)?;
    if let Some(directory) = &args.rootfs {
        compose::write_rootfs(&images, directory)?;
    }
    if args.sizes {
        composer.sizes(&images)?;
    }
    let images = images.into_iter().map(|(_, image)| image);
    let images: Vec<_> = if args.gzip {
        let images = images.map(|image| composer.compress(image));
        images.collect::<Result<_>>()?
    } else {
        images.collect()
    };
    if let Some(file) = &args.output {
        write(&images, file)?;
    }
    if load {
        let file = composer.work().join("images.tar");
        write(&images, &file)?;
        let command = target()?.s2i(s2i).context(
            "there is nothing to load images with; `cargo xtask images --output FILE` writes an archive",
        );
        host::run(command?.args(["load", "-i"]).arg(&file))?;
    }
    Ok(())
}

fn compose_all(
    names: &[impl AsRef<str>],
    arch: Arch,
) -> Result<(Composer, Vec<(Definition, Image)>)> {
    let mut composer = Composer::new(Lock::read()?, arch)?;
    let mut images = Vec::new();
    for name in names {
        let name = name.as_ref();
        let definition = Definition::read(name, composer.lock())?;
        let image = composer.compose(&definition)?;
        eprintln!("{name}: {}", image.id());
        images.push((definition, image));
    }
    Ok((composer, images))
}

/// Writes all images for a processor, with compressed layers, to one archive.
pub(crate) fn archive(arch: Arch, to: &Path) -> Result<()> {
    let names: Vec<_> = definition::all().collect();
    let (composer, images) = compose_all(&names, arch)?;
    let images = images
        .into_iter()
        .map(|(_, image)| composer.compress(image));
    write(&images.collect::<Result<Vec<_>>>()?, to)
}

/// Composes images for this machine and returns their names and sizes, in bytes and uncompressed.
pub(crate) fn sizes(names: &[&str]) -> Result<Vec<(String, u64)>> {
    let (_, images) = compose_all(names, Arch::host()?)?;
    let sizes = images.into_iter().map(|(definition, image)| {
        let size = compose::size(&image);
        (definition.name, size)
    });
    Ok(sizes.collect())
}

/// Composes the images for this machine and loads them into an engine, with this
/// build of `s2i`.
pub(crate) fn load(names: &[&str], target: &Target, s2i: Profile) -> Result<()> {
    let args = Args {
        names: names.iter().map(ToString::to_string).collect(),
        arch: None,
        output: None,
        load: true,
        engine: None,
        gzip: false,
        rootfs: None,
        sizes: false,
        update: false,
    };
    run_into(&args, s2i, || Ok(target.clone()))
}

/// Returns Debian's static busybox.
pub(crate) fn busybox(arch: Arch) -> Result<Vec<u8>> {
    let package = fetch::artifact(Lock::read()?.artifact("busybox-static", arch)?)?;
    shell::find(&debian::items(&package)?, "bin/busybox")
}

fn write(images: &[Image], to: &Path) -> Result<()> {
    let show = || format!("can't write {}", to.display());
    let mut out = BufWriter::with_capacity(256 * 1024, File::create(to).with_context(show)?);
    archive::write(images, &mut out).with_context(show)
}

/// Adds a file of root with its parent directories.
fn put(layer: &mut LayerBuilder, name: &str, mode: u32, content: impl Into<Content>) -> Result<()> {
    let (directory, _) = name.rsplit_once('/').context("a file in a directory")?;
    layer.directories(directory, 0o755, Owner::ROOT)?;
    Ok(layer.file(name, mode, Owner::ROOT, content)?)
}

/// Returns the directory of all definitions.
fn folder() -> PathBuf {
    paths::root().join("builder-images")
}

/// Returns a size in megabytes, as `docker images` shows it.
fn megabytes(bytes: u64) -> String {
    format!("{}.{:02} MB", bytes / 1_000_000, bytes % 1_000_000 / 10_000)
}
