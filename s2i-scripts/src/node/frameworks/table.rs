//! The outputs of builds with known tools.

use serde_json::Value;

use super::{
    super::Manifest,
    Output,
    configured::{Configs, below, option, root, value},
};

/// A tool that makes static sites.
struct Site {
    package: &'static str,
    /// The directory that it makes them in, unless it is configured.
    directory: &'static str,
    /// The file of settings, without its ending, and the name of the setting.
    setting: Option<(&'static str, &'static str)>,
    /// Options of the command, or variables in front of it.
    options: &'static [&'static str],
}

const SITES: &[Site] = &[
    site(
        "astro",
        "dist",
        Some(("astro.config", "outDir")),
        &["--outDir"],
    ),
    site("gatsby", "public", None, &[]),
    site("@docusaurus/core", "build", None, &["--out-dir"]),
    site(
        "@11ty/eleventy",
        "_site",
        Some((".eleventy", "output")),
        &["--output"],
    ),
    site("react-scripts", "build", None, &["BUILD_PATH"]),
    site(
        "@vue/cli-service",
        "dist",
        Some(("vue.config", "outputDir")),
        &["--dest"],
    ),
    site("parcel", "dist", None, &["--dist-dir", "-d"]),
    site("@rsbuild/core", "dist", None, &[]),
    site("hexo", "public", None, &[]),
    site("webpack", "dist", None, &["--output-path", "-o"]),
];

const fn site(
    package: &'static str,
    directory: &'static str,
    setting: Option<(&'static str, &'static str)>,
    options: &'static [&'static str],
) -> Site {
    Site {
        package,
        directory,
        setting,
        options,
    }
}

/// Tools whose servers lie in `.output`, with all that they need.
const NITRO: [&str; 7] = [
    "nuxt",
    "nitropack",
    "nitro",
    "@tanstack/react-start",
    "@tanstack/solid-start",
    "@solidjs/start",
    "vinxi",
];

/// Returns the outputs that the build of a package may make, the best first, and what to do where there is none.
pub(super) fn outputs(
    manifest: &Manifest,
    configs: &Configs,
    build: &str,
) -> (Vec<Output>, Option<&'static str>) {
    let mut advice = None;
    let needs = |package: &str| manifest.needs(package);
    let outputs = if NITRO.iter().any(|package| needs(package)) {
        vec![
            Output::server(".output", "server/index.mjs", "node server/index.mjs"),
            Output::site(".output/public"),
            Output::site("dist"),
        ]
    } else if needs("@sveltejs/kit") {
        if needs("@sveltejs/adapter-auto") {
            advice = Some(
                "`@sveltejs/adapter-auto` makes nothing here: use `@sveltejs/adapter-node`, or `@sveltejs/adapter-static` for a site",
            );
        }
        let fallback = Output {
            entry: Some("200.html".to_owned()),
            ..Output::site("build")
        };
        vec![
            Output::in_place("build", "index.js", "node build"),
            Output::site("build"),
            fallback,
        ]
    } else if needs("@angular/core") || needs("@angular/cli") {
        angular(manifest, configs.get("angular").map(String::as_str))
    } else if needs("@react-router/node") || needs("@react-router/dev") {
        let mut outputs = Vec::new();
        if needs("@react-router/serve") {
            let command = "react-router-serve build/server/index.js";
            outputs.push(Output::in_place("build/server", "index.js", command));
        }
        outputs.push(Output::site("build/client"));
        outputs
    } else if needs("@remix-run/node") || needs("@remix-run/dev") {
        let mut outputs = Vec::new();
        if needs("@remix-run/serve") {
            let command = "remix-serve build/server/index.js";
            outputs.push(Output::in_place("build/server", "index.js", command));
            let command = "remix-serve build/index.js";
            outputs.push(Output::in_place("build", "index.js", command));
        }
        outputs.push(Output::site("build/client"));
        outputs
    } else if needs("@nestjs/core") {
        vec![
            Output::in_place("dist", "main.js", "node dist/main"),
            Output::in_place("dist/src", "main.js", "node dist/src/main"),
        ]
    } else if needs("vitepress") || needs("vuepress") {
        let tool = if needs("vitepress") {
            "vitepress"
        } else {
            "vuepress"
        };
        let named = root(build, tool).and_then(|path| below(&path, ""));
        let roots = [named.unwrap_or_default(), "docs".into(), String::new()];
        let directories = roots.iter().filter_map(|root| {
            let path = format!(".{tool}/dist");
            below(root, &path)
        });
        directories.map(Output::site).collect()
    } else {
        sites(manifest, configs, build)
    };
    (outputs, advice)
}

