//! The recipe for a source, by its kind and the toolchains of the image.

use s2i_core::{
    OpenDir,
    detect::{self, RootEntry, SourceKind},
};

use crate::{Error, Host, Places, go, variables};

/// A way to build an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// Go, with the layout of the source.
    Go(go::Layout),
    /// Node.js, or a site that its tools make.
    Node,
    /// Programs that are built already, and sites.
    Binary,
}

/// The toolchains of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tools {
    /// There is a `go`.
    pub go: bool,
    /// There is a `node`.
    pub node: bool,
}

/// Chooses the recipe for the source, by its root directory and the toolchains of this image.
///
/// # Errors
/// When there is no source, or none of a kind that this image builds.
pub fn detect(places: &Places, host: &Host<'_>) -> Result<Recipe, Error> {
    let path = places.source.as_str();
    let root = OpenDir::open(path).and_then(|root| detect::read(&root, |_| false));
    let root = root.map_err(Error::file("read the source", path))?;
    let tools = Tools {
        go: host.find("go").is_some(),
        node: host.find("node").is_some(),
    };
    choose(&root, tools, host.variable(variables::RECIPE)?, path)
}

/// Chooses. An image with a toolchain builds what the toolchain is for. One without packs programs, and
/// looks for them in all directories, so it takes sources that are not recognised by their root.
fn choose(
    root: &[RootEntry],
    tools: Tools,
    wanted: Option<&str>,
    path: &str,
) -> Result<Recipe, Error> {
    if root.is_empty() {
        let path = path.to_owned();
        return Err(Error::NoSource { path });
    }
    let not_recognised = |found: &str| {
        Err(Error::NotRecognised {
            path: path.to_owned(),
            found: found.to_owned(),
        })
    };
    let found = detect::detect(root);
    let is = |kind| found.iter().any(|detection| detection.kind == kind);
    let (is_go, is_node) = (is(SourceKind::Go), is(SourceKind::Node));
    match wanted {
        Some("binary") => Ok(Recipe::Binary),
        Some("node") => Ok(Recipe::Node),
        Some("go") if is_go => Ok(Recipe::Go(go::Layout::of(root))),
        Some("go") => not_recognised(NO_GO),
        Some(other) => Err(Error::variable(
            variables::RECIPE,
            other,
            "it is none of `go`, `node` and `binary`",
        )),
        None if tools.go && is_go => Ok(Recipe::Go(go::Layout::of(root))),
        None if tools.node && (is_node || detect::has_index(root)) => Ok(Recipe::Node),
        None => match (tools.go, tools.node) {
            (false, false) if is_go => Err(Error::NoToolchain { program: "go" }),
            (false, false) if is_node => Err(Error::NoToolchain { program: "node" }),
            (false, false) => Ok(Recipe::Binary),
            (true, _) if is_node => {
                not_recognised("it is one for Node.js, and this image builds Go")
            }
            (true, _) => not_recognised(NO_GO),
            (false, true) if is_go => {
                not_recognised("it is one in Go, and this image builds for Node.js")
            }
            (false, true) => not_recognised(NO_NODE),
        },
    }
}

const NO_GO: &str = "neither a `go.mod`, a `go.work` nor a file of Go is at the root of the source";

const NO_NODE: &str = "neither a `package.json` nor a `server.js`, `app.js`, `main.js`, `index.js` or `index.html` is at the root of the source";

#[cfg(test)]
mod tests {
    use s2i_testkit::{SOURCES, write_source};

    use super::*;
    use crate::Explain as _;

    /// The recipe for a source in an image with these tools, else the cause of the error.
    fn recipe(entries: &str, tools: &str, wanted: Option<&str>) -> String {
        let root = tempfile::tempdir().unwrap();
        write_source(root.path(), entries).unwrap();
        let root = detect::read(&OpenDir::open(root.path()).unwrap(), |_| false).unwrap();
        let tools = Tools {
            go: tools.contains("go"),
            node: tools.contains("node"),
        };
        match choose(&root, tools, wanted, "/src") {
            Ok(Recipe::Go(_)) => "Go".to_owned(),
            Ok(Recipe::Node) => "Node".to_owned(),
            Ok(Recipe::Binary) => "Binary".to_owned(),
            Err(err) => err.cause().unwrap_or_else(|| err.to_string()),
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
                // The image for programs needs no toolchain, and so leaves to the others what is theirs.
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
    fn toolchains_decide_between_the_kinds_of_a_source() {
        for (entries, tools, wanted, expected) in [
            ("go.mod package.json", "go", None, "Go"),
            ("go.mod package.json", "node", None, "Node"),
            ("go.mod package.json", "go node", None, "Go"),
            ("go.mod package.json", "go node", Some("node"), "Node"),
            ("app README.md", "go", Some("binary"), "Binary"),
        ] {
            assert_eq!(recipe(entries, tools, wanted), expected, "{entries}");
        }
    }

    #[test]
    fn error_names_the_reason_that_this_image_does_not_build_a_source() {
        for (entries, tools, wanted, expected) in [
            ("", "go", None, "there is no source in `/src`"),
            ("main.go", "", None, "there is no `go` on the PATH"),
            ("package.json", "", None, "there is no `node` on the PATH"),
            (
                "package.json",
                "go",
                None,
                "it is one for Node.js, and this image builds Go",
            ),
            (
                "main.go",
                "node",
                None,
                "it is one in Go, and this image builds for Node.js",
            ),
            ("pom.xml", "go", None, NO_GO),
            ("index.html", "go", None, NO_GO),
            ("pom.xml", "node", None, NO_NODE),
            ("pom.xml", "go", Some("go"), NO_GO),
            (
                "pom.xml",
                "go",
                Some("php"),
                "it is none of `go`, `node` and `binary`",
            ),
        ] {
            assert_eq!(recipe(entries, tools, wanted), expected, "{entries}");
        }
    }
}
