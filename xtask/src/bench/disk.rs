//! A disk like those of users.
//!
//! ext4 without a journal, as small virtual machines have it, does not give away the numbers of removed files
//! for some minutes, and until then looks at each of them again for every file that is made near it. Whoever
//! builds next pays for what others have removed, several times what the build itself takes. So there all that
//! is measured goes to a disk with a journal, which is a file that is gone as soon as nobody uses it.

use std::{
    convert::Infallible,
    env,
    fs::{self, File},
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use s2i_test_engines::{Kind, host, paths};

use crate::engine::Target;

/// The size of the disk, in bytes.
const SIZE: u64 = 20 << 30;

/// Has the kernel use the file as a disk at a directory, with a part of it in the place of others, and goes on
/// with a command. All of that is seen by this process and its children alone, and ends with them.
const SCRIPT: &str = r#"set -eu
file=$1 disk=$2
shift 2
device=$(losetup --find --show --direct-io=on "$file") || lacks=device
rm "$file"
[ -z "${lacks-}" ]
mount "$device" "$disk" || lacks=mount
losetup --detach "$device"
[ -z "${lacks-}" ]
while [ "$1" != -- ]; do
    mkdir -p "$1" "$disk$1"
    mount --bind "$disk$1" "$1"
    shift
done
shift
exec "$@"
"#;

/// Whether removed files cost time where this directory is.
pub(crate) fn is_slow(dir: &Path) -> bool {
    let Ok(meta) = fs::metadata(dir) else {
        return false;
    };
    let (major, minor) = (rustix::fs::major(meta.dev()), rustix::fs::minor(meta.dev()));
    let Ok(device) = fs::read_link(format!("/sys/dev/block/{major}:{minor}")) else {
        return false;
    };
    let Some(name) = device.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    Path::new("/proc/fs/ext4").join(name).exists()
        && !Path::new("/proc/fs/jbd2")
            .join(format!("{name}-8"))
            .exists()
}

/// Starts this very command again, on a disk of its own, to which `dir` belongs as well. Comes back with the
/// reason if that can't be.
pub(crate) fn change(dir: &Path) -> Result<Infallible> {
    if !rustix::process::geteuid().is_root() {
        bail!("it takes root");
    }
    if !Path::new("/dev/loop-control").exists() {
        bail!("the kernel has no loop devices here");
    }
    if let Some(kind) = Kind::ALL
        .iter()
        .find(|kind| s2i_test_engines::endpoint(**kind).is_some())
    {
        bail!("{kind} runs already, and has its files elsewhere");
    }
    let made = paths::made();
    let disk = made.join("bench-disk");
    fs::create_dir_all(&disk).with_context(|| format!("can't make {}", disk.display()))?;
    let file = made.join("bench-disk.img");
    let started = blank(&file).and_then(|()| start(&file, &disk, dir));
    // Else it goes as soon as it is in use.
    let _ = fs::remove_file(&file);
    started
}

/// Goes on in [`SCRIPT`].
fn start(file: &Path, disk: &Path, dir: &Path) -> Result<Infallible> {
    let err = Command::new(host::require("unshare", "apt-get install util-linux")?)
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            SCRIPT,
            "sh",
        ])
        .args([file, disk])
        .args(measured(dir))
        .arg("--")
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .exec();
    Err(err).context("can't start `unshare`")
}

/// Where measured files lie: sources, images, and what engines have.
fn measured(dir: &Path) -> Vec<PathBuf> {
    let store = Target::private().store();
    let mut dirs = vec![dir.to_owned(), s2i_test_engines::ROOT.into()];
    dirs.extend(store);
    dirs
}

/// A file with an empty file system in it.
fn blank(file: &Path) -> Result<()> {
    let format = host::require("mkfs.ext4", "apt-get install e2fsprogs")?;
    let made = File::create(file).and_then(|file| file.set_len(SIZE));
    made.with_context(|| format!("can't make {}", file.display()))?;
    host::run(Command::new(format).args(["-q", "-F"]).arg(file))
}
