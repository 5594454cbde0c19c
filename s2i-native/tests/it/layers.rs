//! What a container leaves in the directory of its changes.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use s2i_core::wire::Exit;
use s2i_native::sandbox::{Overlay, Sandbox};

use crate::scene::{Scene, can_run, layer};

crate::tests!(
    only_what_the_program_changed_is_there,
    nothing_is_there_when_nothing_changed,
    an_image_that_lacks_everything_is_enough,
    many_layers_are_possible,
    too_many_layers_are_refused_with_their_number,
    a_layer_is_the_base_of_the_next,
    links_of_the_image_lead_nowhere,
    mounted_artifacts_are_writable_and_in_no_layer,
);

fn only_what_the_program_changed_is_there() {
    if !can_run("changes") {
        return;
    }
    let scene = Scene::script(
        "echo a >/etc/new; mkdir -p /opt/app; echo b >/opt/app/file; rm /etc/group; chmod 700 /root; \
         echo c >/tmp/t; rm /tmp/t; echo d >/dev/shm/x",
    );
    let outcome = scene.run();
    assert_eq!((outcome.exit, outcome.err.as_str()), (Exit::Code(0), ""));
    let expected = [
        "etc",
        "etc/group",
        "etc/new",
        "opt",
        "opt/app",
        "opt/app/file",
        "root",
        "tmp",
    ];
    assert_eq!(scene.changes(), expected);
    let metadata = |path: &str| fs::symlink_metadata(scene.sandbox.upper.join(path)).unwrap();
    assert_eq!(
        metadata("etc/group").rdev(),
        0,
        "a removed file is a device 0:0"
    );
    assert_eq!(metadata("etc").mode() & 0o777, 0o755);
}

/// Makes two layers with a directory at `cache`, the topmost first, and mounts it.
pub(crate) fn mount_artifacts(sandbox: &mut Sandbox, dir: &Path) -> [PathBuf; 2] {
    let path = |name: &str| dir.join(name);
    let lowers = [path("top/cache"), path("bottom/cache")];
    for dir in [
        &lowers[0].join("deep"),
        &lowers[1],
        &path("artifacts"),
        &path("artifacts-work"),
    ] {
        fs::create_dir_all(dir).unwrap();
    }
    fs::write(lowers[0].join("deep/new"), "new").unwrap();
    fs::write(lowers[1].join("old"), "old").unwrap();
    fs::set_permissions(&lowers[0], fs::Permissions::from_mode(0o775)).unwrap();
    let overlay = Overlay {
        lowers: lowers.to_vec(),
        upper: path("artifacts"),
        work: path("artifacts-work"),
        at: "/tmp/artifacts".into(),
    };
    sandbox.overlays.push(overlay);
    lowers
}

/// A script that reads and changes the mounted artifacts.
pub(crate) const USE_ARTIFACTS: &str = "cd /tmp/artifacts; cat deep/new old; echo; stat -c %a .; echo changed >old; \
    rm deep/new; echo x >more; cat old; ls; rm -r /tmp/artifacts 2>/dev/null; ls -d /tmp/artifacts";

/// The output of the script.
pub(crate) const ARTIFACTS: &str = "newold\n775\nchanged\ndeep\nmore\nold\n/tmp/artifacts\n";

fn mounted_artifacts_are_writable_and_in_no_layer() {
    if !can_run("mounted artifacts") {
        return;
    }
    let mut scene = Scene::script(USE_ARTIFACTS);
    let lowers = mount_artifacts(&mut scene.sandbox, scene.temp.path());
    let outcome = scene.run();
    assert_eq!(
        (outcome.out.as_str(), outcome.err.as_str()),
        (ARTIFACTS, "")
    );
    assert_eq!(scene.changes(), [""; 0]);
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    assert_eq!(read(lowers[0].join("deep/new")), "new");
    assert_eq!(read(lowers[1].join("old")), "old");
}

