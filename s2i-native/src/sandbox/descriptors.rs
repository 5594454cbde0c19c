//! Open files: inherited ones, and those in memory.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::fd::RawFd,
};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    io::Errno,
};

/// Closes everything but the standard streams. A file that the caller of s2i left open (a lock, a directory
/// of the host) must not get into a container (CVE-2024-21626).
pub(super) fn close_inherited() -> io::Result<()> {
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<RawFd>().ok();
    let open: Vec<_> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| number(entry.ok()?))
        .filter(|fd| *fd > 2)
        .collect();
    for fd in open {
        // The descriptor of the listing is closed already.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

/// Makes a file in memory that no process can change.
pub(super) fn sealed(name: &str, content: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let created = match memfd_create(name, flags | MemfdFlags::EXEC) {
        // Before Linux 6.3, every such file is executable.
        Err(Errno::INVAL) => memfd_create(name, flags),
        created => created,
    };
    let mut file = File::from(created?);
    file.write_all(content)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file)
}
