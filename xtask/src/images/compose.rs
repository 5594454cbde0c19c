//! Layers and images.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use s2i_core::label;
use s2i_oci::{
    Blob, Image,
    layer::{LayerBuilder, Owner},
};
use s2i_test_engines::paths;

use super::{
    accounts, certificates, command,
    debian::{self, Item},
    definition::{Definition, Part},
    fetch,
    go::{self, Toolchain},
    libraries,
    lock::Lock,
    megabytes, node, programs, put, shell, zones,
};
use crate::dist::{self, Arch};

/// The modification time of every file, in seconds since 1970: the second after the earliest time of a zip
/// archive, for programs that treat round times as missing.
pub(crate) const MTIME: u64 = 315_532_801;

/// The directory of scripts in images.
const SCRIPTS: &str = "usr/libexec/s2i";

/// The inputs of a layer. Images with equal inputs share the layer.
type Key = (Part, BTreeSet<String>);

/// Composes images for one processor.
pub(super) struct Composer {
    lock: Lock,
    arch: Arch,
    work: tempfile::TempDir,
    layers: BTreeMap<Key, Blob>,
}

impl Composer {
    /// Creates a composer with a temporary directory for layers.
    pub(super) fn new(lock: Lock, arch: Arch) -> Result<Self> {
        let made = paths::made();
        fs::create_dir_all(&made).with_context(|| format!("can't make {}", made.display()))?;
        let work = tempfile::Builder::new()
            .prefix("images-")
            .tempdir_in(&made)?;
        Ok(Self {
            lock,
            arch,
            work,
            layers: BTreeMap::new(),
        })
    }

    /// Returns the lock file.
    pub(super) fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Returns the composer's directory.
    pub(super) fn work(&self) -> &Path {
        self.work.path()
    }

    /// Composes an image.
    pub(super) fn compose(&mut self, definition: &Definition) -> Result<Image> {
        let mut image = Image::new(definition.config(self.arch, &self.lock.created));
        if let Some(builder) = &definition.builder {
            let builder = self.compose_named(builder)?;
            let id = builder.id().to_string();
            let labels = &mut image.container_config_mut().labels;
            labels.insert(label::BUILDER_ID.to_owned(), id);
        }
        for &part in &definition.contents {
            let layer = self
                .layer(part, definition)
                .with_context(|| format!("the layer `{}`", part.name()))?;
            image.push(layer, part.history());
        }
        image.names.clone_from(&definition.names);
        Ok(image)
    }

    /// Composes the image of this name.
    fn compose_named(&mut self, name: &str) -> Result<Image> {
        let definition = Definition::read(name, &self.lock)?;
        self.compose(&definition)
            .with_context(|| format!("the image `{name}`"))
    }

    fn layer(&mut self, part: Part, definition: &Definition) -> Result<Blob> {
        let key = match part {
            Part::Go => (part, definition.files.keys().cloned().collect()),
            Part::Node | Part::Npm => (part, BTreeSet::from([definition.toolchain.clone()])),
            Part::Scripts => (part, definition.scripts.clone()),
            Part::S2i => (part, definition.builder.iter().cloned().collect()),
            _ => (part, BTreeSet::new()),
        };
        if let Some(layer) = self.layers.get(&key) {
            return Ok(layer.clone());
        }
        let start = Instant::now();
        let mut builder = LayerBuilder::new(MTIME);
        match part {
            Part::System => self.add_system(&mut builder)?,
            Part::Go => self.add_go(&mut builder, definition)?,
            Part::GoTest => self.add_go_test(&mut builder)?,
            Part::Shell => shell::add(&mut builder, &self.items(&shell::PACKAGES)?)?,
            Part::Libraries => {
                let items = self.items(&libraries::PACKAGES)?;
                libraries::add(&mut builder, &items, self.arch)?;
            }
            Part::Node => self.add_node(&mut builder, &definition.toolchain)?,
            Part::Npm => self.add_npm(&mut builder, &definition.toolchain)?,
            Part::Scripts => add_scripts(&mut builder, &definition.scripts, self.arch)?,
            Part::Upx => self.add_programs(&mut builder, &programs::UPX)?,
            Part::Git => self.add_programs(&mut builder, &programs::GIT)?,
            Part::Kube => command::add_kube(&mut builder, self.arch)?,
            Part::S2i => self.add_s2i(&mut builder, definition)?,
        }
        let layer = builder.build(&self.work.path().join(format!("{}.tar", self.layers.len())))?;
        let seconds = start.elapsed().as_secs_f32();
        eprintln!(
            "{}: layer `{}`, {} in {seconds:.1} s",
            definition.name,
            part.name(),
            megabytes(layer.descriptor().size)
        );
        self.layers.insert(key, layer.clone());
        Ok(layer)
    }

    /// Returns the file of an artifact.
    fn artifact(&self, name: &str) -> Result<PathBuf> {
        fetch::artifact(self.lock.artifact(name, self.arch)?)
    }

    fn toolchain(&self) -> Result<Toolchain> {
        Toolchain::open(&self.artifact("go")?, self.arch)
    }

    fn add_system(&self, layer: &mut LayerBuilder) -> Result<()> {
        accounts::add(layer)?;
        certificates::add(layer)?;
        zones::add(layer, self.toolchain()?.file("lib/time/zoneinfo.zip")?)
    }

