//! The layers of an image and the directory for what changes, as one file system.

use std::{
    ffi::CString,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use rustix::{
    fs::statfs,
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount, unmount},
};
use s2i_core::wire::{Failure, OrFailure as _};

use super::{
    init_layer::{InitLayer, MountPoint},
    metadata::copy_metadata,
    rootfs::RootFs,
    spec::{Overlay, Sandbox},
};

/// The limit of the kernel, less our own layer.
const MOST_LAYERS: usize = 499;

/// Mount options in the order in which they are tried, as older kernels lack some. The features that are switched off
/// would leave marks in the layer that other kernels and tools do not read. `volatile` omits all syncs: the directory is
/// of no use after a crash.
const OPTIONS: [&str; 3] = [
    ",index=off,metacopy=off,redirect_dir=off,xino=off,volatile",
    ",index=off,metacopy=off,redirect_dir=off,xino=off",
    "",
];

/// File systems that can't hold an upper directory, by their magic numbers.
const UNSUITED: [(u32, &str); 6] = [
    (0x794c_7630, "overlay"),
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x4d44, "FAT"),
    (0x2011_bab0, "exFAT"),
];

/// Returns the name of the file system of a path, if it can't hold containers.
pub(crate) fn unsuited(path: &Path) -> io::Result<Option<&'static str>> {
    let kind = statfs(path)?.f_type;
    let known = UNSUITED
        .iter()
        .find(|(number, _)| i64::from(*number) == kind);
    Ok(known.map(|(_, name)| *name))
}

/// A directory in memory, visible in this mount namespace alone, in which a root file system is assembled.
pub(super) struct ScratchDir {
    /// The new root.
    pub(super) root: PathBuf,
    /// Files that are mounted in it one by one.
    pub(super) files: PathBuf,
    /// The layer with mount points.
    init: PathBuf,
    /// Links to the directories of overlays.
    links: PathBuf,
}

impl ScratchDir {
    pub(super) fn make(work: &Path) -> Result<Self, Failure> {
        let operation = format!("can't prepare `{}`", work.display());
        let dir = work.join("scratch");
        // The kernel's own, which must be in the file system of the changes.
        for dir in [&work.join("overlay"), &dir] {
            fs::create_dir_all(dir).or_failure(&operation)?;
        }
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tmpfs", &dir, "tmpfs", flags, c"mode=755").or_failure(&operation)?;
        let [root, files, init, links] =
            ["root", "files", "init", "links"].map(|name| dir.join(name));
        for dir in [&root, &files, &init, &links] {
            fs::create_dir(dir).or_failure(&operation)?;
        }
        Ok(Self {
            root,
            files,
            init,
            links,
        })
    }

    /// Mounts the root, with all mount points in it.
    pub(super) fn mount(&self, sandbox: &Sandbox, points: &[MountPoint]) -> Result<(), Failure> {
        check(sandbox)?;
        let Sandbox {
            lowers,
            upper,
            work,
            ..
        } = sandbox;
        symlink(&self.init, self.links.join("init"))
            .and_then(|()| link(&self.links, lowers, upper, &work.join("overlay")))
            .or_failure("can't prepare the layers")?;
        let lowerdir = lowerdir(["init".into()], lowers);
        let init = self.find_missing(sandbox, &lowerdir, points)?;
        init.make(&self.init)
            .or_failure("can't make mount points")?;
        copy_root_metadata(lowers, upper)
            .or_failure(format_args!("can't prepare `{}`", upper.display()))?;
        let own = format!("{lowerdir},upperdir=upper,workdir=work");
        self.overlay(sandbox, &own, MountFlags::NODEV)
    }

    /// Mounts another one in the root. It has links of its own beside those of the root.
    pub(super) fn mount_over(
        &self,
        sandbox: &Sandbox,
        number: usize,
        overlay: &Overlay,
        root: &RootFs,
    ) -> Result<(), Failure> {
        let Overlay {
            lowers,
            upper,
            work,
            at,
        } = overlay;
        let operation = format!("can't mount layers at `{}`", at.display());
        let links = self.links.join(format!("over-{number}"));
        fs::create_dir(&links)
            .and_then(|()| link(&links, lowers, upper, work))
            .and_then(|()| copy_root_metadata(lowers, upper))
            .or_failure(&operation)?;
        let own = format!("{},upperdir=upper,workdir=work", lowerdir([], lowers));
        let flags = MountFlags::NODEV | MountFlags::NOSUID;
        let mount =
            |options: &str| root.try_mount("overlay", &at.to_string_lossy(), flags, options);
        with_options(&own, sandbox.user_xattrs, mount).or_failure(&operation)
    }

