//! The recipe for a source, by its kind and the toolchains of the image.

use std::{fs, path::Path};

use s2i_core::{
    OpenDir,
    detect::{self, PACKAGE_JSON, RootEntry, SourceKind},
};

use crate::{Directories, Error, Host, assembly::tree, go, variables};

/// A way to build an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// Go, with the layout of the source.
    Go(go::Layout),
    /// Node.js, or a site that its tools make.
    Node,
    /// Programs that are built already, and sites.
    Binary,
}

/// Chooses the recipe for the source, by its root directory and the toolchains of this image.
pub(crate) fn detect(dirs: &Directories, host: &Host<'_>) -> Result<Recipe, Error> {
    let path = dirs.source.as_str();
    let root = OpenDir::open(path)
        .and_then(|root| detect::read(&root, |_| false))
        .map_err(Error::file("read the source", path))?;
    let [has_go, has_node] = ["go", "node"].map(|program| host.find(program).is_some());
    let requested = host.variable(variables::S2I_RECIPE)?;
    choose(&root, has_go, has_node, requested, path).map_err(|mut err| {
        if let Error::NotRecognised { directories, .. } = &mut err {
            let markers = [("go.mod", has_go), (PACKAGE_JSON, has_node)];
            let markers = markers.into_iter().filter(|(_, is_built)| *is_built);
            let markers: Vec<_> = markers.map(|(name, _)| name).collect();
            find_below(Path::new(path), "", &markers, MAX_DEPTH, directories);
        }
        err
    })
}

/// The depth to which applications are looked for, for advice.
const MAX_DEPTH: usize = 3;

/// Adds the directories below a path that have one of these files; not those below such a directory.
fn find_below(path: &Path, name: &str, markers: &[&str], depth: usize, found: &mut Vec<String>) {
    for child in tree::children(path).unwrap_or_default() {
        let last = child.file_name().and_then(|name| name.to_str());
        let Some(last) = last.filter(|last| !last.starts_with('.') && *last != "node_modules")
        else {
            continue;
        };
        if !fs::symlink_metadata(&child).is_ok_and(|data| data.is_dir()) {
            continue;
        }
        let name = format!("{name}/{last}");
        let name = name.trim_start_matches('/');
        if markers.iter().any(|marker| child.join(marker).is_file()) {
            found.push(name.to_owned());
        } else if depth > 1 {
            find_below(&child, name, markers, depth - 1, found);
        }
    }
}

/// An image with a toolchain builds applications for that toolchain. An image without one packs programs, and
/// looks for them in all directories, so it takes sources that are not recognised by their root.
fn choose(
    root: &[RootEntry],
    has_go: bool,
    has_node: bool,
    requested: Option<&str>,
    path: &str,
) -> Result<Recipe, Error> {
    let path = path.to_owned();
    if root.is_empty() {
        return Err(Error::NoSource { path });
    }
    let detections = detect::detect(root);
    let is = |kind| detections.iter().any(|detection| detection.kind == kind);
    let (is_go, is_node) = (is(SourceKind::Go), is(SourceKind::Node));
    let not_recognised = |reason| {
        Err(Error::NotRecognised {
            path,
            reason,
            directories: Vec::new(),
        })
    };
    match (requested, has_go, has_node) {
        (Some("go"), ..) | (None, true, _) if is_go => Ok(Recipe::Go(go::Layout::of(root))),
        (Some("node"), ..) => Ok(Recipe::Node),
        (None, _, true) if is_node || detect::has_index(root) => Ok(Recipe::Node),
        (None, false, false) if is_go => Err(Error::NoToolchain { program: "go" }),
        (None, false, false) if is_node => Err(Error::NoToolchain { program: "node" }),
        (None, true, _) if is_node => {
            not_recognised("it is a Node.js application, and this image builds Go")
        }
        (None, false, true) if is_go => {
            not_recognised("it is a Go application, and this image builds Node.js")
        }
        (Some("binary"), ..) | (None, false, false) => Ok(Recipe::Binary),
        (Some("go"), ..) | (None, true, _) => not_recognised(NO_GO),
        (None, false, true) => not_recognised(NO_NODE),
        (Some(other), ..) => Err(Error::variable(
            variables::S2I_RECIPE,
            other,
            "it is not `go`, `node` or `binary`",
        )),
    }
}