fn nothing_is_there_when_nothing_changed() {
    if !can_run("no changes") {
        return;
    }
    let scene = Scene::script("ls / /etc /dev /proc >/dev/null; cat /etc/passwd >/dev/null");
    let image = layer();
    let before = fs::metadata(&image).unwrap();
    assert_eq!(scene.run().exit, Exit::Code(0));
    assert!(scene.changes().is_empty());
    let upper = fs::metadata(&scene.sandbox.upper).unwrap();
    let shown = |metadata: &fs::Metadata| (metadata.mode(), metadata.uid(), metadata.mtime());
    assert_eq!(shown(&upper), shown(&before), "the root looks as before");
}

fn an_image_that_lacks_everything_is_enough() {
    if !can_run("empty images") {
        return;
    }
    let mut scene = Scene::of(&[]);
    scene.sandbox.lowers.clear();
    scene.sandbox.program = s2i_native::sandbox::Program::Nothing;
    let outcome = scene.run();
    assert_eq!((outcome.exit, outcome.err.as_str()), (Exit::Code(0), ""));
    assert!(scene.changes().is_empty());
}

fn many_layers_are_possible() {
    if !can_run("many layers") {
        return;
    }
    let mut scene = Scene::script("ls /l | grep -c . ; cat /l/64 /top");
    for number in 0..130 {
        // As long as the digests that stores name layers by, with what options would have to escape.
        let name = format!("sha256:{number:064},x");
        let dir = scene.temp.path().join(name);
        fs::create_dir_all(dir.join("l")).unwrap();
        fs::write(dir.join(format!("l/{number}")), format!("{number}\n")).unwrap();
        fs::write(dir.join("top"), format!("{number}\n")).unwrap();
        scene.sandbox.lowers.insert(0, dir);
    }
    let outcome = scene.run();
    assert_eq!(outcome.out, "130\n64\n129\n", "{outcome:?}");
}

fn too_many_layers_are_refused_with_their_number() {
    if !can_run("too many layers") {
        return;
    }
    let mut scene = Scene::script("true");
    scene.sandbox.lowers = vec![layer(); 500];
    let outcome = scene.run();
    assert_eq!(outcome.exit, Exit::Code(125));
    assert!(
        outcome.err.contains("the image has 500 layers"),
        "{outcome:?}"
    );
}

fn a_layer_is_the_base_of_the_next() {
    if !can_run("layers on layers") {
        return;
    }
    let first = Scene::script(
        "mkdir /a; echo 1 >/a/one; echo 2 >/a/two; rm -r /etc; mkdir /etc; echo x >/etc/x",
    );
    assert_eq!(first.run().exit, Exit::Code(0));
    let kept = first.temp.path().join("kept");
    fs::rename(&first.sandbox.upper, &kept).unwrap();
    let mut second = Scene::script("rm /a/one; ls /a /etc");
    second.sandbox.lowers.insert(0, kept);
    let outcome = second.run();
    // What is mounted is there all the same; what was removed is not.
    assert_eq!(
        outcome.out, "/a:\ntwo\n\n/etc:\nhostname\nhosts\nresolv.conf\nx\n",
        "{outcome:?}"
    );
    assert_eq!(second.changes(), ["a", "a/one"]);
}

fn links_of_the_image_lead_nowhere() {
    if !can_run("links in images") {
        return;
    }
    let scene = Scene::script(
        "ls -ld /dev /proc | grep -c ^d; cat /etc/resolv.conf >/dev/null && readlink /etc; echo x >/etc/new",
    );
    let outside = scene.temp.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let image = scene.temp.path().join("image");
    let status = Command::new("cp")
        .args(["-a", layer().to_str().unwrap()])
        .arg(&image)
        .status();
    assert!(status.unwrap().success());
    fs::rename(image.join("etc"), image.join("real")).unwrap();
    let real = fs::metadata(image.join("real")).unwrap();
    assert_eq!(real.permissions().mode() & 0o777, 0o755);
    symlink("/real", image.join("etc")).unwrap();
    for link in ["dev", "proc", "sys", "real/resolv.conf", "real/hosts"] {
        symlink(&outside, image.join(link)).unwrap();
    }
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::open(image.join("real"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    let mut scene = scene;
    scene.sandbox.lowers = vec![image];
    let outcome = scene.run();
    assert_eq!(outcome.out, "2\n/real\n", "{outcome:?}");
    assert_eq!(scene.changes(), ["real", "real/new"]);
    assert!(fs::read_dir(&outside).unwrap().next().is_none());
}
