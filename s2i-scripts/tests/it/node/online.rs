//! The samples that download.

use std::{fs, path::Path};

use s2i_core::Script;

use crate::{
    image::Image,
    server::{Server, free_port, get},
};

/// Assembles a sample; returns the image, the port of the application and the output.
fn assembled(name: &str, env: &[(&str, &str)]) -> Option<(Image, u16, String)> {
    let port = free_port();
    let image = Image::with_node()?.online()?;
    let image = image
        .sample(&format!("node/{name}"))
        .env("PORT", &port.to_string());
    let image = env
        .iter()
        .fold(image, |image, (name, value)| image.env(name, value));
    let text = image.assemble();
    assert_eq!(image.list("tmp"), ["src"], "{text}");
    Some((image, port, text))
}

/// Removes npm and the shell, as in a runtime image.
fn without_tools(image: &Image) {
    for name in ["npm", "sh", "env"] {
        fs::remove_file(image.path("tools").join(name)).unwrap();
    }
    let outcome = image.script(Script::AssembleRuntime, &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

fn has(image: &Image, name: &str) -> bool {
    image.path("app-root/src").join(name).exists()
}

#[test]
fn express_answers_and_has_no_development_dependencies() {
    let Some((image, port, _)) = assembled("express", &[]) else {
        return;
    };
    without_tools(&image);
    assert!(has(&image, "node_modules/express") && !has(&image, "node_modules/semver"));
    let mut server = Server::start(&image);
    assert!(get(port, "/", "").ends_with("hello from express, for production"));
    assert_eq!(server.stop(), Some(0));
    let Some((image, ..)) = assembled("express", &[("NODE_ENV", "development")]) else {
        return;
    };
    assert!(has(&image, "node_modules/semver"));
}

#[test]
fn every_package_manager_installs_builds_and_prunes() {
    for name in ["pnpm", "yarn", "berry"] {
        let Some((image, port, text)) = assembled(name, &[]) else {
            return;
        };
        assert!(text.contains("\n1.2.3\n"), "the build did not run:\n{text}");
        without_tools(&image);
        assert!(
            has(&image, "node_modules/ms") && !has(&image, "node_modules/semver"),
            "{text}"
        );
        let mut server = Server::start(&image);
        let page = get(port, "/", "");
        assert!(
            page.ends_with(&format!("hello from {name}-sample, 1m")),
            "{page}"
        );
        server.stop();
    }
}

#[test]
fn packages_in_archives_are_found_at_run_time() {
    let Some(image) = Image::with_node().and_then(Image::online) else {
        return;
    };
    let port = free_port();
    let image = image.sample("node/berry").env("PORT", &port.to_string());
    fs::remove_file(image.path("tmp/src/.yarnrc.yml")).unwrap();
    image.assemble();
    without_tools(&image);
    assert!(has(&image, ".pnp.cjs") && !has(&image, "node_modules"));
    let mut server = Server::start(&image);
    assert!(get(port, "/", "").ends_with("hello from berry-sample, 1m"));
    server.stop();
}

#[test]
fn typescript_is_not_in_the_image() {
    let Some((image, port, _)) = assembled("typescript", &[]) else {
        return;
    };
    without_tools(&image);
    assert!(has(&image, "dist/server.js") && !has(&image, "node_modules/typescript"));
    let mut server = Server::start(&image);
    assert!(get(port, "/", "").ends_with("hello from typescript"));
    server.stop();
}

#[test]
fn image_of_next_has_only_the_server() {
    let Some((image, port, text)) = assembled("next", &[("NEXT_TELEMETRY_DISABLED", "1")]) else {
        return;
    };
    without_tools(&image);
    assert!(has(&image, "server.js") && !has(&image, "app"), "{text}");
    let mut server = Server::start(&image);
    assert!(get(port, "/", "").contains("hello from next"));
    assert!(get(port, "/public.txt", "").ends_with("a public file\n"));
    server.stop();
}

#[test]
fn site_is_served_without_node() {
    let Some((image, port, _)) = assembled("site", &[]) else {
        return;
    };
    fs::remove_file(image.path("tools/node")).unwrap();
    without_tools(&image);
    assert!(!has(&image, "package.json"));
    let mut server = Server::start(&image);
    for path in ["/", "/any/page"] {
        assert!(get(port, path, "").contains("hello from vite"));
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn add_on_is_compiled_where_there_is_a_compiler() {
    let Some(image) = Image::with_node().and_then(Image::online) else {
        return;
    };
    let tools = ["g++", "cc", "make", "python3"];
    let image = tools.into_iter().try_fold(image, Image::tool);
    // Headers that come with Node.js; those of the same version would be downloaded elsewhere.
    let headers = Path::new("/usr/include/node/node_api.h").exists();
    let Some(image) = image.filter(|_| headers) else {
        crate::image::skip("there is no compiler with the headers of Node.js");
        return;
    };
    let port = free_port();
    let path = format!("{}:/usr/bin:/bin", image.path("tools").display());
    let image = image
        .sample("node/addon")
        .env("PATH", &path)
        .env("npm_config_nodedir", "/usr")
        .env("PORT", &port.to_string());
    image.assemble();
    let mut server = Server::start(&image);
    assert!(get(port, "/", "").ends_with("hello from c"));
    server.stop();
}
