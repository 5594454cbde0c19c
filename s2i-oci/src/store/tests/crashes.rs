//! Tests that interrupt every operation at every change that it makes, by a full disk and by `kill -9`.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use s2i_core::{
    ImageRef, Times,
    image::{ImageConfig, Platform},
};
use tempfile::TempDir;

use super::faults::{self, Fate};
use crate::{
    Digest,
    manifest::{CONFIG, Descriptor, LAYER, LAYER_GZIP, Manifest},
    overlay::Clamp,
    store::{LayerSource, NewImage, Store, StoreError, StoredImage},
};

const OPERATION: &str = "S2I_TEST_OPERATION";
const DIRECTORY: &str = "S2I_TEST_DIRECTORY";
const STEPS: &str = "S2I_TEST_STEPS";

/// An operation on a store with the images `base`, `other` and one without a name, and an unfinished download.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Open,
    Publish,
    PublishUnnamed,
    PublishOver,
    Tag,
    Untag,
    Remove,
    Import,
    Pull,
    Unpack,
    Refresh,
    Settle,
    Collect,
    Prune,
}

const OPERATIONS: [Operation; 14] = [
    Operation::Open,
    Operation::Publish,
    Operation::PublishUnnamed,
    Operation::PublishOver,
    Operation::Tag,
    Operation::Untag,
    Operation::Remove,
    Operation::Import,
    Operation::Pull,
    Operation::Unpack,
    Operation::Refresh,
    Operation::Settle,
    Operation::Collect,
    Operation::Prune,
];

impl Operation {
    fn run(self, store: &Store, scene: &Path) -> Result<(), StoreError> {
        let find = |text| Ok::<_, StoreError>(store.find(&name(text))?.expect("it is there"));
        let (base, external) = (|| find("base"), || find("external"));
        match self {
            Self::Open => drop(Store::open(&scene.join("new"))?),
            Self::Publish => drop(build(store, "new", Some("new"))?),
            Self::PublishUnnamed => drop(build(store, "new", None)?),
            Self::PublishOver => drop(build(store, "new", Some("other"))?),
            Self::Tag => store.tag(&base()?, &name("more"))?,
            Self::Untag => drop(store.untag(&name("other"))?),
            Self::Remove => {
                if let Some(other) = store.find(&name("other"))? {
                    store.remove_id(other.id())?;
                }
            }
            Self::Import => {
                let archive = fs::File::open(scene.join("archive"));
                let mut archive = archive.expect("it was written");
                store.import(&mut archive)?;
            }
            Self::Pull => pull(store)?,
            Self::Unpack => drop(store.trees(&external()?, &|_| {})?),
            Self::Refresh => {
                store.trees(&external()?, &|_| {})?;
                store.in_boot("next").trees(&external()?, &|_| {})?;
            }
            Self::Settle => drop(store.in_boot("next").trees(&base()?, &|_| {})?),
            Self::Collect => drop(store.collect()?),
            Self::Prune => drop(store.prune()?),
        }
        Ok(())
    }
}

fn name(text: &str) -> ImageRef {
    text.parse().unwrap()
}

/// Builds an image of one layer with one file.
fn build(store: &Store, content: &str, tag: Option<&str>) -> Result<StoredImage, StoreError> {
    let work = store.work(&[])?;
    let tree = work.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), content).unwrap();
    // The same every time.
    let clamp = Clamp {
        after: SystemTime::UNIX_EPOCH,
        times: Times {
            new: 1,
            latest: None,
        },
    };
    let layer = store.adopt(&tree, Some(&clamp))?;
    let mut config = ImageConfig::new(Platform::linux("amd64"));
    config.rootfs.diff_ids.push(layer.diff_id());
    let layers = vec![LayerSource::Adopted(layer)];
    store.publish(NewImage { config, layers }, tag.map(name).as_ref())
}

/// A plain layer, as another tool would write it.
fn external_layer(content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, "external", content).unwrap();
    tar.into_inner().unwrap()
}

