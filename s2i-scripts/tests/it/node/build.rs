//! Installation, build and removal, without a network.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::MetadataExt as _,
    thread,
};

use s2i_core::Script;

use crate::image::Image;

/// Returns a package.json with these fields.
fn package(fields: &str) -> String {
    format!("{{\"name\":\"sample\",\"version\":\"1.0.0\",\"license\":\"MIT\",{fields}}}")
}

#[test]
fn random_user_installs_builds_and_prunes_and_leaves_nothing_else() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let image = if is_root {
        image.user(1_000_620_000)
    } else {
        image
    };
    let image = image
        .source("package.json", &package(
            r#""scripts":{"build":"maker made.js","start":"node made.js"},"dependencies":{"used":"file:./used"},"devDependencies":{"maker":"file:./maker"}"#,
        ))
        .source("used/package.json", r#"{"name":"used","version":"1.0.0"}"#)
        .source("used/index.js", "module.exports = 'used'")
        .source("maker/package.json", r#"{"name":"maker","version":"1.0.0","bin":"maker.js"}"#)
        .source("maker/maker.js", "#!/usr/bin/env node\nrequire('fs').writeFileSync(process.argv[2], `console.log(require('used'), '${process.env.NODE_ENV}')`)")
        .source(".git/HEAD", "ref: refs/heads/main\n");
    let text = image.assemble();
    for part in [
        "---> Looking at the source\n     Node.js ",
        "     application: sample 1.0.0\n     packages: npm ",
        "---> Installing dependencies\n     npm install --include=dev\n",
        "---> Building in production mode\n     npm run build\n",
        "---> Pruning the development dependencies\n     npm prune --omit=dev --ignore-scripts\n",
        "     run starts: node made.js\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    assert_eq!(image.list("tmp"), ["src"]);
    assert_eq!(image.list("app-root/bin"), [""; 0]);
    let names = image.list("app-root/src/node_modules");
    assert!(
        names.contains(&"used".to_owned()) && !names.contains(&"maker".to_owned()),
        "{names:?}"
    );
    assert!(!image.path("app-root/src/.git").exists());
    assert_eq!(image.mode("app-root/src/made.js") & 0o060, 0o060);
    let ran = image.script(Script::Run, &[]);
    assert_eq!(
        (ran.text().as_str(), ran.code),
        ("used production\n", Some(0))
    );
    assert_eq!(ran.stderr, "---> Starting node made.js\n");
}

#[test]
fn lock_file_is_followed_and_its_absence_is_a_warning() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image.sample("node/workspace");
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert!(
        outcome.text().contains("     npm ci --include=dev\n"),
        "{}",
        outcome.text()
    );

    let drifted = Image::with_node().unwrap().sample("node/workspace");
    let package = fs::read_to_string(drifted.path("tmp/src/package.json")).unwrap();
    let package = package.replacen('{', r#"{"dependencies":{"extra":"file:./extra"},"#, 1);
    let drifted = drifted
        .source("package.json", &package)
        .source(
            "extra/package.json",
            r#"{"name":"extra","version":"1.0.0"}"#,
        )
        .env("NODE_STRICT_LOCK", "true");
    let text = drifted.script(Script::Assemble, &[]).stderr;
    assert!(text.contains("`npm ci --include=dev` failed"), "{text}");
    assert!(text.contains("  try: package-lock.json does not fit package.json: run `npm install`, and commit package-lock.json\n"), "{text}");
    assert!(!text.contains("compiler"), "{text}");

    let lenient = Image::with_node().unwrap().sample("node/workspace");
    let lenient = lenient.source("package.json", &package).source(
        "extra/package.json",
        r#"{"name":"extra","version":"1.0.0"}"#,
    );
    let outcome = lenient.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let warning = "warning: package-lock.json DOES NOT FIT package.json. ";
    assert!(outcome.stderr.contains(warning), "{}", outcome.stderr);
    assert!(
        outcome.text().contains("     npm install --include=dev\n"),
        "{}",
        outcome.text()
    );

    let without = Image::with_node()
        .unwrap()
        .source("package.json", &package_with_start());
    let outcome = without.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .starts_with("warning: there is no package-lock.json, "),
        "{}",
        outcome.stderr
    );
}

fn package_with_start() -> String {
    package(r#""scripts":{"start":"node -p 1"}"#)
}

#[test]
fn package_of_a_workspace_is_built_after_its_dependencies() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image.sample("node/workspace");
    let text = image.assemble();
    assert!(
        text.contains("     application: @sample/web in apps/web, one of 3 packages\n"),
        "{text}"
    );
    assert!(!image.path("app-root/src/apps/worker").exists());
    assert!(
        image
            .path("app-root/src/packages/greeting/dist/index.js")
            .exists()
    );
    let names = image.list("app-root/src/node_modules");
    assert_eq!(names, ["@sample", "@sample/greeting", "@sample/web"]);
    let image = image.env("NODE_WORKSPACE", "none");
    let outcome = image.script(Script::Run, &[]);
    assert_eq!(outcome.code, Some(11));
    assert!(
        outcome
            .stderr
            .contains("cause: there are apps/web, packages/greeting\n"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn development_keeps_everything() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .source("package.json", &package(
            r#""scripts":{"build":"exit 3","start":"node a.js"},"devDependencies":{"tool":"file:./tool"}"#,
        ))
        .source("tool/package.json", r#"{"name":"tool","version":"1.0.0"}"#)
        .source("a.js", "")
        .env("DEV_MODE", "true");
    image.assemble();
    assert!(
        image
            .list("app-root/src/node_modules")
            .contains(&"tool".to_owned())
    );
}

#[test]
fn failed_build_is_shown_with_its_file() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let outcome = image.sample("node/broken").script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(13), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("server.js:1\n"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.ends_with("assemble: `npm run build` failed (exit status: 1)\n  cause: its output above has the reason\n"), "{}", outcome.stderr);
}

#[test]
fn add_on_without_a_compiler_is_named() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let outcome = image.sample("node/addon").script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(13), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("  try: these packages may have to compile a native add-on, and this image has no compiler (g++, make, python3): .\n"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn engines_are_checked_before_the_source_is_moved() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image.source("package.json", &package(r#""engines":{"node":">=999"}"#));
    let text = image.refuse(12);
    assert!(
        text.starts_with("assemble: the source needs Node.js >=999 and this image has Node.js "),
        "{text}"
    );
    assert!(image.path("tmp/src/package.json").exists());
}

#[test]
fn application_that_cannot_start_fails_the_build() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image.source("package.json", &package(r#""main":"dist/index.js""#));
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(127), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("/src/dist/index.js`, does not exist\n"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn plan_is_json_and_is_not_executed() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .sample("node/express")
        .env("NPM_TOKEN", "npm_0123456789")
        .env("NPM_MIRROR", "https://me:the-password@npm.example.org/all");
    let outcome = image.script(Script::Assemble, &["--plan"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let text = outcome.text();
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(plan["recipe"], "node");
    assert_eq!(plan["phases"][0]["steps"][0]["do"], "install");
    assert!(
        text.contains("//npm.example.org/all/:_authToken=${NPM_TOKEN}"),
        "{text}"
    );
    for secret in ["npm_0123456789", "the-password"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(image.path("tmp/src/server.js").exists());
    assert_eq!(image.list("app-root"), ["bin"]);
}

/// Starts a registry without packages; its thread returns every request, with its credentials.
fn registry() -> (u16, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = thread::spawn(move || {
        let mut seen = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            let headers: Vec<_> = lines
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect();
            let find = |name: &str| {
                let mut headers = headers.iter().map(|line| line.to_ascii_lowercase());
                headers
                    .find(|line| line.starts_with(name))
                    .unwrap_or_default()
            };
            seen.push(format!("{first} {}", find("authorization:")));
            write!(
                stream,
                "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
            )
            .unwrap();
            if first.contains("/end") {
                return seen;
            }
        }
        seen
    });
    (port, requests)
}

#[test]
fn token_reaches_the_registry_and_not_the_image() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let (port, requests) = registry();
    let image = image
        .source(
            "package.json",
            &package(r#""dependencies":{"private":"^1.0.0"}"#),
        )
        .without("npm_config_offline")
        .env("npm_config_fetch_retries", "0")
        .env("npm_config_loglevel", "http")
        .env("NPM_MIRROR", &format!("http://127.0.0.1:{port}/all"))
        .env("NPM_TOKEN", "npm_0123456789");
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(13), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("with NPM_AUTH\n"),
        "{}",
        outcome.stderr
    );
    for text in [outcome.text(), outcome.stderr] {
        assert!(!text.contains("npm_0123456789"), "{text}");
    }
    assert!(!image.path("tmp/s2i-scratch").exists());
    crate::server::get(port, "/end", "");
    let requests = requests.join().unwrap();
    assert!(
        requests[0].starts_with("GET /all/private HTTP/1.1 authorization: bearer npm_0123456789"),
        "{requests:?}"
    );
}

#[test]
fn secret_in_the_image_fails_the_build() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .source("package.json", &package(
            r#""scripts":{"build":"node -e \"fs.writeFileSync('left.txt', process.env.NPM_TOKEN); console.log('it is ' + process.env.NPM_TOKEN)\"","start":"node -p 1"}"#,
        ))
        .env("NPM_TOKEN", "npm_0123456789");
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(15), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("/src/left.txt` holds the value of NPM_TOKEN\n"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.text().contains("it is redacted\n"),
        "{}",
        outcome.text()
    );
}

#[test]
fn literal_credentials_of_the_source_are_removed() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .source("package.json", &package_with_start())
        .source(".npmrc", "//npm.example.org/:_authToken=literal\n");
    image.assemble();
    assert!(!image.path("app-root/src/.npmrc").exists());
    let image = Image::with_node().unwrap();
    let image = image
        .source("package.json", &package_with_start())
        .source(".npmrc", "//npm.example.org/:_authToken=${NPM_TOKEN}\n");
    image.assemble();
    assert!(image.path("app-root/src/.npmrc").exists());
}

#[test]
fn kept_caches_of_the_same_tools_are_restored() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let source = |image: Image| {
        image
            .source("package.json", &package(
                r#""scripts":{"build":"node build.js","start":"node -p 1"}"#,
            ))
            .source("build.js", "const fs = require('fs'); const at = 'node_modules/.cache/x'; console.log('cached:', fs.existsSync(at)); fs.mkdirSync('node_modules/.cache', { recursive: true }); fs.writeFileSync(at, '')")
            .env("S2I_KEEP_CACHE", "true")
    };
    let first = source(image);
    let text = first.assemble();
    assert!(text.contains("cached: false\n"), "{text}");
    assert!(!first.path("app-root/src/node_modules/.cache").exists());
    let saved = first.script(Script::SaveArtifacts, &[]);
    assert_eq!((saved.code, saved.stderr.as_str()), (Some(0), ""));

    let second = source(Image::with_node().unwrap());
    crate::artifacts::restore(&saved.stdout, &second, "tmp/artifacts");
    fs::create_dir(second.path("tmp/artifacts/tools-abi1-x64")).unwrap();
    let text = second.assemble();
    for part in [
        "     the saved cache tools-abi1-x64 is not used: it is from other tools\n",
        "---> Restoring build artifacts\n",
        "cached: true\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    assert!(!second.path("app-root/cache/tools-abi1-x64").exists());
}

#[test]
fn cache_of_tools_belongs_to_a_lock_and_cache_of_packages_does_not() {
    let lock = |name: &str| {
        format!(
            "{{\"name\":\"{name}\",\"lockfileVersion\":3,\"requires\":true,\"packages\":{{\"\":{{\"name\":\"{name}\",\"version\":\"1.0.0\",\"license\":\"MIT\"}}}}}}"
        )
    };
    let built = |lock: &str, saved: Option<&[u8]>| {
        let image = Image::with_node()?
            .source("package.json", &package(r#""scripts":{"build":"node build.js","start":"node -p 1"}"#))
            .source("package-lock.json", lock)
            .source("build.js", "const fs = require('fs'); const at = 'node_modules/.cache/x'; console.log('cached:', fs.existsSync(at)); fs.mkdirSync('node_modules/.cache', { recursive: true }); fs.writeFileSync(at, '')")
            .env("S2I_KEEP_CACHE", "true");
        if let Some(saved) = saved {
            crate::artifacts::restore(saved, &image, "tmp/artifacts");
        }
        let text = image.assemble();
        Some((image.script(Script::SaveArtifacts, &[]).stdout, text, image))
    };
    let Some((saved, text, _)) = built(&lock("one"), None) else {
        return;
    };
    assert!(text.contains("cached: false\n"), "{text}");
    let (_, text, _) = built(&lock("one"), Some(&saved)).unwrap();
    assert!(text.contains("cached: true\n"), "{text}");
    let (_, text, image) = built(&lock("two"), Some(&saved)).unwrap();
    for part in [
        "cached: false\n",
        " is not used: it is from other tools\n",
        "---> Restoring build artifacts\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    let names = image.list("app-root/cache");
    let tools = names
        .iter()
        .filter(|name| name.starts_with("tools-") && !name.contains('/'));
    assert_eq!(tools.count(), 1, "{names:?}");
}

#[test]
fn site_replaces_its_source() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .source("package.json", &package(r#""scripts":{"build":"node build.js"}"#))
        .source("build.js", "const fs = require('fs'); fs.mkdirSync('out/web', { recursive: true }); fs.writeFileSync('out/web/index.html', '<h1>made</h1>')")
        .env("NODE_STATIC_DIR", "out/web");
    let text = image.assemble();
    assert_eq!(image.list("app-root/src"), ["index.html"]);
    assert!(
        text.contains("     run starts: serve the files of "),
        "{text}"
    );
}
