//! Builds whose output runs in place of the source, and failures with the advice for them. Tools are stand-ins that
//! write what the real ones do.

use s2i_core::Script;

use crate::{
    image::Image,
    server::{Server, free_port, get},
};

/// An image with a source that builds with a tool of this package name, whose program writes a file.
fn tool(package: &str, program: &str, scripts: &str, file: &str, text: &str) -> Option<Image> {
    let manifest = format!(
        r#"{{"name":"site","private":true,"scripts":{scripts},"devDependencies":{{"{package}":"file:./fake"}}}}"#
    );
    let cli = format!(
        "#!/usr/bin/env node\nconst fs = require('fs'), path = require('path')\nfs.mkdirSync(path.dirname('{file}'), {{recursive: true}})\nfs.writeFileSync('{file}', `{text}`)\n"
    );
    let fake =
        format!(r#"{{"name":"{package}","version":"1.0.0","bin":{{"{program}":"cli.js"}}}}"#);
    let image = Image::with_node()?
        .source("package.json", &manifest)
        .source("fake/package.json", &fake)
        .source("fake/cli.js", &cli)
        .source("index.html", "the source");
    Some(image)
}

/// Returns the page at the root of an image that has been built.
fn page(image: Image) -> String {
    let port = free_port();
    let image = image.env("PORT", &port.to_string());
    let mut server = Server::start(&image);
    let page = get(port, "/", "");
    server.stop();
    page
}

#[test]
fn site_is_served_from_the_configured_directory_and_never_from_the_source() {
    let scripts = r#"{"build":"vite build","preview":"vite preview"}"#;
    let Some(image) = tool("vite", "vite", scripts, "public_html/index.html", "built") else {
        return;
    };
    let config = "export default { build: { outDir: 'public_html' } }";
    let image = image.source("vite.config.js", config);
    image.assemble();
    assert_eq!(image.list("app-root/src"), ["index.html"]);
    let page = page(image);
    assert!(page.ends_with("\r\n\r\nbuilt"), "{page}");
}

#[test]
fn site_that_is_not_where_it_is_expected_is_an_error() {
    let scripts = r#"{"build":"vite build"}"#;
    let Some(image) = tool("vite", "vite", scripts, "elsewhere/index.html", "built") else {
        return;
    };
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(127), "{}", outcome.stderr);
    for part in [
        "the build has not made what the image would run: there is no `",
        "/dist/index.html`",
        "\n  try: name the directory of a site, for example `-e NODE_STATIC_DIR=elsewhere`\n",
    ] {
        assert!(
            outcome.stderr.contains(part),
            "{part}\n\n{}",
            outcome.stderr
        );
    }
}

#[test]
fn server_for_development_is_not_what_runs() {
    let scripts = r#"{"build":"ng build","start":"ng serve"}"#;
    let file = "dist/heroes/browser/index.html";
    let Some(image) = tool("@angular/cli", "ng", scripts, file, "heroes") else {
        return;
    };
    let config = r#"{"projects":{"heroes":{"projectType":"application","architect":{"build":{"options":{"outputPath":"dist/heroes"}}}}}}"#;
    let image = image.source("angular.json", config);
    image.assemble();
    assert_eq!(image.list("app-root/src"), ["index.html"]);
}

#[test]
fn output_with_a_server_starts_without_a_script() {
    let scripts = r#"{"build":"nuxt build","dev":"nuxt dev"}"#;
    let server =
        "require('http').createServer((_, to) => to.end('nitro')).listen(process.env.PORT)";
    let file = ".output/server/index.mjs";
    let server = server.replace("require('http')", "(await import('node:http'))");
    let Some(image) = tool("nuxt", "nuxt", scripts, file, &server) else {
        return;
    };
    let text = image.assemble();
    assert!(
        text.contains("run starts: node server/index.mjs\n"),
        "{text}"
    );
    assert_eq!(
        image.list("app-root/src"),
        ["Procfile", "server", "server/index.mjs"]
    );
    let page = page(image);
    assert!(page.ends_with("\r\n\r\nnitro"), "{page}");
}

#[test]
fn application_in_a_directory_with_its_own_packages_starts() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .source(
            "package.json",
            r#"{"name":"all","scripts":{"build":"cd backend && npm install","start":"cd backend && npm start"}}"#,
        )
        .source(
            "backend/package.json",
            r#"{"name":"backend","version":"1.0.0","scripts":{"start":"node ."},"main":"main.js","dependencies":{"lib":"file:./lib"}}"#,
        )
        .source("backend/main.js", "console.log(require('lib'), process.env.npm_package_name)")
        .source("backend/lib/package.json", r#"{"name":"lib","version":"1.0.0"}"#)
        .source("backend/lib/index.js", "module.exports = 'library'");
    image.assemble();
    let ran = image.script(Script::Run, &[]);
    assert_eq!(ran.text(), "library backend\n");
}

#[test]
fn failure_of_the_network_is_named_and_compilers_are_not() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let lock = r#"{"name":"a","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{"":{"name":"a","version":"1.0.0","dependencies":{"esbuild":"0.25.0"}},"node_modules/esbuild":{"version":"0.25.0","resolved":"http://127.0.0.1:9/esbuild-0.25.0.tgz","integrity":"sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","hasInstallScript":true}}}"#;
    let image = image
        .source(
            "package.json",
            r#"{"name":"a","version":"1.0.0","scripts":{"start":"node x"},"dependencies":{"esbuild":"0.25.0"}}"#,
        )
        .source("package-lock.json", lock)
        .env("npm_config_fetch_retries", "0")
        .without("npm_config_offline");
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(13), "{}", outcome.stderr);
    let advice = "\n  try: a server could not be reached: ";
    assert!(outcome.stderr.contains(advice), "{}", outcome.stderr);
    for word in ["compiler", "does not fit"] {
        assert!(!outcome.stderr.contains(word), "{}", outcome.stderr);
    }
}

#[test]
fn installed_link_to_nothing_is_an_error() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .source(
            "package.json",
            r#"{"name":"a","version":"1.0.0","scripts":{"start":"node x"},"dependencies":{"shared":"file:../shared"}}"#,
        )
        .source("x.js", "");
    let text = image.refuse(11);
    for part in [
        "the dependency `shared` of package.json is `../shared`, which is outside of the source\n",
        "\n  try: build from the directory above both, without --context-dir: ",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
}
