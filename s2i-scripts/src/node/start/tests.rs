//! The choice between several starts of an application.

use std::fs;

use super::*;
use crate::assembly::testing::tree;

/// Returns the start as text; `APP`, `N` for the application's directory and for Node.js.
fn show(files: &[(&str, &str)], env: &[(&str, &str)]) -> String {
    let root = tree(files);
    fs::create_dir(root.path().join("bin")).unwrap();
    let node = root.path().join("bin/node");
    fs::write(&node, "").unwrap();
    fs::set_permissions(&node, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let bin = root.path().join("bin").display().to_string();
    let env = env.iter().copied().chain([("PATH", bin.as_str())]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let host = Host::new(["run"], env, &mut out, &mut err);
    let text = match launch(root.path(), &["--x".into()], &host) {
        Ok(Launch::Exec(command)) => format!("become {command}"),
        Ok(launch) => launch.to_string(),
        Err(err) => err.to_string(),
    };
    text.replace(root.path().to_str().unwrap(), "APP")
}

fn package(fields: &str) -> String {
    format!("{{\"name\":\"a\",{fields}}}")
}

#[test]
fn request_of_the_user_takes_precedence() {
    let start = package(r#""scripts":{"start":"node a.js","other":"node b.js"},"main":"m.js""#);
    let all = [
        ("package.json", start.as_str()),
        ("Procfile", "web: node p.js\nworker: node w.js\n"),
        ("m.js", ""),
        ("server.js", ""),
    ];
    assert_eq!(
        show(&all, &[("NODE_CMD", "node c.js"), ("NPM_RUN", "other")]),
        "node c.js --x"
    );
    assert_eq!(show(&all, &[("NPM_RUN", "other")]), "node b.js --x");
    assert_eq!(show(&all, &[]), "node p.js --x");
    assert_eq!(show(&all, &[("APP", "worker")]), "node w.js --x");
    let rest = [all[0], all[2], all[3]];
    assert_eq!(show(&rest, &[]), "node a.js --x");
    let main = package(r#""main":"m""#);
    assert_eq!(
        show(&[("package.json", &main), all[2], all[3]], &[]),
        "node m.js --x"
    );
    assert_eq!(
        show(&[("package.json", &main), all[3]], &[]),
        "node server.js --x"
    );
    for file in ["server.js", "app.mjs", "main.cjs", "index.js"] {
        assert_eq!(show(&[(file, "")], &[]), format!("node {file} --x"));
    }
    let site = [("index.html", ""), ("main.js", "")];
    assert_eq!(show(&site, &[]), "serve the files of APP");
    let both = [("index.html", ""), ("server.js", "")];
    assert_eq!(show(&both, &[]), "node server.js --x");
    let package = [("package.json", "{}"), ("index.html", ""), ("main.js", "")];
    assert_eq!(show(&package, &[]), "node main.js --x");
}

#[test]
fn applications_that_cannot_start_are_errors() {
    let main = package(r#""main":"dist/x.js","scripts":{"x":"node x"}"#);
    let files = [("package.json", main.as_str())];
    assert_eq!(
        show(&files, &[]),
        "the file to start, `APP/dist/x.js`, does not exist"
    );
    assert_eq!(
        show(&files, &[("NPM_RUN", "y")]),
        "package.json has no script `y`"
    );
    assert_eq!(
        show(&[("package.json", "{}")], &[]),
        "there is nothing to start in `APP`"
    );
    let all = [("package.json", "{}"), ("Procfile", "web: node x\n")];
    assert_eq!(
        show(&all, &[("APP", "cron")]),
        "the process `cron` is not in the Procfile"
    );
    let none = package(r#""scripts":{"start":"next start"}"#);
    assert_eq!(
        show(&[("package.json", &none)], &[]),
        "there is no `next` to start `next start` with"
    );
    let pipe = package(r#""scripts":{"start":"node a | cat"}"#);
    assert_eq!(
        show(&[("package.json", &pipe)], &[]),
        "the command `node a | cat` needs a shell, and this image has none"
    );
    let circle = package(r#""scripts":{"start":"npm run b","b":"npm start"}"#);
    assert_eq!(
        show(&[("package.json", &circle)], &[]),
        "the script `start` calls itself"
    );
}

#[test]
fn scripts_run_without_npm() {
    for (scripts, expected) in [
        (
            r#""start":"PORT=$PORT node -r x 'a b.js'""#,
            "node -r x 'a b.js' --x",
        ),
        (
            r#""start":"node a && cd sub && node b""#,
            "node a && node b --x",
        ),
        (
            r#""prestart":"node pre","start":"node a","poststart":"node post""#,
            "node pre && node a --x && node post",
        ),
        (
            r#""start":"npm run serve -- --port 1","serve":"node s""#,
            "node s --port 1 --x",
        ),
        (
            r#""start":"yarn serve:it","serve:it":"node s""#,
            "node s --x",
        ),
        (
            r#""start":"yarn other""#,
            "there is no `yarn` to start `yarn other` with",
        ),
        (r#""start":"yarn s -v","s":"node s""#, "node s -v --x"),
        (
            r#""start":"npm run build && node dist/x","build":"tsc""#,
            "node dist/x --x",
        ),
        (
            r#""start":"nodemon x.js --port 1""#,
            "node x.js --port 1 --x",
        ),
        (r#""start":"nodemon""#, "node . --x"),
        (
            r#""start":"nest start","start:prod":"node dist/main""#,
            "node dist/main --x",
        ),
        (
            r#""start":"node a","start:prod":"node dist/main""#,
            "node a --x",
        ),
        (r#""start":"node $npm_package_name.js""#, "node a.js --x"),
    ] {
        let package = package(&format!("\"scripts\":{{{scripts}}}"));
        assert_eq!(show(&[("package.json", &package)], &[]), expected);
    }
}

#[test]
fn directory_and_package_change_together() {
    let inner = r#"{"name":"inner","main":"main.js","scripts":{"start":"node $npm_package_name.js","web":"node w"},"dependencies":{"tool":"1"}}"#;
    for (start, expected) in [
        ("cd backend && npm start", "node inner.js --x"),
        ("cd backend && yarn web", "node w --x"),
        ("cd backend/lib && npm start", "node inner.js --x"),
        ("cd backend && cd .. && npm run other", "node o --x"),
        ("npm start --prefix backend", "node inner.js --x"),
        ("yarn --cwd ./backend web", "node w --x"),
        (
            "cd backend && tool",
            "node APP/backend/node_modules/tool/t.js --x",
        ),
        (
            "cd backend && npm run none",
            "package.json has no script `none`",
        ),
    ] {
        let package = package(&format!(
            r#""scripts":{{"start":"{start}","other":"node o"}}"#
        ));
        let files = [
            ("package.json", package.as_str()),
            ("backend/package.json", inner),
            ("backend/lib/x.js", ""),
            (
                "backend/node_modules/tool/package.json",
                r#"{"name":"tool","bin":"t.js"}"#,
            ),
            ("backend/node_modules/tool/t.js", ""),
        ];
        assert_eq!(show(&files, &[]), expected, "{start}");
    }
}

#[test]
fn source_of_a_site_is_not_the_site() {
    let package = package(r#""scripts":{"build":"make"}"#);
    let files = [("package.json", package.as_str()), ("index.html", "")];
    assert_eq!(show(&files, &[]), "there is nothing to start in `APP`");
    let plain = [("package.json", "{}"), ("index.html", "")];
    assert_eq!(show(&plain, &[]), "serve the files of APP");
}

#[test]
fn programs_of_packages_are_found_by_their_manifests() {
    let package =
        package(r#""scripts":{"start":"tool go"},"dependencies":{"@x/tool":"1","other":"1"}"#);
    let files = [
        ("package.json", package.as_str()),
        (
            "node_modules/@x/tool/package.json",
            r#"{"name":"@x/tool","bin":"cli"}"#,
        ),
        ("node_modules/@x/tool/cli", "#!/usr/bin/env node\n"),
        ("node_modules/.bin/tool", "#!/bin/sh\n"),
    ];
    assert_eq!(
        show(&files, &[]),
        "node APP/node_modules/@x/tool/cli go --x"
    );
}

#[test]
fn development_watches_files_and_listens_for_a_debugger() {
    let package = package(r#""scripts":{"start":"node --inspect a.js"}"#);
    let files = [("package.json", package.as_str())];
    assert_eq!(
        show(&files, &[("DEV_MODE", "true")]),
        "node --watch --inspect a.js --x"
    );
    let files = [("server.js", "")];
    assert_eq!(
        show(&files, &[("DEV_MODE", "true")]),
        "node --watch --inspect=5858 server.js --x"
    );
    assert_eq!(
        show(
            &files,
            &[("DEV_MODE", "true"), ("DEBUG_PORT", "0.0.0.0:9229")]
        ),
        "node --watch --inspect=0.0.0.0:9229 server.js --x"
    );
}

#[test]
fn run_becomes_the_application_without_an_init() {
    let files = [("server.js", "")];
    assert_eq!(
        show(&files, &[("INIT_WRAPPER", "false")]),
        "become node server.js --x"
    );
    assert_eq!(
        show(&files, &[("INIT_WRAPPER", "true")]),
        "node server.js --x"
    );
}

#[test]
fn packages_in_archives_are_found_through_the_file_of_yarn() {
    let files = [("server.js", ""), (".pnp.cjs", "")];
    assert_eq!(
        show(&files, &[]),
        "node --require APP/.pnp.cjs server.js --x"
    );
}
