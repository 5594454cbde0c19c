//! Every environment variable that the scripts read, with its default and its meaning.
//!
//! `usage` and `usage --json` are made of [`GROUPS`].

mod binary;
mod build;
mod go;
mod node;
mod run;

use s2i_core::Script;

pub use self::{binary::*, build::*, go::*, node::*, run::*};

/// One variable, for people and programs.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Names that other builders have for the same; the first one that is set holds.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub aliases: &'static [&'static str],
    /// The default; empty where there is none.
    pub default: &'static str,
    /// The scripts that read it.
    pub scripts: &'static [Script],
    /// The meaning, for users.
    pub meaning: &'static str,
}

/// Whom variables are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// All builds.
    Build,
    /// Builds of Go.
    Go,
    /// Builds for Node.js.
    Node,
    /// Packing of programs.
    Binary,
    /// Running of results.
    Run,
}

/// Variables that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Whom they are for.
    pub audience: Audience,
    /// The title of the group.
    pub title: &'static str,
    /// The variables.
    pub variables: &'static [Variable],
}

/// Every variable.
pub const GROUPS: [Group; 5] = [
    Group {
        audience: Audience::Go,
        title: "while building Go",
        variables: &go::ALL,
    },
    Group {
        audience: Audience::Node,
        title: "while building for Node.js",
        variables: &node::ALL,
    },
    Group {
        audience: Audience::Binary,
        title: "while packing programs",
        variables: &binary::ALL,
    },
    Group {
        audience: Audience::Build,
        title: "while building",
        variables: &build::ALL,
    },
    Group {
        audience: Audience::Run,
        title: "while running",
        variables: &run::ALL,
    },
];

/// Other names of a variable.
pub(crate) fn aliases(name: &str) -> &'static [&'static str] {
    GROUPS
        .iter()
        .flat_map(|group| group.variables)
        .find(|variable| variable.name == name)
        .map_or(&[], |variable| variable.aliases)
}

const ASSEMBLE: &[Script] = &[Script::Assemble];
const RUN: &[Script] = &[Script::Run];
const ASSEMBLE_AND_RUN: &[Script] = &[Script::Assemble, Script::Run];

/// The start of every entry.
const VARIABLE: Variable = Variable {
    name: "",
    aliases: &[],
    default: "",
    scripts: ASSEMBLE,
    meaning: "",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_described_once() {
        let mut names: Vec<_> = GROUPS
            .iter()
            .flat_map(|group| group.variables)
            .flat_map(|variable| std::iter::once(&variable.name).chain(variable.aliases))
            .collect();
        assert!(names.iter().all(|name| !name.is_empty()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn other_names_lead_to_the_same_variable() {
        assert!(aliases(GO_TARGET).contains(&"BP_GO_TARGETS"));
        assert!(aliases("NONE").is_empty());
    }
}
