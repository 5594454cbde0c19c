//! The fields of a package.json.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use s2i_core::detect::PACKAGE_JSON;
use serde_json::Value;

use crate::Error;

/// Scripts of a package that its installation runs.
const LIFECYCLE: [&str; 7] = [
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
];

/// The fields that matter here. A field of another type than it should have counts as absent, as for npm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) main: Option<String>,
    pub(crate) scripts: BTreeMap<String, String>,
    /// The package manager, such as `pnpm@10.2.0`.
    pub(crate) package_manager: Option<String>,
    /// The package manager that the package is developed with, and its range of versions, if it has one.
    pub(crate) dev_manager: Option<(String, Option<String>)>,
    /// The range of versions of Node.js that the package is developed with.
    pub(crate) dev_node: Option<String>,
    /// The versions of Node.js and others that the package supports.
    pub(crate) engines: BTreeMap<String, String>,
    /// The patterns of a workspace's directories.
    pub(crate) workspaces: Vec<String>,
    pub(crate) dependencies: Vec<String>,
    pub(crate) dev_dependencies: Vec<String>,
    pub(crate) peers: Vec<String>,
    /// The dependencies that are files or directories, with their paths.
    pub(crate) paths: BTreeMap<String, String>,
    /// Its programs: names and files.
    pub(crate) bin: BTreeMap<String, String>,
}

impl Manifest {
    /// Parses the text of a package.json; `None` when it is not a JSON object.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // Some editors begin a file with a byte order mark, and npm accepts it.
        let text = text.trim_start_matches('\u{feff}');
        let value: Value = serde_json::from_str(text).ok()?;
        let value = value.as_object()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let name = text("name");
        let names = |field: &str| texts(value.get(field)).into_keys().collect::<Vec<_>>();
        let bin = match value.get("bin") {
            Some(Value::String(file)) => {
                let short = name.as_deref().and_then(|name| name.rsplit('/').next());
                BTreeMap::from([(short.unwrap_or_default().to_owned(), file.clone())])
            }
            bin => texts(bin),
        };
        let dev = |kind: &str| dev_engine(value.get("devEngines")?.get(kind)?);
        Some(Self {
            dev_manager: dev("packageManager"),
            dev_node: dev("runtime").and_then(|(name, range)| range.filter(|_| name == "node")),
            version: text("version"),
            main: text("main"),
            scripts: texts(value.get("scripts")),
            package_manager: text("packageManager"),
            engines: texts(value.get("engines")),
            workspaces: patterns(value.get("workspaces")),
            dependencies: [names("dependencies"), names("optionalDependencies")].concat(),
            dev_dependencies: names("devDependencies"),
            peers: names("peerDependencies"),
            paths: ["dependencies", "optionalDependencies", "devDependencies"]
                .into_iter()
                .flat_map(|field| paths(value.get(field)))
                .collect(),
            name,
            bin,
        })
    }

    /// Reads the package.json of a directory, if it has one.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join(PACKAGE_JSON);
        let text = match fs::read(&path) {
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(Error::file("read", path.display()))?,
        };
        let manifest = Self::parse(&String::from_utf8_lossy(&text));
        let path = path.display().to_string();
        manifest
            .map(Some)
            .ok_or_else(|| super::Error::Manifest { path }.into())
    }

    /// Returns whether it has scripts that its installation runs, and that may need development dependencies.
    pub(crate) fn has_lifecycle(&self) -> bool {
        let mut names = LIFECYCLE.iter();
        names.any(|name| self.scripts.contains_key(*name))
    }

    /// Returns the names of all dependencies.
    pub(crate) fn all_dependencies(&self) -> impl Iterator<Item = &String> {
        self.dependencies.iter().chain(&self.dev_dependencies)
    }

    /// Returns whether a package is in any of the lists of dependencies.
    pub(crate) fn needs(&self, package: &str) -> bool {
        self.all_dependencies().any(|known| known == package)
    }
}

/// Returns the file of a program of this name, among the packages that the package.json of a directory names.
///
/// The links that package managers make are not looked at: some are shell scripts.
pub(crate) fn find_program(directories: &[PathBuf], name: &str) -> Option<PathBuf> {
    for directory in directories {
        let manifest = Manifest::read(directory).ok().flatten().unwrap_or_default();
        for package in manifest.all_dependencies() {
            for root in directories {
                let home = root.join("node_modules").join(package);
                let Ok(Some(package)) = Manifest::read(&home) else {
                    continue;
                };
                let file = package.bin.get(name).map(|file| home.join(file));
                if let Some(file) = file.filter(|file| file.is_file()) {
                    return Some(file);
                }
            }
        }
    }
    None
}

/// Returns the name and the range of an entry of `devEngines`, or of the first one of a list.
fn dev_engine(value: &Value) -> Option<(String, Option<String>)> {
    let value = match value {
        Value::Array(list) => list.first()?,
        value => value,
    };
    let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
    Some((text("name")?, text("version")))
}

/// Returns the dependencies of a list that are files or directories, with their paths.
fn paths(value: Option<&Value>) -> impl Iterator<Item = (String, String)> {
    texts(value).into_iter().filter_map(|(name, range)| {
        let mut schemes = ["file:", "link:", "portal:"].iter();
        let path = schemes.find_map(|scheme| range.strip_prefix(scheme))?;
        Some((name, path.trim_start_matches("//").to_owned()))
    })
}

fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Returns a list, or the field `packages` of an object.
fn patterns(value: Option<&Value>) -> Vec<String> {
    let list = match value {
        Some(Value::Object(fields)) => fields.get("packages"),
        list => list,
    };
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|pattern| pattern.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_of_the_right_type_count() {
        let manifest = Manifest::parse(
            "\u{feff}{\"name\": \"@a/b\", \"main\": 3, \"config\": {\"start\": \"no\", \"main\": \"no\"},\
             \"scripts\": {\"start\": \"node \\\"x y\\\"\", \"odd\": 1}, \"bin\": \"cli.js\",\
             \"workspaces\": {\"packages\": [\"a/*\", 1]}, \"dependencies\": {\"x\": \"1\"}, \"devDependencies\": []}",
        )
        .unwrap();
        assert_eq!(manifest.main, None);
        assert_eq!(manifest.scripts.len(), 1);
        assert_eq!(manifest.scripts["start"], "node \"x y\"");
        assert_eq!(manifest.bin["b"], "cli.js");
        assert_eq!(manifest.workspaces, ["a/*"]);
        assert!(manifest.needs("x") && !manifest.needs("y"));
        let manifest = Manifest::parse(
            r#"{"devEngines":{"packageManager":[{"name":"pnpm","version":"^10"}],"runtime":{"name":"node","version":">=20"}}}"#,
        );
        let manifest = manifest.unwrap();
        assert_eq!(
            manifest.dev_manager,
            Some(("pnpm".to_owned(), Some("^10".to_owned())))
        );
        assert_eq!(manifest.dev_node.as_deref(), Some(">=20"));
        assert_eq!(Manifest::parse("[]"), None);
        assert_eq!(Manifest::parse("{"), None);
    }
}