    /// Finds the mount points that the image lacks.
    fn find_missing(
        &self,
        sandbox: &Sandbox,
        lowers: &str,
        points: &[MountPoint],
    ) -> Result<InitLayer, Failure> {
        if sandbox.lowers.is_empty() {
            return Ok(InitLayer::without_image(points));
        }
        let operation = "can't look into the image";
        self.overlay(sandbox, lowers, MountFlags::RDONLY)?;
        let init = RootFs::open(&self.root).and_then(|root| InitLayer::find(&root, points));
        let init = init.or_failure(operation)?;
        unmount(&self.root, UnmountFlags::empty()).or_failure(operation)?;
        Ok(init)
    }

    fn overlay(&self, sandbox: &Sandbox, own: &str, flags: MountFlags) -> Result<(), Failure> {
        let mount = |options: &str| -> io::Result<()> {
            let options = CString::new(options)?;
            Ok(mount("overlay", &self.root, "overlay", flags, &*options)?)
        };
        with_options(own, sandbox.user_xattrs, mount).or_failure(format_args!(
            "can't mount {} layers with `{}` as overlay",
            sandbox.lowers.len(),
            sandbox.upper.display()
        ))
    }
}

/// Tries the options that kernels have, the newest first.
fn with_options(
    own: &str,
    user_xattrs: bool,
    mount: impl Fn(&str) -> io::Result<()>,
) -> io::Result<()> {
    let dialect = if user_xattrs { ",userxattr" } else { "" };
    let mut result = Err(Errno::INVAL.into());
    for more in OPTIONS {
        result = mount(&format!("{own}{more}{dialect}"));
        let is_unknown = |err: &io::Error| err.raw_os_error() == Some(Errno::INVAL.raw_os_error());
        if !result.as_ref().is_err_and(is_unknown) {
            break;
        }
    }
    result
}

/// Makes links to the directories of an overlay, and makes their directory the current one.
///
/// Options may be no longer than a page, which the paths of a hundred layers are. So they are relative paths of links
/// with short names, and need no escapes. The container can see the options, too.
fn link(links: &Path, lowers: &[PathBuf], upper: &Path, work: &Path) -> io::Result<()> {
    for (number, lower) in lowers.iter().enumerate() {
        symlink(lower, links.join(number.to_string()))?;
    }
    symlink(upper, links.join("upper"))?;
    symlink(work, links.join("work"))?;
    std::env::set_current_dir(links)
}

/// Returns the option for these layers, by the names of their links.
fn lowerdir<const COUNT: usize>(first: [String; COUNT], lowers: &[PathBuf]) -> String {
    let names = (0..lowers.len()).map(|number| number.to_string());
    let names: Vec<_> = first.into_iter().chain(names).collect();
    format!("lowerdir={}", names.join(":"))
}

/// Checks the sandbox for faults that the kernel would report less clearly.
fn check(sandbox: &Sandbox) -> Result<(), Failure> {
    let layers = sandbox.lowers.len();
    if layers > MOST_LAYERS {
        return Err(Failure::os(format!(
            "the image has {layers} layers, and the kernel takes {MOST_LAYERS} at most"
        )));
    }
    for dir in sandbox.lowers.iter().chain([&sandbox.upper]) {
        let metadata = fs::metadata(dir);
        let metadata = metadata.or_failure(format_args!("can't use `{}`", dir.display()))?;
        if !metadata.is_dir() {
            return Err(Failure::os(format!(
                "`{}` is not a directory",
                dir.display()
            )));
        }
    }
    let upper = &sandbox.upper;
    let unsuited =
        unsuited(upper).or_failure(format_args!("can't look at `{}`", upper.display()))?;
    match unsuited {
        Some(kind) => Err(Failure::os(format!(
            "`{}` is in a file system of type {kind}, which can't hold a container; use another directory",
            upper.display()
        ))),
        None => Ok(()),
    }
}

/// Gives the upper directory of an overlay the metadata of its topmost layer, as the kernel does for directories below.
fn copy_root_metadata(lowers: &[PathBuf], upper: &Path) -> io::Result<()> {
    match lowers.first() {
        Some(top) => copy_metadata(&fs::metadata(top)?, upper),
        None => Ok(()),
    }
}
