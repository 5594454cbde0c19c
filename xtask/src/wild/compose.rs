//! Composition of the images: packages and scripts on a base of Debian, in a chroot.
//!
//! The base is the lower directory of an overlay file system, and what an image adds is the upper one, which is packed
//! as its layer.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use s2i_oci::{
    Blob, Image, archive,
    manifest::{self, Descriptor},
    overlay::{self, Dialect},
};
use s2i_test_engines::{host, paths};

use super::definition::{Definition, folder};
use crate::images;

/// Certificates that this machine trusts in addition to those of its distribution. Without them, registries of packages
/// may not be reachable from here.
const CERTIFICATES: &str = "/usr/local/share/ca-certificates";

/// Makes the base, `$1`, from the mirror `$2`.
const BASE: &str = r#"
debootstrap --variant=minbase --include=ca-certificates bookworm "$1" "$2"
printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
chmod 755 "$1/usr/sbin/policy-rc.d"
if [ -d "$3" ]; then
    cp -r "$3/." "$1/usr/local/share/ca-certificates"
    chroot "$1" update-ca-certificates
fi
chroot "$1" apt-get clean
"#;

/// Installs packages and runs `setup.sh` in `$1/merged`, above the base `$2`, with the clones `$3` and the folder `$4`.
/// Mounts and processes end with its namespaces.
const SETUP: &str = r#"
cd "$1"
mkdir merged upper work
mount -t overlay -o "lowerdir=$2,upperdir=upper,workdir=work,redirect_dir=off,metacopy=off" overlay merged
mount -t proc proc merged/proc
mount --bind "$3" merged/mnt
mount -t tmpfs tmpfs merged/media
cp "$4/setup.sh" "$4/../core.sh" merged/media
shift 4
chroot merged /usr/bin/env -i PATH="$PATH" DEBIAN_FRONTEND=noninteractive sh -ec '
    apt-get update
    apt-get install -y --no-install-recommends "$@"
    apt-get clean
    rm -rf /var/lib/apt/lists/*
' sh $PACKAGES
chroot merged /usr/bin/env -i "$@" bash -e /media/setup.sh
"#;

/// Composes images in a directory.
pub(super) struct Composer {
    made: PathBuf,
    sources: PathBuf,
    base: PathBuf,
}

impl Composer {
    /// Makes the base if it is not there yet. `sources` has the clones of all repositories.
    pub(super) fn new(made: &Path, sources: &Path) -> Result<Self> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "only root can compose the images, for they are made in a chroot"
        );
        host::require("debootstrap", "apt-get install debootstrap")?;
        let base = made.join("base");
        if !base.exists() {
            let unfinished = made.join("base.new");
            remove(&unfinished)?;
            let mut bootstrap = Command::new("sh");
            bootstrap.args(["-ec", BASE, "sh"]).arg(&unfinished);
            bootstrap.args([&images::mirror(), CERTIFICATES]);
            host::run(&mut bootstrap)?;
            fs::rename(&unfinished, &base)?;
        }
        Ok(Self {
            made: made.to_owned(),
            sources: sources.canonicalize()?,
            base,
        })
    }

    /// Composes an image, or takes that of an earlier run with the same definition. Returns its archive.
    pub(super) fn compose(&self, name: &str, image: &Definition, tag: &str) -> Result<PathBuf> {
        let root = self.made.join("images").join(name);
        let stamp = stamp(name, image)?;
        let stamped = root.join("stamp");
        if fs::read_to_string(&stamped).is_ok_and(|old| old == stamp) {
            return Ok(root.join("image.tar"));
        }
        remove(&root)?;
        fs::create_dir_all(&root)?;
        self.set_up(name, image, &root)?;
        let mut composed = Image::new(image.config()?);
        let base = pack(&self.base, &root.join("base.tar"))?;
        composed.push(base, "debootstrap");
        let own = pack(&root.join("upper"), &root.join("own.tar"))?;
        composed.push(own, "packages and scripts");
        composed.names.push(tag.parse()?);
        let file = root.join("image.tar");
        let mut out = BufWriter::new(File::create(&file)?);
        archive::write(&[composed], &mut out)?;
        out.flush()?;
        for part in ["base.tar", "own.tar", "upper", "work", "merged"] {
            remove(&root.join(part))?;
        }
        fs::write(stamped, stamp)?;
        Ok(file)
    }

    fn set_up(&self, name: &str, image: &Definition, root: &Path) -> Result<()> {
        let mut setup = Command::new("unshare");
        setup.args(["--mount", "--pid", "--fork", "sh", "-ec", SETUP, "sh"]);
        setup.args([root, &self.base, &self.sources, &folder(name)]);
        let env = image.env.iter();
        setup.args(env.map(|(name, value)| format!("{name}={value}")));
        setup.env("PACKAGES", image.packages.join(" "));
        host::run(&mut setup)
    }
}

/// Returns all that an image is made from, except for the clones.
fn stamp(name: &str, image: &Definition) -> Result<String> {
    let read = |path: PathBuf| {
        let read = fs::read_to_string(&path);
        read.with_context(|| format!("can't read {}", path.display()))
    };
    let setup = read(folder(name).join("setup.sh"))?;
    let core = read(paths::root().join("xtask/src/wild/core.sh"))?;
    let packages = image.packages.join(" ");
    let config = String::from_utf8(image.config()?.to_json())?;
    Ok([packages, config, core, setup].join("\n"))
}

fn pack(tree: &Path, to: &Path) -> Result<Blob> {
    let mut out = BufWriter::new(File::create(to)?);
    let (digest, size) = overlay::pack(tree, Dialect::Trusted, None, &mut out)?;
    out.flush()?;
    let descriptor = Descriptor::new(manifest::LAYER, digest, size.bytes);
    Ok(Blob::new(to.into(), descriptor, digest))
}

/// Removes a file or a tree that may be missing.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else if path.exists() {
        fs::remove_file(path)
    } else {
        Ok(())
    };
    removed.with_context(|| format!("can't remove {}", path.display()))
}
