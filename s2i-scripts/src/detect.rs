//! Which recipe builds a source.

use std::fs;

use crate::{Error, Host, Places, go, node, variables};

/// A way to build an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// Go, laid out in this way.
    Go(go::Layout),
    /// Node.js, or a site that its tools make.
    Node,
    /// Programs that are built already.
    Binary,
}

/// What of an image decides what it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tools {
    /// There is a `go`.
    pub go: bool,
    /// There is a `node`.
    pub node: bool,
}

/// Looks at the root of the source, and at what this image can build.
///
/// # Errors
/// When there is no source, or none of a kind that this image builds.
pub fn detect(places: &Places, host: &Host<'_>) -> Result<Recipe, Error> {
    let path = places.source.as_str();
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(Error::file("read the source", path))? {
        let entry = entry.map_err(Error::file("read the source", path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    let tools = Tools {
        go: host.find("go").is_some(),
        node: host.find("node").is_some(),
    };
    choose(&names, tools, host.variable(variables::RECIPE)?, path)
}

/// Chooses; an image with a toolchain builds what the toolchain is for, one without packs programs.
fn choose(
    names: &[String],
    tools: Tools,
    wanted: Option<&str>,
    path: &str,
) -> Result<Recipe, Error> {
    if names.is_empty() {
        let path = path.to_owned();
        return Err(Error::NoSource { path });
    }
    let not_recognised = |found: &str| {
        Err(Error::NotRecognised {
            path: path.to_owned(),
            found: found.to_owned(),
        })
    };
    let layout = go::Layout::of(names);
    let is_node = node::is_source(names);
    match (wanted, layout) {
        (Some("binary"), _) => Ok(Recipe::Binary),
        (Some("node"), _) => Ok(Recipe::Node),
        (Some("go"), Some(layout)) => Ok(Recipe::Go(layout)),
        (Some("go"), None) => not_recognised(NO_GO),
        (Some(other), _) => Err(Error::variable(
            variables::RECIPE,
            other,
            "it is none of `go`, `node` and `binary`",
        )),
        (None, Some(layout)) if tools.go => Ok(Recipe::Go(layout)),
        (None, _) if tools.node && is_node => Ok(Recipe::Node),
        (None, layout) => match (tools.go, tools.node) {
            (false, false) if layout.is_some() => Err(Error::NoToolchain { program: "go" }),
            (false, false) if node::needs_node(names) => {
                Err(Error::NoToolchain { program: "node" })
            }
            (false, false) => Ok(Recipe::Binary),
            (true, _) if is_node => {
                not_recognised("it is one for Node.js, and this image builds Go")
            }
            (true, _) => not_recognised(NO_GO),
            (false, true) if layout.is_some() => {
                not_recognised("it is one in Go, and this image builds for Node.js")
            }
            (false, true) => not_recognised(
                "neither a `package.json` nor a `server.js`, `app.js`, `main.js`, `index.js` or `index.html` is at the root of the source",
            ),
        },
    }
}

const NO_GO: &str = "neither a `go.mod`, a `go.work` nor a file of Go is at the root of the source";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Explain as _;

    #[track_caller]
    fn check(names: &str, tools: &str, wanted: Option<&str>, expected: &str) {
        let names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
        let tools = Tools {
            go: tools.contains("go"),
            node: tools.contains("node"),
        };
        let actual = match choose(&names, tools, wanted, "/src") {
            Ok(Recipe::Go(_)) => "go".to_owned(),
            Ok(Recipe::Node) => "node".to_owned(),
            Ok(Recipe::Binary) => "binary".to_owned(),
            Err(err) => err.cause().unwrap_or_else(|| err.to_string()),
        };
        assert_eq!(actual, expected, "{names:?}");
    }

    #[test]
    fn the_tools_of_the_image_decide_between_kinds() {
        check("go.mod package.json", "go", None, "go");
        check("go.mod package.json", "node", None, "node");
        check("go.mod package.json", "go node", None, "go");
        check("go.mod package.json", "go node", Some("node"), "node");
        check("server.js", "node", None, "node");
        check("index.html", "node", None, "node");
        check("app", "", None, "binary");
        check("app README.md", "go", Some("binary"), "binary");
    }

    #[test]
    fn what_this_image_does_not_build_is_named() {
        check("", "go", None, "there is no source in `/src`");
        check("main.go", "", None, "there is no `go` on the PATH");
        check("package.json", "", None, "there is no `node` on the PATH");
        check(
            "package.json",
            "go",
            None,
            "it is one for Node.js, and this image builds Go",
        );
        check(
            "main.go",
            "node",
            None,
            "it is one in Go, and this image builds for Node.js",
        );
        check("pom.xml", "go", None, NO_GO);
        check(
            "pom.xml",
            "go",
            Some("php"),
            "it is none of `go`, `node` and `binary`",
        );
    }
}
