//! Tools with builds whose output needs less than the source to run.

use super::{Manifest, Request};
use crate::launch::words;

/// Tools that make static sites, and the directories that they make them in.
const SITES: &[(&str, &str)] = &[
    ("astro", "dist"),
    ("gatsby", "public"),
    ("@docusaurus/core", "build"),
    ("@11ty/eleventy", "_site"),
    ("react-scripts", "build"),
    ("@vue/cli-service", "dist"),
    ("parcel", "dist"),
    ("vite", "dist"),
];

/// Packages that turn a site into a server.
const SERVERS: &[&str] = &[
    "@astrojs/node",
    "@react-router/node",
    "@remix-run/node",
    "@sveltejs/kit",
    "nuxt",
    "vike",
];

/// Programs that serve while a site is developed; none is meant for production.
const DEVELOPMENT: &[&str] = &[
    "astro",
    "docusaurus",
    "eleventy",
    "gatsby",
    "ng",
    "parcel",
    "react-scripts",
    "vite",
    "vue-cli-service",
    "webpack",
    "webpack-dev-server",
];

/// The product of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product<'a> {
    /// An application that runs from where it was built.
    Application,
    /// The output of Next.js, if its configuration asks for it: an application that has all it needs, or
    /// a site.
    Next,
    /// A site in this directory.
    Site(&'a str),
}

/// Returns the product of the build of a package.
pub(super) fn product<'a>(
    manifest: &Manifest,
    is_server: bool,
    request: &'a Request,
) -> Product<'a> {
    if let Some(directory) = &request.static_dir {
        return Product::Site(directory.trim_start_matches("./").trim_end_matches('/'));
    }
    if request.is_dev || request.has_start {
        return Product::Application;
    }
    if manifest.needs("next") {
        return Product::Next;
    }
    let serves = match manifest.scripts.get("start") {
        Some(start) => !is_for_development(start),
        None => is_server,
    };
    let builds = manifest.scripts.contains_key("build") || request.build.is_some();
    if serves || !builds || SERVERS.iter().any(|package| manifest.needs(package)) {
        return Product::Application;
    }
    let site = SITES.iter().find(|(package, _)| manifest.needs(package));
    site.map_or(Product::Application, |(_, directory)| {
        Product::Site(directory)
    })
}

fn is_for_development(start: &str) -> bool {
    let commands = words::parse(start, &|_| None).unwrap_or_default();
    let last = commands.last();
    last.is_some_and(|command| DEVELOPMENT.contains(&command.words[0].as_str()))
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
        let actual = match product(&manifest, is_server, &request) {
            Product::Application => "application".to_owned(),
            Product::Next => "next".to_owned(),
            Product::Site(directory) => directory.to_owned(),
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
