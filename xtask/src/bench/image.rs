//! The builder image of both sides: one static program without a base image.

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
    Image, archive,
    layer::{LayerBuilder, Owner},
};

use crate::dist::{self, Arch};

/// The name of the image.
pub(crate) const NAME: &str = "s2i-bench/builder";

/// The modification time of all its files, in seconds since 1970.
const MTIME: u64 = 315_532_801;

/// Composes the image and returns its archive.
pub(crate) fn compose(dir: &Path) -> Result<PathBuf> {
    let mut image = builder(dir)?;
    image.names.push(NAME.parse()?);
    let file = dir.join("builder.tar");
    let mut out = BufWriter::new(
        File::create(&file).with_context(|| format!("can't write {}", file.display()))?,
    );
    archive::write(&[image], &mut out)?;
    out.flush()?;
    Ok(file)
}

/// Composes the image, whose layer is a file in this directory.
pub(crate) fn builder(dir: &Path) -> Result<Image> {
    let arch = Arch::host()?;
    let program = dist::test_script(arch)?;
    let mut layer = LayerBuilder::new(MTIME);
    layer.directories("usr/libexec/s2i", 0o755, Owner::ROOT)?;
    layer.directories("etc", 0o755, Owner::ROOT)?;
    layer.directory("tmp", 0o1777, Owner::ROOT)?;
    layer.directory("app", 0o755, Owner::ROOT)?;
    let passwd = b"root:x:0:0:root:/:/sbin/nologin\n".to_vec();
    layer.file("etc/passwd", 0o644, Owner::ROOT, passwd)?;
    // BuildKit needs this file for the groups of the user.
    layer.file("etc/group", 0o644, Owner::ROOT, b"root:x:0:\n".to_vec())?;
    for script in ["assemble", "run", "save-artifacts"] {
        let path = format!("usr/libexec/s2i/{script}");
        layer.file(&path, 0o755, Owner::ROOT, program.clone())?;
    }
    let config = ImageConfig::new(Platform::linux(arch.go())).with_config(ContainerConfig {
        user: "0".into(),
        working_dir: "/app".into(),
        labels: [
            (label::SCRIPTS_URL, "image:///usr/libexec/s2i"),
            (label::ARTIFACTS, "/app/artifacts"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        ..ContainerConfig::default()
    });
    let mut image = Image::new(config);
    image.push(
        layer.build(&dir.join("layer.tar"))?,
        "the builder of the benchmark",
    );
    Ok(image)
}