/// Returns the sites of tools that make nothing else, or something else by an adapter.
fn sites(manifest: &Manifest, configs: &Configs, build: &str) -> Vec<Output> {
    let Some(site) = SITES.iter().find(|site| manifest.needs(site.package)) else {
        return if manifest.needs("vite") {
            vite(configs, build)
        } else {
            Vec::new()
        };
    };
    // A bundler beside Vite is a leftover.
    if site.package == "webpack" && manifest.needs("vite") {
        return vite(configs, build);
    }
    let setting = site.setting.and_then(|(file, name)| {
        let file = configs
            .get(file)
            .or_else(|| configs.get("eleventy.config"))?;
        value(file, name)
    });
    let directory = option(build, site.options).or(setting);
    let directory = directory.and_then(|path| below("", &path));
    let directory = directory.unwrap_or_else(|| site.directory.to_owned());
    if manifest.needs("@astrojs/node") {
        let entry = "server/entry.mjs";
        let command = format!("HOST=0.0.0.0 node {directory}/{entry}");
        let server = Output::in_place(&directory, entry, command);
        return vec![server, Output::site(directory)];
    }
    vec![Output::site(directory)]
}

/// Returns the site of Vite, whose directory is relative to the root of the pages.
fn vite(configs: &Configs, build: &str) -> Vec<Output> {
    let config = configs.get("vite.config").map(String::as_str);
    let setting = |name| config.and_then(|text| value(text, name));
    let base = root(build, "vite").or_else(|| setting("root"));
    let base = base.unwrap_or_default();
    let directory = option(build, &["--outDir"])
        .or_else(|| setting("outDir"))
        .unwrap_or_else(|| "dist".to_owned());
    let mut outputs = Vec::new();
    outputs.extend(below(&base, &directory).map(Output::site));
    // Where the root is an expression that is not understood, the directory may be relative to the package.
    outputs.extend(below("", &directory).map(Output::site));
    outputs.extend(Some(Output::site("dist/client")));
    outputs.dedup();
    outputs
}

