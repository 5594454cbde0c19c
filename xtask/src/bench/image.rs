//! The images of both sides, without a base image: builders with one static program, and a runtime image.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use s2i_core::{
    image::{ContainerConfig, ImageConfig, Platform},
    label,
};
use s2i_oci::{
    Blob, Image, archive,
    layer::{LayerBuilder, Owner},
};

use crate::{
    dist::{self, Arch},
    images,
};

/// The names of the images.
pub(crate) const NAMES: [&str; 3] = [NAME, TOOLS_NAME, RUNTIME];

/// The name of the builder.
pub(crate) const NAME: &str = "s2i-bench/builder";

/// The name of the builder for Dockerfiles of `s2i`, with the tools that they need. It has no `save-artifacts`:
/// a Dockerfile without the labels of the builder would keep the source for it in the result.
pub(crate) const TOOLS_NAME: &str = "s2i-bench/builder-with-tools";

/// The name of the runtime image.
pub(crate) const RUNTIME: &str = "s2i-bench/runtime";

/// The scripts of both sides.
pub(crate) const ASSEMBLE: &str = "/usr/libexec/s2i/assemble";
pub(crate) const RUN: &str = "/usr/libexec/s2i/run";

/// The directory of the artifacts in the builder, and in the runtime image.
pub(crate) const ARTIFACTS: &str = "/app";
pub(crate) const RUNTIME_ARTIFACTS: &str = "/srv/app";

/// The tools, as links to busybox.
const TOOLS: [&str; 6] = ["cp", "mkdir", "rm", "sh", "tar", "test"];

/// The modification time of all their files, in seconds since 1970.
const MTIME: u64 = 315_532_801;

/// Composes all images and returns their archive.
pub(crate) fn compose(dir: &Path) -> Result<PathBuf> {
    let mut with_tools = builder_with(&["assemble", "run"], &dir.join("layer-with-tools.tar"))?;
    with_tools.push(tools()?.build(&dir.join("tools.tar"))?, "the tools");
    let mut images = [builder(dir)?, with_tools, runtime(dir)?];
    for (image, name) in images.iter_mut().zip(NAMES) {
        image.names.push(name.parse()?);
    }
    let file = dir.join("images.tar");
    let mut out = BufWriter::new(
        File::create(&file).with_context(|| format!("can't write {}", file.display()))?,
    );
    archive::write(&images, &mut out)?;
    out.flush()?;
    Ok(file)
}

/// Composes the builder. Its layer is a file in this directory.
pub(crate) fn builder(dir: &Path) -> Result<Image> {
    let scripts = ["assemble", "run", "save-artifacts"];
    builder_with(&scripts, &dir.join("layer.tar"))
}

fn builder_with(scripts: &[&str], file: &Path) -> Result<Image> {
    let mut layer = base(scripts)?;
    layer.directory("tmp", 0o1777, Owner::ROOT)?;
    layer.directory("app", 0o755, Owner::ROOT)?;
    let layer = layer.build(file)?;
    image(layer, "/app", &[(label::ARTIFACTS, "/app/artifacts")])
}

fn runtime(dir: &Path) -> Result<Image> {
    let mut layer = base(&["run"])?;
    layer.directory("srv", 0o755, Owner::ROOT)?;
    image(layer.build(&dir.join("runtime.tar"))?, "/srv", &[])
}

/// Returns a layer with these scripts.
fn base(scripts: &[&str]) -> Result<LayerBuilder> {
    let program = dist::test_script(Arch::host()?)?;
    let mut layer = LayerBuilder::new(MTIME);
    layer.directories("usr/libexec/s2i", 0o755, Owner::ROOT)?;
    layer.directories("etc", 0o755, Owner::ROOT)?;
    let passwd = b"root:x:0:0:root:/:/sbin/nologin\n".to_vec();
    layer.file("etc/passwd", 0o644, Owner::ROOT, passwd)?;
    // BuildKit needs this file for the groups of the user.
    layer.file("etc/group", 0o644, Owner::ROOT, b"root:x:0:\n".to_vec())?;
    for script in scripts {
        let path = format!("usr/libexec/s2i/{script}");
        layer.file(&path, 0o755, Owner::ROOT, program.clone())?;
    }
    Ok(layer)
}

/// Returns a layer with busybox and links to it.
fn tools() -> Result<LayerBuilder> {
    let mut layer = LayerBuilder::new(MTIME);
    layer.directory("bin", 0o755, Owner::ROOT)?;
    let busybox = images::busybox(Arch::host()?)?;
    layer.file("bin/busybox", 0o755, Owner::ROOT, busybox)?;
    for tool in TOOLS {
        layer.symlink(&format!("bin/{tool}"), "busybox", Owner::ROOT)?;
    }
    Ok(layer)
}

fn image(layer: Blob, working_dir: &str, labels: &[(&str, &str)]) -> Result<Image> {
    let scripts = (label::SCRIPTS_URL, "image:///usr/libexec/s2i");
    let labels = labels.iter().copied().chain([scripts]);
    let config = ImageConfig::new(Platform::linux(Arch::host()?.go()));
    let mut image = Image::new(
        config.with_config(ContainerConfig {
            user: "0".into(),
            working_dir: working_dir.into(),
            labels: labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            ..ContainerConfig::default()
        }),
    );
    image.push(layer, "the image of a benchmark");
    Ok(image)
}
