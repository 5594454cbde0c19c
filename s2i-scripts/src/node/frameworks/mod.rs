//! Tools with builds whose output is what runs, and not the source.

pub(super) mod configured;
mod development;
mod table;

pub(super) use self::{
    configured::{Configs, below},
    development::is_for_development,
};
use super::{Manifest, Request, start::START_PRODUCTION};

/// The script that starts an application.
const START: &str = "start";

/// The script that builds it, unless the user names another.
const BUILD: &str = "build";

/// The product of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Product {
    /// An application that runs from where it was built.
    Application,
    /// The output of Next.js, if its configuration asks for it: an application that has all it needs, or
    /// a site.
    Next {
        /// Nothing of the source starts what is left.
        is_needed: bool,
    },
    /// The first of these outputs that the build has made.
    Outputs {
        outputs: Vec<Output>,
        /// The advice for a build that has made none of them.
        advice: Option<&'static str>,
    },
}

impl Product {
    /// Returns the programs of packages that start an output in its place.
    pub(super) fn programs(&self) -> Vec<&str> {
        match self {
            Self::Application | Self::Next { is_needed: false } => Vec::new(),
            Self::Next { is_needed: true } => vec!["next"],
            Self::Outputs { outputs, .. } => {
                let commands = outputs.iter().filter_map(|output| match &output.kind {
                    Kind::InPlace(command) => command.split(' ').next(),
                    Kind::Site | Kind::Server(_) => None,
                });
                commands.collect()
            }
        }
    }
}

/// An output that a build may make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    /// Its directory, relative to the package.
    pub(super) directory: String,
    /// The file in it that shows that it is complete.
    pub(super) entry: Option<String>,
    pub(super) kind: Kind,
}

/// The kind of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A site, which replaces the source.
    Site,
    /// A server that needs nothing else, and replaces the source; the command that starts it.
    Server(String),
    /// A server that needs the rest of the application too; the command that starts it.
    InPlace(String),
}

impl Output {
    fn site(directory: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            entry: Some("index.html".to_owned()),
            kind: Kind::Site,
        }
    }

    fn server(directory: &str, entry: &str, command: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            entry: Some(entry.to_owned()),
            kind: Kind::Server(command.to_owned()),
        }
    }

    fn in_place(directory: &str, entry: &str, command: impl Into<String>) -> Self {
        Self {
            directory: directory.to_owned(),
            entry: Some(entry.to_owned()),
            kind: Kind::InPlace(command.into()),
        }
    }
}

/// Returns the product of the build of a package with these settings of its tools.
pub(super) fn product(
    manifest: &Manifest,
    configs: &Configs,
    is_server: bool,
    request: &Request,
) -> Product {
    if let Some(directory) = &request.static_dir {
        let directory = directory.trim_start_matches("./").trim_end_matches('/');
        let site = Output {
            entry: None,
            ..Output::site(directory)
        };
        return Product::Outputs {
            outputs: vec![site],
            advice: None,
        };
    }
    if request.is_dev || request.has_start {
        return Product::Application;
    }
    let serves = match manifest.scripts.get(START) {
        Some(_) if manifest.scripts.contains_key(START_PRODUCTION) => true,
        Some(_) => !is_for_development(manifest, START),
        None => is_server,
    };
    if manifest.needs("next") {
        return Product::Next { is_needed: !serves };
    }
    let script = request.build.as_ref().map_or(BUILD, |words| &words[0]);
    let build = manifest.scripts.get(script);
    if serves || (build.is_none() && request.build.is_none()) {
        return Product::Application;
    }
    let build = build.map(String::as_str).unwrap_or_default();
    let (outputs, advice) = table::outputs(manifest, configs, build);
    if outputs.is_empty() {
        return Product::Application;
    }
    Product::Outputs { outputs, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(package: &str, is_server: bool, env: &[(&str, &str)], expected: &str) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let host = crate::Host::new(["assemble"], env.iter().copied(), &mut out, &mut err);
        let request = Request::read(&host).unwrap();
        let manifest = Manifest::parse(package).unwrap();
        let actual = match product(&manifest, &Configs::new(), is_server, &request) {
            Product::Application => "application".to_owned(),
            Product::Next { .. } => "next".to_owned(),
            Product::Outputs { outputs, .. } => outputs[0].directory.clone(),
        };
        assert_eq!(actual, expected, "{package}");
    }

    #[test]
    fn build_without_a_server_makes_a_site() {
        let vite = r#"{"scripts":{"build":"vite build"},"devDependencies":{"vite":"7"}}"#;
        check(vite, false, &[], "dist");
        check(vite, true, &[], "application");
        check(vite, false, &[("DEV_MODE", "true")], "application");
        check(vite, false, &[("NODE_CMD", "node x.js")], "application");
        check(vite, true, &[("NODE_STATIC_DIR", "./out/web/")], "out/web");
        for (start, expected) in [
            ("vite preview", "dist"),
            ("NODE_ENV=x vite --port 3000", "dist"),
            ("node server.js", "application"),
            ("serve -s dist", "application"),
            ("vite | tee log", "application"),
        ] {
            let package = format!(
                r#"{{"scripts":{{"build":"x","start":"{start}"}},"devDependencies":{{"vite":"7"}}}}"#
            );
            check(&package, true, &[], expected);
        }
        check(
            r#"{"devDependencies":{"vite":"7"}}"#,
            false,
            &[],
            "application",
        );
        check(
            r#"{"scripts":{"build":"x"},"devDependencies":{"vite":"7","@sveltejs/kit":"2"}}"#,
            false,
            &[],
            "build",
        );
        check(
            r#"{"scripts":{"build":"nest build","start":"nest start","start:prod":"node dist/main"},"dependencies":{"@nestjs/core":"11"}}"#,
            false,
            &[],
            "application",
        );
        check(
            r#"{"scripts":{"start":"next start"},"dependencies":{"next":"15"}}"#,
            true,
            &[],
            "next",
        );
    }
}