/// Returns the outputs of the first application of Angular's workspace: a server, else its site.
fn angular(manifest: &Manifest, config: Option<&str>) -> Vec<Output> {
    let config: Value = config
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let projects = config["projects"].as_object();
    let mut applications = projects.into_iter().flatten().filter(|(_, project)| {
        let kind = project["projectType"].as_str();
        kind.is_none_or(|kind| kind == "application")
    });
    let (name, build) = match applications.next() {
        Some((name, project)) => {
            let targets = project.get("architect").or_else(|| project.get("targets"));
            (
                name.clone(),
                targets.map(|targets| targets["build"].clone()),
            )
        }
        None => (manifest.name.clone().unwrap_or_default(), None),
    };
    let path = build.map(|build| build["options"]["outputPath"].clone());
    let path = path.unwrap_or_default();
    let text = path.as_str().or_else(|| path["base"].as_str());
    let default = format!("dist/{name}");
    let Some(base) = below("", text.unwrap_or(&default)) else {
        return Vec::new();
    };
    let inside = path["browser"].as_str().unwrap_or("browser");
    let entry = "server/server.mjs";
    let mut outputs = vec![Output::in_place(
        &base,
        entry,
        format!("node {base}/{entry}"),
    )];
    outputs.extend(below(&base, inside).map(Output::site));
    outputs.push(Output::site(base));
    outputs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::frameworks::Kind;

    #[track_caller]
    fn check(package: &str, configs: &[(&'static str, &str)], build: &str, expected: &str) {
        let fields = format!(r#"{{"name":"app","devDependencies":{{{package}}}}}"#);
        let manifest = Manifest::parse(&fields).unwrap();
        let configs = configs.iter().map(|&(name, text)| (name, text.to_owned()));
        let (outputs, _) = outputs(&manifest, &configs.collect(), build);
        let texts = outputs.iter().map(|output| match &output.kind {
            Kind::Site => output.directory.clone(),
            Kind::Server(command) => format!("{}: {command}", output.directory),
            Kind::InPlace(command) => command.clone(),
        });
        assert_eq!(texts.collect::<Vec<_>>().join(" | "), expected, "{package}");
    }

    #[test]
    fn directory_of_a_site_is_the_configured_one() {
        let vite = r#""vite":"7""#;
        check(vite, &[], "vite build", "dist | dist/client");
        check(
            vite,
            &[("vite.config", "build: { outDir: 'public_html' }")],
            "vite build",
            "public_html | dist/client",
        );
        check(
            vite,
            &[("vite.config", "root: 'web',\nbuild: { outDir: '../out' }")],
            "vite build",
            "out | dist/client",
        );
        check(
            vite,
            &[],
            "vite build client --outDir=site",
            "client/site | site | dist/client",
        );
        check(
            r#""@11ty/eleventy":"3""#,
            &[("eleventy.config", "return { dir: { output: \"www\" } }")],
            "eleventy",
            "www",
        );
        check(
            r#""@docusaurus/core":"3""#,
            &[],
            "docusaurus build --out-dir web",
            "web",
        );
        check(
            r#""react-scripts":"5""#,
            &[],
            "BUILD_PATH=./x react-scripts build",
            "x",
        );
        check(r#""gatsby":"5""#, &[], "gatsby build", "public");
        check(
            r#""vitepress":"1""#,
            &[],
            "vitepress build guide",
            "guide/.vitepress/dist | docs/.vitepress/dist | .vitepress/dist",
        );
    }

    #[test]
    fn frameworks_with_servers_have_their_commands() {
        check(
            r#""nuxt":"4""#,
            &[],
            "nuxt build",
            ".output: node server/index.mjs | .output/public | dist",
        );
        check(
            r#""@sveltejs/kit":"2","vite":"7""#,
            &[],
            "vite build",
            "node build | build | build",
        );
        check(
            r#""astro":"5","@astrojs/node":"9""#,
            &[("astro.config", "outDir: './web'")],
            "astro build",
            "HOST=0.0.0.0 node web/server/entry.mjs | web",
        );
        check(
            r#""@react-router/node":"7","@react-router/serve":"7","vite":"7""#,
            &[],
            "react-router build",
            "react-router-serve build/server/index.js | build/client",
        );
        check(
            r#""@nestjs/core":"11""#,
            &[],
            "nest build",
            "node dist/main | node dist/src/main",
        );
        check(r#""express":"5""#, &[], "tsc", "");
    }

    #[test]
    fn directories_of_angular_are_those_of_its_workspace() {
        let angular = r#""@angular/core":"20""#;
        let server =
            |base: &str| format!("node {base}/server/server.mjs | {base}/browser | {base}");
        check(angular, &[], "ng build", &server("dist/app"));
        let config = |options: &str| {
            format!(
                r#"{{"projects":{{"lib":{{"projectType":"library"}},"shop":{{"projectType":"application","architect":{{"build":{{"options":{{{options}}}}}}}}}}}}}"#
            )
        };
        check(
            angular,
            &[("angular", &config(""))],
            "ng build",
            &server("dist/shop"),
        );
        check(
            angular,
            &[("angular", &config(r#""outputPath":"dist/heroes""#))],
            "ng build",
            &server("dist/heroes"),
        );
        check(
            angular,
            &[(
                "angular",
                &config(r#""outputPath":{"base":"web","browser":""}"#),
            )],
            "ng build",
            "node web/server/server.mjs | web | web",
        );
    }
}
