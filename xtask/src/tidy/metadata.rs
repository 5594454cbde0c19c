//! The output of `cargo metadata`, as far as the rules need it.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
};

use serde::Deserialize;

/// The workspace and all its dependencies.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

/// A package of the workspace or of a third party.
#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    /// The dependencies as declared in the manifest.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A declared dependency.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The kind; `None` for a normal dependency.
    pub(crate) kind: Option<String>,
}

impl Dependency {
    /// Returns whether only tests, examples and benchmarks use the dependency.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDep>,
}

#[derive(Deserialize)]
struct NodeDep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    kind: Option<String>,
}

impl Metadata {
    /// Returns the packages of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        let packages = self.packages.iter();
        packages.filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Returns a shortest path of normal dependencies from a member to the package `to`.
    pub(crate) fn path(&self, member: &str, to: &str) -> Option<Vec<&str>> {
        let names = self
            .packages
            .iter()
            .map(|package| (&*package.id, &*package.name));
        let names: BTreeMap<&str, &str> = names.collect();
        let nodes = self.resolve.nodes.iter().map(|node| (&*node.id, node));
        let nodes: BTreeMap<&str, &Node> = nodes.collect();
        let start = &*self.members().find(|package| package.name == member)?.id;
        let mut reached_from = BTreeMap::from([(start, None)]);
        let mut queue = VecDeque::from([start]);
        while let Some(id) = queue.pop_front() {
            if names.get(id) == Some(&to) {
                let ids =
                    std::iter::successors(Some(id), |id| reached_from.get(id).copied().flatten());
                let mut path: Vec<&str> = ids.filter_map(|id| names.get(id).copied()).collect();
                path.reverse();
                return Some(path);
            }
            for next in nodes.get(id).into_iter().flat_map(|node| node.ordinary()) {
                if !reached_from.contains_key(next) {
                    reached_from.insert(next, Some(id));
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

impl Node {
    fn ordinary(&self) -> impl Iterator<Item = &str> {
        let ordinary = |dep: &&NodeDep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none());
        let deps = self.deps.iter().filter(ordinary);
        deps.map(|dep| dep.pkg.as_str())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The names of dependencies and their kinds.
    type Deps<'a> = &'a [(&'a str, Option<&'a str>)];

    /// Returns a workspace of packages: for each the name, whether it is a member, and its dependencies.
    pub(crate) fn metadata(packages: &[(&str, bool, Deps)]) -> Metadata {
        let declared = |deps: Deps| -> Vec<Value> {
            deps.iter()
                .map(|(name, kind)| json!({ "name": name, "kind": kind }))
                .collect()
        };
        let resolved = |deps: Deps| -> Vec<Value> {
            deps.iter()
                .map(|(name, kind)| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] }))
                .collect()
        };
        let listed: Vec<Value> = packages
            .iter()
            .map(|(name, _, deps)| {
                json!({ "id": name, "name": name, "manifest_path": "/x/Cargo.toml", "dependencies": declared(deps) })
            })
            .collect();
        let nodes: Vec<Value> = packages
            .iter()
            .map(|(name, _, deps)| json!({ "id": name, "deps": resolved(deps) }))
            .collect();
        let members: Vec<&str> = packages
            .iter()
            .filter(|(_, member, _)| *member)
            .map(|(name, ..)| *name)
            .collect();
        let value = json!({
            "packages": listed, "workspace_members": members, "resolve": { "nodes": nodes },
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_shortest_path_is_found() {
        let graph = metadata(&[
            ("a", true, &[("b", None), ("c", None)]),
            ("b", false, &[("d", None)]),
            ("c", false, &[("b", None)]),
            ("d", false, &[("a", None)]),
        ]);
        assert_eq!(graph.path("a", "d"), Some(vec!["a", "b", "d"]));
        assert_eq!(graph.path("a", "e"), None);
    }

    #[test]
    fn dependencies_of_tests_and_build_scripts_are_no_path() {
        let graph = metadata(&[
            ("a", true, &[("b", Some("dev")), ("c", Some("build"))]),
            ("b", false, &[]),
            ("c", false, &[]),
        ]);
        assert_eq!(graph.path("a", "b"), None);
        assert_eq!(graph.path("a", "c"), None);
    }
}
