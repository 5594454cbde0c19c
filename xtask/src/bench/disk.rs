//! A disk like those of users.
//!
//! On small virtual machines, ext4 often has no journal. It does not reuse the inode numbers of removed files
//! for some minutes, and in the meantime examines each of them again for every file that is created near it. So
//! the next build pays for the files that others removed, with several times its own duration. On such a
//! machine, all measured files are on a disk with a journal, in a file that disappears after its last use.

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

/// Mounts the file as a disk at a directory, mounts parts of it over other directories, and executes a command.
/// All mounts are visible to this process and its children only, and end with them.
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

/// Returns whether removed files slow down builds in this directory.
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
    let journal = Path::new("/proc/fs/jbd2").join(format!("{name}-8"));
    Path::new("/proc/fs/ext4").join(name).exists() && !journal.exists()
}

/// Starts this command again with a separate disk, which also holds `dir`. Returns the reason if this fails.
pub(crate) fn change(dir: &Path) -> Result<Infallible> {
    if !rustix::process::geteuid().is_root() {
        bail!("it takes root");
    }
    if !Path::new("/dev/loop-control").exists() {
        bail!("the kernel has no loop devices here");
    }
    let is_up = |kind: &&Kind| s2i_test_engines::endpoint(**kind).is_some();
    if let Some(kind) = Kind::ALL.iter().find(is_up) {
        bail!("{kind} runs already, and has its files elsewhere");
    }
    let made = paths::made();
    let disk = made.join("bench-disk");
    fs::create_dir_all(&disk).with_context(|| format!("can't make {}", disk.display()))?;
    let file = made.join("bench-disk.img");
    let started = blank(&file).and_then(|()| start(&file, &disk, dir));
    // Otherwise the script removes the file once it is in use.
    let _ = fs::remove_file(&file);
    started
}

/// Continues in [`SCRIPT`].
fn start(file: &Path, disk: &Path, dir: &Path) -> Result<Infallible> {
    let err = Command::new(host::require("unshare", "apt-get install util-linux")?)
        .args(["--mount", "--propagation", "private"])
        .args(["sh", "-c", SCRIPT, "sh"])
        .args([file, disk])
        .args(measured(dir))
        .arg("--")
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .exec();
    Err(err).context("can't start `unshare`")
}

/// Returns the directories of all measured files: sources, images and the data of engines.
fn measured(dir: &Path) -> Vec<PathBuf> {
    let store = Target::private().store();
    let dirs = [dir.to_owned(), s2i_test_engines::ROOT.into()];
    dirs.into_iter().chain(store).collect()
}

/// Creates a file with an empty file system.
fn blank(file: &Path) -> Result<()> {
    let format = host::require("mkfs.ext4", "apt-get install e2fsprogs")?;
    let made = File::create(file).and_then(|file| file.set_len(SIZE));
    made.with_context(|| format!("can't make {}", file.display()))?;
    host::run(Command::new(format).args(["-q", "-F"]).arg(file))
}
