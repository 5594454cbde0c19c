//! The shell and the tools of builders: Debian's bash and busybox, and scripts for tools that busybox lacks.
//!
//! The `sh` of images is bash. The `sh` of this busybox prefers its own tools to those in `PATH`, so it would
//! not find a project's own `watch` in `node_modules/.bin`.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use s2i_oci::layer::{LayerBuilder, Owner};

use super::{
    debian::{self, Item},
    folder, put,
};

/// The packages of the programs, and the package with the texts of their licences.
pub(super) const PACKAGES: [&str; 3] = ["base-files", "bash-static", "busybox-static"];

/// The licences of bash, busybox and their C library.
const LICENCES: [&str; 3] = ["GPL-2", "GPL-3", "LGPL-2.1"];

/// The tools of busybox in images, one per line.
const TOOLS: &str = include_str!("../../../builder-images/shell/busybox.txt");

/// The tools that are scripts.
const SCRIPTS: [&str; 9] = [
    "cksum", "comm", "env", "find", "install", "nohup", "printenv", "split", "tar",
];

/// Adds the programs from the items of [`PACKAGES`]. `/bin` is a link to `/usr/bin`, so that programs are at
/// both paths that scripts and Dockerfiles use.
pub(super) fn add(layer: &mut LayerBuilder, items: &[(String, Item)]) -> Result<()> {
    let busybox = find(items, "bin/busybox")?;
    let known = tools(&busybox);
    let missing = TOOLS
        .lines()
        .filter(|tool| !known.contains(tool.as_bytes()));
    let missing: Vec<_> = missing.collect();
    ensure!(missing.is_empty(), "busybox has no {}", missing.join(", "));
    layer.symlink("bin", "usr/bin", Owner::ROOT)?;
    put(
        layer,
        "usr/bin/bash",
        0o755,
        find(items, "bin/bash-static")?,
    )?;
    layer.symlink("usr/bin/sh", "bash", Owner::ROOT)?;
    put(layer, "usr/bin/busybox", 0o755, busybox)?;
    for tool in TOOLS.lines() {
        layer.symlink(&format!("usr/bin/{tool}"), "busybox", Owner::ROOT)?;
    }
    for name in SCRIPTS {
        let script = folder().join("shell").join(name);
        put(layer, &format!("usr/bin/{name}"), 0o755, script)?;
    }
    debian::add_licences(layer, items)?;
    for licence in LICENCES {
        let name = format!("usr/share/common-licenses/{licence}");
        put(layer, &name, 0o644, find(items, &name)?)?;
    }
    Ok(())
}

/// Returns the content of the file with this name, also from `/usr`.
pub(super) fn find(items: &[(String, Item)], name: &str) -> Result<Vec<u8>> {
    let in_root = |path| str::strip_prefix(path, "usr/").unwrap_or(path);
    let item = items
        .iter()
        .find(|(path, _)| in_root(path) == in_root(name));
    let item = item.with_context(|| format!("none of {} has `{name}`", PACKAGES.join(", ")))?;
    match &item.1 {
        Item::File(bytes) => Ok(bytes.clone()),
        Item::Link(target) => bail!("`{name}` is a link to `{target}`"),
    }
}

/// Returns the names of the tools from their table in the program, which starts with `[` and ends with an empty
/// name.
fn tools(busybox: &[u8]) -> BTreeSet<&[u8]> {
    const FIRST: &[u8] = b"\0[\0[[\0";
    let table = busybox
        .windows(FIRST.len())
        .position(|bytes| bytes == FIRST)
        .map_or(&[][..], |at| &busybox[at + 1..]);
    let names = table.split(|&byte| byte == 0);
    names.take_while(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a busybox with these tools, and the other files of the packages.
    fn items<'a>(tools: impl Iterator<Item = &'a str>) -> Vec<(String, Item)> {
        let tools = tools.collect::<Vec<_>>().join("\0");
        let file = |name: &str, text: &str| (name.to_owned(), Item::File(text.into()));
        vec![
            file("bin/busybox", &format!("code\0{tools}\0\0code")),
            file("usr/bin/bash-static", "code"),
            file("usr/share/doc/busybox-static/copyright", "text"),
            file("usr/share/common-licenses/GPL-2", "text"),
            file("usr/share/common-licenses/GPL-3", "text"),
            file("usr/share/common-licenses/LGPL-2.1", "text"),
        ]
    }

    #[test]
    fn tools_are_links_and_scripts_in_both_directories() {
        let dir = tempfile::tempdir().unwrap();
        let mut layer = LayerBuilder::new(1);
        add(&mut layer, &items(TOOLS.lines())).unwrap();
        let at = dir.path().join("layer.tar");
        layer.build(&at).unwrap();
        let mut archive = tar::Archive::new(std::fs::File::open(&at).unwrap());
        let links: BTreeSet<_> = archive
            .entries()
            .unwrap()
            .filter_map(|entry| {
                let entry = entry.unwrap();
                let target = entry.link_name().unwrap()?.display().to_string();
                Some((entry.path().unwrap().display().to_string(), target))
            })
            .collect();
        for (name, target) in [
            ("bin", "usr/bin"),
            ("usr/bin/sh", "bash"),
            ("usr/bin/sed", "busybox"),
        ] {
            assert!(links.contains(&(name.into(), target.into())), "{name}");
        }
        let text = String::from_utf8(std::fs::read(&at).unwrap()).unwrap();
        for name in [
            "usr/bin/install\0",
            "usr/share/doc/busybox-static/copyright\0",
            "usr/share/common-licenses/GPL-3\0",
        ] {
            assert!(text.contains(name), "{name}");
        }
    }

    #[test]
    fn tool_that_busybox_lacks_is_named() {
        let some = TOOLS
            .lines()
            .filter(|tool| !["sed", "xargs"].contains(tool));
        let err = add(&mut LayerBuilder::new(1), &items(some)).unwrap_err();
        assert_eq!(err.to_string(), "busybox has no sed, xargs");
        let err = add(&mut LayerBuilder::new(1), &[]).unwrap_err();
        let expected = "none of base-files, bash-static, busybox-static has `bin/busybox`";
        assert_eq!(err.to_string(), expected);
    }

    /// The script starts the `find` of busybox, for which that of this machine stands here.
    #[test]
    fn files_that_are_found_are_deleted_and_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(path("dist/maps")).unwrap();
        std::fs::create_dir(path("bin")).unwrap();
        for name in ["dist/a.js", "dist/a.js.map", "dist/maps/b c.map"] {
            std::fs::write(path(name), "").unwrap();
        }
        let busybox = path("bin/busybox");
        std::fs::write(&busybox, "#!/bin/sh\n\"$@\"\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&busybox, mode).unwrap();
        let find = |args: &[&str]| {
            let script = folder().join("shell/find");
            let status = std::process::Command::new("bash")
                .arg(script)
                .args(args)
                .env("PATH", format!("{}:/usr/bin:/bin", path("bin").display()))
                .current_dir(dir.path())
                .status();
            assert!(status.unwrap().success(), "{args:?}");
        };
        find(&["dist", "-name", "*.map", "-delete"]);
        assert!(path("dist/a.js").exists() && path("dist/maps").exists());
        assert!(!path("dist/a.js.map").exists() && !path("dist/maps/b c.map").exists());
        find(&["dist", "-delete"]);
        assert!(!path("dist").exists());
    }

    #[test]
    fn tools_are_sorted_and_have_one_source_each() {
        assert!(TOOLS.lines().is_sorted());
        let others = SCRIPTS.into_iter().chain(["sh", "bash"]);
        let mut names: Vec<_> = TOOLS.lines().chain(others).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