    fn add_go(&self, layer: &mut LayerBuilder, definition: &Definition) -> Result<()> {
        self.toolchain()?.add(layer, self.work.path())?;
        for (path, file) in &definition.files {
            put(layer, path, 0o644, definition.folder().join(file))?;
        }
        Ok(())
    }

    fn add_go_test(&self, layer: &mut LayerBuilder) -> Result<()> {
        let work = self.work.path();
        self.toolchain()?.add_programs(layer, work, go::FOR_TESTS)
    }

    /// Returns the files and links of Debian packages.
    fn items(&self, packages: &[&str]) -> Result<Vec<(String, Item)>> {
        let mut items = Vec::new();
        for package in packages {
            let items_of = debian::items(&self.artifact(package)?);
            items.extend(items_of.with_context(|| format!("the package `{package}`"))?);
        }
        Ok(items)
    }

    fn add_node(&self, layer: &mut LayerBuilder, toolchain: &str) -> Result<()> {
        node::add(layer, &self.artifact(toolchain)?, self.work.path())
    }

    fn add_npm(&self, layer: &mut LayerBuilder, toolchain: &str) -> Result<()> {
        node::add_npm(layer, &self.artifact(&node::npm_of(toolchain))?)
    }

    fn add_programs(&self, layer: &mut LayerBuilder, of: &programs::Programs) -> Result<()> {
        programs::add(layer, of, &self.items(of.packages)?, self.arch)
    }

    fn add_s2i(&mut self, layer: &mut LayerBuilder, definition: &Definition) -> Result<()> {
        command::add(layer, self.arch)?;
        if let Some(builder) = &definition.builder {
            command::add_builder(layer, &self.compose_named(builder)?)?;
        }
        for name in &definition.images {
            let image = self.compose_named(name)?;
            let image = self.compress(image)?;
            command::add_image(layer, name, image, self.work.path())?;
        }
        Ok(())
    }

    /// Returns the same image with compressed layers.
    pub(super) fn compress(&self, image: Image) -> Result<Image> {
        let mut compressed = Image::new(image.config().clone());
        for (layer, history) in image.layers().iter().zip(&image.config().history) {
            let mut layers = self.layers.values();
            let layer = layers.find(|known| known.diff_id() == layer.diff_id());
            let layer = layer.context("a layer that was composed here")?;
            let layer = layer.gzip(&layer.path().with_extension("tar.gz"))?;
            compressed.push(layer, history.created_by.as_deref().unwrap_or_default());
        }
        compressed.names = image.names;
        Ok(compressed)
    }

    /// Prints the sizes of images, and fails if one exceeds its limit.
    pub(super) fn sizes(&self, images: &[(Definition, Image)]) -> Result<()> {
        println!(
            "{:<16} {:<9} {:>10} {:>10} {:>10}",
            "image", "layer", "plain", "gzip", "limit"
        );
        let mut over = Vec::new();
        for (definition, image) in images {
            let name = &definition.name;
            let compressed = self.compress(image.clone())?;
            for (index, part) in definition.contents.iter().enumerate() {
                let [plain, gzip] =
                    [image, &compressed].map(|image| image.layers()[index].descriptor().size);
                println!(
                    "{name:<16} {:<9} {:>10} {:>10}",
                    part.name(),
                    megabytes(plain),
                    megabytes(gzip)
                );
            }
            let (plain, limit) = (size(image), definition.size_limit);
            let verdict = if plain <= limit { "ok" } else { "over" };
            let [plain_text, gzip, limit_text] = [plain, size(&compressed), limit].map(megabytes);
            println!(
                "{name:<16} {:<9} {plain_text:>10} {gzip:>10} {limit_text:>10} {verdict}",
                "all"
            );
            over.extend((plain > limit).then_some(name.as_str()));
        }
        if !over.is_empty() {
            bail!("over the limit of image.toml: {}", over.join(", "));
        }
        Ok(())
    }
}

/// Returns the size of all layers as they are in the image, in bytes.
pub(super) fn size(image: &Image) -> u64 {
    let layers = image.layers().iter();
    layers.map(|layer| layer.descriptor().size).sum()
}

fn add_scripts(layer: &mut LayerBuilder, scripts: &BTreeSet<String>, arch: Arch) -> Result<()> {
    let program = dist::scripts(arch)?;
    put(layer, &format!("{SCRIPTS}/s2i-scripts"), 0o755, program)?;
    for script in scripts {
        layer.symlink(&format!("{SCRIPTS}/{script}"), "s2i-scripts", Owner::ROOT)?;
    }
    Ok(())
}

/// Writes the layers of images as `DIR/PART.tar`, or `DIR/IMAGE/PART.tar` for several images.
pub(super) fn write_rootfs(images: &[(Definition, Image)], directory: &Path) -> Result<()> {
    for (definition, image) in images {
        let directory: PathBuf = if images.len() == 1 {
            directory.into()
        } else {
            directory.join(definition.name.replace(':', "-"))
        };
        fs::create_dir_all(&directory)
            .with_context(|| format!("can't make {}", directory.display()))?;
        for (part, layer) in definition.contents.iter().zip(image.layers()) {
            let to = directory.join(format!("{}.tar", part.name()));
            fs::copy(layer.path(), &to).with_context(|| format!("can't write {}", to.display()))?;
        }
    }
    Ok(())
}
