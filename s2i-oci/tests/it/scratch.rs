//! Temporary directories in memory: the tests make tens of thousands of small files.

use std::{path::Path, sync::Once};

use rustix::fs::{XattrFlags, setxattr};
use tempfile::TempDir;

/// The usual file system in memory.
const MEMORY: &str = "/dev/shm";

/// Puts the temporary directories of this process into memory, if the file system there has all that layers need.
pub(crate) fn use_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if has_attributes(Path::new(MEMORY)) {
            tempfile::env::override_temp_dir(Path::new(MEMORY)).unwrap();
        }
    });
}

/// Creates a temporary directory, in memory if possible.
pub(crate) fn dir() -> TempDir {
    use_memory();
    TempDir::with_prefix("s2i-oci-").unwrap()
}

/// Returns whether files there can have extended attributes of users, which older kernels do not support in memory.
fn has_attributes(directory: &Path) -> bool {
    let Ok(temp) = TempDir::new_in(directory) else {
        return false;
    };
    setxattr(temp.path(), "user.test", b"", XattrFlags::empty()).is_ok()
}
