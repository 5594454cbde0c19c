//! The layers of an image and the directory for what changes, as one file system.

use std::{
    fmt::Write as _,
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use rustix::{
    fs::statfs,
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount, unmount},
};

use super::{
    fault::{Fault, OrFault as _},
    init_layer::{InitLayer, MountPoint},
    rootfs::RootFs,
    spec::{Overlay, Sandbox},
    times::set_time,
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
    dir: PathBuf,
}

impl ScratchDir {
    pub(super) fn make(work: &Path) -> Result<Self, Fault> {
        let what = || format!("can't prepare `{}`", work.display());
        let dir = work.join("scratch");
        // The kernel's own, which must be in the file system of the changes.
        for dir in [&work.join("overlay"), &dir] {
            fs::create_dir_all(dir).or_fault(what)?;
        }
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tmpfs", &dir, "tmpfs", flags, c"mode=755").or_fault(what)?;
        let scratch = Self { dir };
        for dir in [
            scratch.links(),
            scratch.init(),
            scratch.files(),
            scratch.root(),
        ] {
            fs::create_dir(dir).or_fault(what)?;
        }
        Ok(scratch)
    }

    /// The new root.
    pub(super) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// For files that are mounted in it one by one.
    pub(super) fn files(&self) -> PathBuf {
        self.dir.join("files")
    }

    fn init(&self) -> PathBuf {
        self.dir.join("init")
    }

    fn links(&self) -> PathBuf {
        self.dir.join("links")
    }

    /// Mounts the root, with all mount points in it.
    pub(super) fn mount(&self, sandbox: &Sandbox, points: &[MountPoint]) -> Result<(), Fault> {
        check(sandbox)?;
        self.link(sandbox)
            .or_fault(|| "can't prepare the layers".into())?;
        let lowers = lowers(sandbox);
        let init = self.lacking(sandbox, &lowers, points)?;
        init.make(&self.init())
            .or_fault(|| "can't make mount points".into())?;
        let upper = &sandbox.upper;
        if let Some(top) = sandbox.lowers.first() {
            adopt(top, upper).or_fault(|| format!("can't prepare `{}`", upper.display()))?;
        }
        let own = format!("{lowers},upperdir=upper,workdir=work");
        self.overlay(sandbox, &own, MountFlags::NODEV)
    }

    /// Mounts another one in the root. It has links of its own beside those of the root.
    pub(super) fn mount_over(
        &self,
        sandbox: &Sandbox,
        number: usize,
        overlay: &Overlay,
        root: &RootFs,
    ) -> Result<(), Fault> {
        let Overlay {
            lowers,
            upper,
            work,
            at,
        } = overlay;
        let what = || format!("can't mount layers at `{}`", at.display());
        let links = self.links().join(format!("over-{number}"));
        let make = || -> io::Result<()> {
            fs::create_dir(&links)?;
            for (number, lower) in lowers.iter().enumerate() {
                symlink(lower, links.join(number.to_string()))?;
            }
            symlink(upper, links.join("upper"))?;
            symlink(work, links.join("work"))?;
            std::env::set_current_dir(&links)?;
            lowers.first().map_or(Ok(()), |top| adopt(top, upper))
        };
        make().or_fault(what)?;
        let names: Vec<_> = (0..lowers.len()).map(|number| number.to_string()).collect();
        let own = format!("lowerdir={},upperdir=upper,workdir=work", names.join(":"));
        let flags = MountFlags::NODEV | MountFlags::NOSUID;
        let mount =
            |options: &str| root.try_mount("overlay", &at.to_string_lossy(), flags, options);
        with_options(&own, sandbox.user_xattrs, mount).or_fault(what)
    }

    /// Options may be no longer than a page, which the paths of a hundred layers are. So they are relative
    /// paths of links with short names, and need no escapes. The container can see the options, too.
    fn link(&self, sandbox: &Sandbox) -> io::Result<()> {
        let links = self.links();
        for (number, lower) in sandbox.lowers.iter().enumerate() {
            symlink(lower, links.join(number.to_string()))?;
        }
        symlink(self.init(), links.join("init"))?;
        symlink(&sandbox.upper, links.join("upper"))?;
        symlink(sandbox.work.join("overlay"), links.join("work"))?;
        std::env::set_current_dir(links)
    }

    /// Finds the mount points that the image lacks.
    fn lacking(
        &self,
        sandbox: &Sandbox,
        lowers: &str,
        points: &[MountPoint],
    ) -> Result<InitLayer, Fault> {
        if sandbox.lowers.is_empty() {
            return Ok(InitLayer::without_image(points));
        }
        let what = || "can't look into the image".to_owned();
        self.overlay(sandbox, lowers, MountFlags::RDONLY)?;
        let init = RootFs::open(&self.root()).and_then(|root| InitLayer::find(&root, points));
        let init = init.or_fault(what)?;
        unmount(self.root(), UnmountFlags::empty()).or_fault(what)?;
        Ok(init)
    }

    fn overlay(&self, sandbox: &Sandbox, own: &str, flags: MountFlags) -> Result<(), Fault> {
        let mount = |options: &str| -> io::Result<()> {
            let options = std::ffi::CString::new(options)?;
            Ok(mount(
                "overlay",
                self.root(),
                "overlay",
                flags,
                options.as_c_str(),
            )?)
        };
        with_options(own, sandbox.user_xattrs, mount).or_fault(|| {
            format!(
                "can't mount {} layers with `{}` as overlay",
                sandbox.lowers.len(),
                sandbox.upper.display()
            )
        })
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

fn lowers(sandbox: &Sandbox) -> String {
    let mut lowers = "lowerdir=init".to_owned();
    for number in 0..sandbox.lowers.len() {
        write!(lowers, ":{number}").expect("a String takes all text");
    }
    lowers
}

/// Checks the sandbox for faults that the kernel would report less clearly.
fn check(sandbox: &Sandbox) -> Result<(), Fault> {
    let layers = sandbox.lowers.len();
    if layers > MOST_LAYERS {
        return Err(Fault::new(format!(
            "the image has {layers} layers, and the kernel takes {MOST_LAYERS} at most"
        )));
    }
    for dir in sandbox.lowers.iter().chain([&sandbox.upper]) {
        let metadata = fs::metadata(dir);
        let metadata = metadata.or_fault(|| format!("can't use `{}`", dir.display()))?;
        if !metadata.is_dir() {
            return Err(Fault::new(format!("`{}` is no directory", dir.display())));
        }
    }
    let upper = &sandbox.upper;
    let unsuited = unsuited(upper).or_fault(|| format!("can't look at `{}`", upper.display()))?;
    match unsuited {
        Some(kind) => Err(Fault::new(format!(
            "`{}` is in a file system of type {kind}, which can't hold a container; use another directory",
            upper.display()
        ))),
        None => Ok(()),
    }
}

/// Copies owner, mode and time of a directory of the topmost layer to that in the upper directory. Needed for the root
/// of an overlay, and for every directory that the kernel did not copy itself.
pub(crate) fn adopt(top: &Path, upper: &Path) -> io::Result<()> {
    let image = fs::metadata(top)?;
    // A process that may not change owners sees unmapped owners anyway.
    let _ = chown(upper, Some(image.uid()), Some(image.gid()));
    fs::set_permissions(upper, fs::Permissions::from_mode(image.mode() & 0o7777))?;
    set_time(upper, image.mtime(), image.mtime_nsec())
}
