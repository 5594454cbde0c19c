//! Archives of images, on a file system.

use std::{fs, path::Path};

use s2i_oci::store::Store;
use tempfile::TempDir;

use super::seal::sealed;

/// An archive that is refused leaves nothing behind, and one that is taken leaves images that can be
/// found, by their names too, and that go with all that they brought.
pub(crate) fn check(input: &[u8]) {
    let temp = TempDir::with_prefix("s2i-fuzz-").unwrap();
    let store = Store::open(&temp.path().join("store")).unwrap();
    if let Ok(loaded) = store.import(&mut &sealed(input)[..]) {
        assert!(!loaded.is_empty());
        for image in &loaded {
            let found = store.find_id(image.id).unwrap().expect("a loaded image");
            assert_eq!(found.config().rootfs.diff_ids.len(), found.layers().count());
            for name in &image.names {
                let named = store.find(name).unwrap();
                assert!(named.is_some_and(|named| loaded.iter().any(|l| l.id == named.id())));
            }
        }
        for image in store.list().unwrap() {
            store.remove_id(image.id()).unwrap();
        }
        store.collect().unwrap();
    }
    assert_eq!(names(&store.root().join("blobs/sha256")), [""; 0]);
    assert_eq!(names(&store.root().join("work")), [""; 0]);
    assert_eq!(names(temp.path()), ["store"]);
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