/// Pulls an image of one compressed layer.
fn pull(store: &Store) -> Result<(), StoreError> {
    let plain = external_layer(b"pulled");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let layer = gzip.finish().unwrap();
    let mut config = ImageConfig::new(Platform::linux("amd64"));
    config.rootfs.diff_ids.push(Digest::of(&plain));
    let config = config.to_json();
    let descriptor = Descriptor::of(LAYER_GZIP, &layer);
    let manifest = Manifest::new(Descriptor::of(CONFIG, &config), vec![descriptor.clone()]);
    let work = store.work(&[])?;
    if let Some(partial) = store.partial(&work, &descriptor)? {
        fs::write(partial.path(), &layer).unwrap();
        partial.finish()?;
    }
    let manifest = serde_json::to_vec(&manifest).unwrap();
    store.publish_pulled(&manifest, &config, &name("pulled"))?;
    Ok(())
}

/// Creates the directory in memory if possible: hundreds of stores are made, and waiting for a disk would prove
/// nothing.
fn directory() -> TempDir {
    let memory = TempDir::with_prefix_in("s2i-store-", "/dev/shm");
    memory.unwrap_or_else(|_| TempDir::with_prefix("s2i-store-").unwrap())
}

/// Creates a store, and the inputs of the operations.
fn scene() -> TempDir {
    let temp = directory();
    let store = Store::open(&temp.path().join("store")).unwrap();
    build(&store, "base", Some("base")).unwrap();
    build(&store, "other", Some("other")).unwrap();
    build(&store, "unnamed", None).unwrap();
    build(&store, "gone", Some("gone")).unwrap();
    store.untag(&name("gone")).unwrap();
    import_external(&store);
    let work = store.work(&[]).unwrap();
    let begun = Descriptor::of(LAYER, b"never finished");
    let partial = store.partial(&work, &begun).unwrap().unwrap();
    fs::write(partial.path(), "never").unwrap();
    drop((partial, work));

    let elsewhere = Store::open(&temp.path().join("elsewhere")).unwrap();
    let images = [
        build(&elsewhere, "one", Some("one")).unwrap(),
        build(&elsewhere, "two", Some("two")).unwrap(),
    ];
    let images = images
        .each_ref()
        .map(|image| (image, image.names().to_vec()));
    let mut archive = fs::File::create(temp.path().join("archive")).unwrap();
    elsewhere.export(&images, &|_| false, &mut archive).unwrap();
    temp
}

fn import_external(store: &Store) {
    let layer = external_layer(b"external");
    let mut config = ImageConfig::new(Platform::linux("amd64"));
    config.rootfs.diff_ids.push(Digest::of(&layer));
    let mut tar = tar::Builder::new(Vec::new());
    let manifest = br#"[{"Config":"config","RepoTags":["external"],"Layers":["layer"]}]"#;
    let files: [(&str, &[u8]); 3] = [
        ("config", &config.to_json()),
        ("layer", &layer),
        ("manifest.json", manifest),
    ];
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content).unwrap();
    }
    let archive = tar.into_inner().unwrap();
    store.import(&mut archive.as_slice()).unwrap();
}

/// The names and ids of images.
type Listing = Vec<(Vec<String>, Digest)>;

/// The names and ids of all images, each of which must be whole.
fn listing(store: &Store) -> Listing {
    let images = store.list().unwrap();
    let shown = images.iter().map(|image| {
        store.work(&[image]).unwrap();
        for layer in image.layers() {
            store.write_layer(&layer, &mut std::io::sink()).unwrap();
        }
        (
            image.names().iter().map(ToString::to_string).collect(),
            image.id(),
        )
    });
    shown.collect()
}

