//! The extended attributes that a layer has, and overlayfs' own.

use std::{ffi::CStr, os::fd::BorrowedFd};

use rustix::{
    fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr},
    io::Errno,
};

use super::Dialect;

/// The most bytes of a list of names and of a value that the kernel returns.
const MOST: usize = 64 << 10;

/// The most bytes of the attributes of one entry: with a long name and target they still fit into the limit for the
/// headers of an entry.
pub(super) const MOST_IN_ENTRY: usize = 1_000_000;

/// Returns whether a layer has attributes of this name: as with Docker, capabilities and those of users. Others
/// belong to the host (labels, access lists) or to overlayfs.
pub(super) fn is_kept(name: &[u8]) -> bool {
    name == b"security.capability"
        || (name.starts_with(b"user.") && !name.starts_with(Dialect::User.prefix()))
}

/// Returns whether the error means that there is no such attribute.
pub(super) fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NODATA | Errno::OPNOTSUPP)
}

/// Sets attributes.
pub(super) fn set(fd: BorrowedFd<'_>, xattrs: &[(Vec<u8>, Vec<u8>)]) -> Result<(), Errno> {
    for (name, value) in xattrs {
        fsetxattr(fd, name.as_slice(), value, XattrFlags::empty())?;
    }
    Ok(())
}

/// Marks a directory as hiding the contents of lower layers.
pub(super) fn set_opaque(fd: BorrowedFd<'_>, dialect: Dialect) -> Result<(), Errno> {
    fsetxattr(fd, dialect.opaque(), b"y", XattrFlags::empty())
}

/// The attributes of a file or directory.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// Those that a layer has, sorted.
    pub(super) kept: Vec<(Vec<u8>, Vec<u8>)>,
    /// True if the directory hides the contents of lower layers.
    pub(super) is_opaque: bool,
    /// A mark of overlayfs that changes the meaning of the file.
    pub(super) mark: Option<String>,
    /// True if there are more bytes of attributes than one entry can have, and not all were read.
    pub(super) is_too_large: bool,
}

/// Reads attributes, always into the same buffers.
pub(super) struct AttributeReader {
    dialect: Dialect,
    names: Vec<u8>,
    value: Vec<u8>,
}

impl AttributeReader {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            names: vec![0; MOST],
            value: vec![0; MOST],
        }
    }

    pub(super) fn read(&mut self, fd: BorrowedFd<'_>) -> Result<Attributes, Errno> {
        let mut found = Attributes::default();
        let length = match flistxattr(fd, self.names.as_mut_slice()) {
            Err(err) if is_absent(err) => 0,
            length => length?,
        };
        let mut bytes = 0;
        for name in self.names[..length].split_inclusive(|byte| *byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else {
                continue;
            };
            if is_kept(name.to_bytes()) {
                let value = get(fd, name, &mut self.value)?.to_vec();
                bytes += name.count_bytes() + value.len();
                if bytes > MOST_IN_ENTRY {
                    found.is_too_large = true;
                    return Ok(found);
                }
                found.kept.push((name.to_bytes().to_vec(), value));
            } else if let Some(mark) = name.to_bytes().strip_prefix(self.dialect.prefix()) {
                match mark {
                    b"opaque" => found.is_opaque = get(fd, name, &mut self.value)? == b"y",
                    b"redirect" | b"metacopy" | b"whiteout" => {
                        found.mark = Some(name.to_string_lossy().into_owned());
                    }
                    _ => {}
                }
            }
        }
        found.kept.sort_unstable();
        Ok(found)
    }
}

fn get<'b>(fd: BorrowedFd<'_>, name: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let length = fgetxattr(fd, name, &mut *buffer)?;
    Ok(&buffer[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_overlayfs_and_of_the_host_are_not_kept() {
        for (name, expected) in [
            ("user.a", true),
            ("security.capability", true),
            ("trusted.overlay.redirect", false),
            ("user.overlay.opaque", false),
            ("security.selinux", false),
            ("system.posix_acl_access", false),
        ] {
            assert_eq!(is_kept(name.as_bytes()), expected, "{name}");
        }
    }
}
