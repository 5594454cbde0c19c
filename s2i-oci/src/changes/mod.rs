//! The changes of a file system in use, as a layer.
//!
//! A container engine has the changes of a container as a directory of its own. In the file system of a process that
//! runs in a container already, they are the difference of two [snapshots](Snapshot): one from before the changes and
//! one from after. Neither needs a privilege, and [`pack`] writes the layer in the form that [`overlay`](crate::overlay)
//! gives those of an engine.
//!
//! A file has changed if its type, mode, owner, size, modification or change time differ: the change time shows also
//! the changes of programs that keep size and modification time. Of a directory only the mode and the owner count:
//! overlayfs gives it another change time when something below it changes. A layer has the directories above its
//! entries, with their attributes.
//!
//! ```
//! use s2i_oci::{changes::{self, Changes, Packing, Snapshot}, overlay::Limits};
//!
//! # let dir = tempfile::tempdir()?;
//! let (skip, limits) = (Default::default(), Limits::default());
//! let before = Snapshot::take(dir.path(), &skip, &limits, &|| Ok(()))?;
//! std::fs::create_dir(dir.path().join("bin"))?;
//! std::fs::write(dir.path().join("bin/app"), "#!/bin/sh\n")?;
//! let after = Snapshot::take(dir.path(), &skip, &limits, &|| Ok(()))?;
//! let changes = Changes::between(&before, after);
//! let packing = Packing { owner: None, clamp: None, kept_clamp: None, limits: &limits, check: &|| Ok(()) };
//! let mut layer = Vec::new();
//! let (_, size) = changes::pack(dir.path(), changes, &packing, &mut layer)?;
//! assert_eq!(size.files, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod between;
mod snapshot;

pub use between::{Change, Changes, DirectoryAttributes};
pub use snapshot::{Snapshot, SnapshotError};

pub use crate::overlay::pack::{OwnerReplacement, PackChanges as Packing, pack_changes as pack};