/// The names in one of the store's directories.
fn names(store: &Store, place: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(store.root().join(place)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// Checks that the store holds nothing except the content of the listed images.
fn check_clean(store: &Store, context: &str) {
    store.prune().unwrap();
    let mut blobs = BTreeSet::new();
    let mut layers = BTreeSet::new();
    for image in store.list().unwrap() {
        blobs.extend([image.id().hex(), image.manifest_digest().hex()]);
        blobs.extend(image.layers().map(|layer| layer.descriptor.digest.hex()));
        layers.extend(image.layers().map(|layer| layer.diff_id.hex()));
    }
    assert!(names(store, "blobs/sha256").is_subset(&blobs), "{context}");
    assert!(names(store, "layers").is_subset(&layers), "{context}");
    for place in ["work", "partial"] {
        assert_eq!(names(store, place), BTreeSet::new(), "{context}: {place}");
    }
}

/// Checks the store after an interrupted operation: it is in the state before or after, and the operation can be done
/// now.
fn check(operation: Operation, scene: &Path, before: &Listing, context: &str) {
    let store = Store::open(&scene.join("store")).unwrap();
    assert_eq!(names(&store, "work"), BTreeSet::new(), "{context}");
    assert!(!store.root().join("new").exists(), "{context}");
    let found = listing(&store);
    let again = operation.run(&store, scene);
    if found == *before {
        again.unwrap();
    }
    let after = listing(&store);
    assert!(found == *before || found == after, "{context}: {found:?}");
    check_clean(&store, context);
}

/// Interrupts the operation after one step more each time, until it completes, and returns the number of its steps.
fn end_everywhere(operation: Operation, end: impl Fn(&Path, u64) -> bool) -> u64 {
    let original = scene();
    let before = listing(&Store::open(&original.path().join("store")).unwrap());
    for steps in 0.. {
        let copy = directory();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(original.path().join("."))
            .arg(copy.path())
            .status();
        assert!(copied.unwrap().success());
        let ended = end(copy.path(), steps);
        let context = format!("{operation:?} after {steps} steps");
        check(operation, copy.path(), &before, &context);
        if !ended {
            return steps;
        }
    }
    unreachable!("every operation ends");
}

/// Returns whether the operation can't be tested by this user.
fn is_skipped(operation: Operation) -> bool {
    let needs_root = matches!(operation, Operation::Unpack | Operation::Refresh);
    let is_skipped = needs_root && !rustix::process::geteuid().is_root();
    if is_skipped {
        eprintln!("SKIPPED: {operation:?}, because only root can unpack layers");
    }
    is_skipped
}

#[test]
fn full_disk_leaves_the_store_unchanged() {
    for operation in OPERATIONS {
        if is_skipped(operation) {
            continue;
        }
        let steps = end_everywhere(operation, |scene, steps| {
            let store = Store::open(&scene.join("store")).unwrap();
            faults::plan(steps, Fate::Full);
            let done = operation.run(&store, scene);
            let ended = faults::end();
            if let Err(err) = done {
                assert!(ended && err.is_full(), "{operation:?}: {err:?}");
            }
            ended
        });
        assert!(steps > 2, "{operation:?} has no steps");
    }
}

#[test]
fn killed_process_leaves_the_store_consistent() {
    for operation in OPERATIONS {
        if is_skipped(operation) {
            continue;
        }
        let steps = end_everywhere(operation, |scene, steps| {
            let output = Command::new(env::current_exe().unwrap())
                .args(["--exact", "store::tests::crashes::victim", "--nocapture"])
                .env(OPERATION, format!("{operation:?}"))
                .env(DIRECTORY, scene)
                .env(STEPS, steps.to_string())
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            match output.status.signal() {
                Some(9) => true,
                None if output.status.success() && text.contains("1 passed") => false,
                _ => panic!("{operation:?} after {steps} steps: {output:?}"),
            }
        });
        assert!(steps > 2, "{operation:?} has no steps");
    }
}

/// The child process of the test above: runs an operation and is killed on the way.
#[test]
fn victim() {
    let (Ok(wanted), Ok(scene)) = (env::var(OPERATION), env::var(DIRECTORY)) else {
        return;
    };
    let scene = PathBuf::from(scene);
    let operation = OPERATIONS.into_iter().find(|o| format!("{o:?}") == wanted);
    let store = Store::open(&scene.join("store")).unwrap();
    faults::plan(env::var(STEPS).unwrap().parse().unwrap(), Fate::Death);
    operation.unwrap().run(&store, &scene).unwrap();
    faults::end();
}