const NO_GO: &str = "there is no `go.mod`, `go.work` or Go file at the root of the source";

const NO_NODE: &str = "there is no `package.json`, `server.js`, `app.js`, `main.js`, `index.js` or `index.html` at the root of the source";

#[cfg(test)]
mod tests {
    use s2i_testkit::{SOURCES, write_source};

    use super::*;

    /// The recipe for a source in an image with these tools, else the cause of the error.
    fn recipe(entries: &str, tools: &str, requested: Option<&str>) -> String {
        let root = tempfile::tempdir().unwrap();
        write_source(root.path(), entries).unwrap();
        let root = detect::read(&OpenDir::open(root.path()).unwrap(), |_| false).unwrap();
        let [has_go, has_node] = ["go", "node"].map(|tool| tools.contains(tool));
        match choose(&root, has_go, has_node, requested, "/src") {
            Ok(Recipe::Go(_)) => "Go".to_owned(),
            Ok(Recipe::Node) => "Node".to_owned(),
            Ok(Recipe::Binary) => "Binary".to_owned(),
            Err(err) => err.explain().cause.unwrap_or_else(|| err.to_string()),
        }
    }

    #[test]
    fn image_of_each_kind_builds_the_sources_of_that_kind() {
        for (entries, kinds) in SOURCES {
            let kinds: Vec<_> = kinds
                .split(", ")
                .filter_map(|kind| kind.split(' ').next())
                .collect();
            for (kind, tools) in [("Go", "go"), ("Node", "node"), ("Binary", "")] {
                let recipe = recipe(entries, tools, None);
                let is_kind = kinds.contains(&kind);
                // The image for programs has no toolchain, so sources that need one are not for it.
                let expected = match kind {
                    "Node" => is_kind || entries.contains("index.html"),
                    "Binary" => {
                        !entries.is_empty()
                            && !kinds.iter().any(|kind| matches!(*kind, "Go" | "Node"))
                    }
                    _ => is_kind,
                };
                assert_eq!(recipe == kind, expected, "{entries} with {tools}: {recipe}");
                assert!(
                    kinds.first() != Some(&kind) || recipe == kind,
                    "{entries} with {tools}: {recipe}"
                );
            }
        }
    }

    #[test]
    fn directories_with_an_application_are_found_for_advice() {
        let entries = [
            "api/go.mod",
            "api/cmd/go.mod",
            "web/package.json",
            "a/b/package.json",
            "x/node_modules/y/package.json",
        ];
        let root = crate::assembly::testing::tree(&entries.map(|name| (name, "")));
        let mut found = Vec::new();
        let markers = ["go.mod", PACKAGE_JSON];
        find_below(root.path(), "", &markers, MAX_DEPTH, &mut found);
        assert_eq!(found, ["a/b", "api", "web"]);
    }

    #[test]
    fn toolchains_decide_between_the_kinds_of_a_source() {
        for (entries, tools, requested, expected) in [
            ("go.mod package.json", "go", None, "Go"),
            ("go.mod package.json", "node", None, "Node"),
            ("go.mod package.json", "go node", None, "Go"),
            ("go.mod package.json", "go node", Some("node"), "Node"),
            ("app README.md", "go", Some("binary"), "Binary"),
        ] {
            assert_eq!(recipe(entries, tools, requested), expected, "{entries}");
        }
    }

    #[test]
    fn error_names_the_reason_that_this_image_does_not_build_a_source() {
        for (entries, tools, requested, expected) in [
            ("", "go", None, "there is no source in `/src`"),
            ("main.go", "", None, "there is no `go` on the PATH"),
            ("package.json", "", None, "there is no `node` on the PATH"),
            (
                "package.json",
                "go",
                None,
                "it is a Node.js application, and this image builds Go",
            ),
            (
                "main.go",
                "node",
                None,
                "it is a Go application, and this image builds Node.js",
            ),
            ("pom.xml", "go", None, NO_GO),
            ("index.html", "go", None, NO_GO),
            ("pom.xml", "node", None, NO_NODE),
            ("pom.xml", "go", Some("go"), NO_GO),
            (
                "pom.xml",
                "go",
                Some("php"),
                "it is not `go`, `node` or `binary`",
            ),
        ] {
            assert_eq!(recipe(entries, tools, requested), expected, "{entries}");
        }
    }
}
