//! Plans as tables: facts and request in, the plan as text out.

use std::collections::BTreeMap;

use super::*;
use crate::{
    Host,
    assembly::{
        cache::Caches,
        testing::{directories, render},
    },
    node::{
        Manifest, Project,
        facts::{CacheNames, Node, Tool},
        manager::{Choice, Manager},
        settings::{Npmrc, Yarnrc},
    },
    pins::Pin,
};

fn choice(manager: Manager) -> Choice {
    Choice {
        manager,
        version: None,
        reason: "a lock file",
        lock: manager.locks().last().copied(),
    }
}

fn facts(manager: Manager, package: &str) -> Facts {
    let program = format!("/usr/bin/{}", manager.program());
    Facts {
        project: Project {
            root: Manifest::parse(package).unwrap(),
            ..Project::default()
        },
        is_startable: true,
        is_server: false,
        names: vec!["package.json".into()],
        choice: choice(manager),
        tool: Tool::Present {
            program,
            version: "11.19.1".parse().ok(),
        },
        node: Node {
            program: "/usr/bin/node".into(),
            version: "20.20.2".parse().unwrap(),
            abi: "115".into(),
            arch: "x64".into(),
        },
        preferred: None,
        configs: BTreeMap::new(),
        npmrc: Npmrc::default(),
        yarnrc: Yarnrc {
            linker: Some("node-modules".into()),
            ..Yarnrc::default()
        },
        path: Some("/usr/bin".into()),
        registry: None,
        has_shell: true,
        has_compiler: false,
        has_procfile: false,
        caches: Caches::default(),
        cache_names: CacheNames {
            packages: format!("packages-{}", manager.program()),
            tools: "tools-abi115-x64".into(),
            modules: None,
        },
        saved_parts: Vec::new(),
    }
}

fn request(env: &[(&str, &str)]) -> Request {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let host = Host::new(["assemble"], env.iter().copied(), &mut out, &mut err);
    Request::read(&host).unwrap()
}

/// The arguments of every pnpm command.
const SETTINGS: &str = "--config.store-dir=/tmp/s2i-scratch/cache/packages-pnpm/pnpm \
    --config.manage-package-manager-versions=false --config.pm-on-fail=ignore --config.prefer-symlinked-executables=true";

/// The plan without the variables of commands.
fn outline(facts: &Facts, env: &[(&str, &str)]) -> String {
    let plan = match plan(facts, &request(env), &directories()) {
        Ok(plan) => plan,
        Err(err) => return format!("{err}: {}", err.explain().cause.unwrap_or_default()),
    };
    let lines = render(&plan);
    let lines = lines.lines().map(|line| {
        let Some(rest) = line.strip_prefix("in ") else {
            return line.to_owned();
        };
        let is_variable = |word: &&str| {
            let name = word.split('=').next().unwrap_or_default();
            word.contains('=') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let mut words = rest.split(' ');
        let directory = words.next().unwrap_or_default();
        let words: Vec<_> = words.skip_while(is_variable).collect();
        let words = words.join(" ").replace(SETTINGS, "PNPM");
        let words = words.split(" || ").next().unwrap_or_default();
        format!("in {directory}: {words}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

const TYPESCRIPT: &str = r#"{"name":"shop","version":"1.2.0","scripts":{"build":"tsc","start":"node dist/x.js"},"devDependencies":{"typescript":"5"}}"#;

#[test]
fn production_image_is_installed_built_and_pruned() {
    assert_eq!(
        outline(&facts(Manager::Npm, TYPESCRIPT), &[]),
        "\
Node.js 20.20.2 (x64, ABI 115), for production
application: shop 1.2.0
packages: npm 11.19.1, because of a lock file
# Installing application source
install /tmp/src/* -> /opt/app-root/src
# Installing dependencies
make /tmp/s2i-scratch/home
make /tmp/s2i-scratch/tmp
in /opt/app-root/src: npm ci --include=dev
check links of /opt/app-root/src
# Building in production mode
in /opt/app-root/src: npm run build
# Pruning the development dependencies
in /opt/app-root/src: npm prune --omit=dev --ignore-scripts
# Installing application
remove /opt/app-root/src/.git
remove /opt/app-root/src/node_modules/.cache
remove /opt/app-root/src/node_modules/.package-lock.json
remove /opt/app-root/src/.next/cache
remove /opt/app-root/src/.yarn/install-state.gz
share /opt/app-root/src"
    );
}

#[test]
fn development_dependencies_without_a_use_are_not_installed() {
    let plain = r#"{"name":"shop","scripts":{"start":"node ."}}"#;
    for (manager, expected) in [
        (Manager::Npm, "npm ci --omit=dev"),
        (Manager::Pnpm, "pnpm PNPM install --frozen-lockfile --prod"),
        (
            Manager::Yarn,
            "yarn install --frozen-lockfile --non-interactive --production",
        ),
    ] {
        let text = outline(&facts(manager, plain), &[]);
        assert!(text.contains(&format!(": {expected}\n")), "{text}");
        assert!(!text.contains("Pruning"), "{text}");
    }
    let husky = r#"{"scripts":{"prepare":"husky"}}"#;
    let text = outline(&facts(Manager::Npm, husky), &[]);
    assert!(
        text.contains("npm ci --include=dev") && text.contains("npm prune"),
        "{text}"
    );
}

#[test]
fn every_package_manager_has_its_own_commands() {
    for (manager, install, run, prune) in [
        (
            Manager::Pnpm,
            "pnpm PNPM install --frozen-lockfile --prod=false",
            "pnpm PNPM run build",
            "pnpm PNPM prune --prod --ignore-scripts",
        ),
        (
            Manager::Yarn,
            "yarn install --frozen-lockfile --non-interactive --production=false",
            "yarn run build",
            "",
        ),
        (
            Manager::Berry,
            "yarn install --immutable",
            "yarn run build",
            "yarn workspaces focus --all --production",
        ),
    ] {
        let text = outline(&facts(manager, TYPESCRIPT), &[]);
        if manager == Manager::Yarn {
            let line = "prune /opt/app-root/src for /opt/app-root/src";
            assert!(text.lines().any(|known| known == line), "{text}");
        }
        for expected in [install, run, prune] {
            if expected.is_empty() {
                continue;
            }
            let line = format!("in /opt/app-root/src: {expected}");
            assert!(text.lines().any(|known| known == line), "{line}\n\n{text}");
        }
    }
}

#[test]
fn lock_file_that_does_not_fit_is_followed_as_far_as_it_does_unless_the_user_objects() {
    for (manager, expected) in [
        (
            Manager::Npm,
            "npm ci --include=dev || npm install --include=dev",
        ),
        (
            Manager::Pnpm,
            "install --frozen-lockfile --prod=false || pnpm PNPM install --no-frozen-lockfile --prod=false",
        ),
        (
            Manager::Yarn,
            "yarn install --frozen-lockfile --non-interactive --production=false || yarn install --non-interactive --production=false",
        ),
        (
            Manager::Berry,
            "yarn install --immutable || yarn install --no-immutable",
        ),
    ] {
        let facts = facts(manager, TYPESCRIPT);
        let text = render(&plan(&facts, &request(&[]), &directories()).unwrap());
        let text = text.replace(SETTINGS, "PNPM");
        assert!(text.contains(expected), "{expected}\n\n{text}");
        let strict = request(&[("NODE_STRICT_LOCK", "true")]);
        let text = render(&plan(&facts, &strict, &directories()).unwrap());
        assert!(!text.contains(" || "), "{text}");
    }
}

#[test]
fn tool_that_the_start_needs_keeps_development_dependencies() {
    let package = r#"{"scripts":{"start":"tsx src/x.ts"},"devDependencies":{"tsx":"4"}}"#;
    let text = outline(&facts(Manager::Npm, package), &[]);
    for part in [
        "! the application needs `tsx` to start, which is in `devDependencies`",
        ": npm ci --include=dev\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    assert!(!text.contains("Pruning"), "{text}");
    let text = outline(&facts(Manager::Npm, package), &[("NODE_CMD", "node x")]);
    assert!(text.contains("npm ci --omit=dev"), "{text}");
}

#[test]
fn dependency_outside_of_the_source_is_refused() {
    let package = r#"{"scripts":{"start":"node ."},"dependencies":{"shared":"file:../shared"}}"#;
    let text = outline(&facts(Manager::Npm, package), &[]);
    assert!(
        text.starts_with("the dependency `shared` of package.json is `../shared`, which is outside of the source: only the source"),
        "{text}"
    );
    let package = package.replace("../shared", "./lib/../shared");
    let text = outline(&facts(Manager::Npm, &package), &[]);
    assert!(text.contains("npm ci"), "{text}");
}

#[test]
fn development_keeps_everything_and_builds_only_on_request() {
    let npm = facts(Manager::Npm, TYPESCRIPT);
    let text = outline(&npm, &[("DEV_MODE", "true")]);
    assert!(
        text.contains("npm ci --include=dev\ncheck links of /opt/app-root/src\n# Installing application\nshare"),
        "{text}"
    );
    let text = outline(&npm, &[("DEV_MODE", "true"), ("NPM_BUILD", "build -- --x")]);
    assert!(text.contains("# Building in development mode\n"), "{text}");
    assert!(text.contains(": npm run build -- --x\n"), "{text}");
    let text = outline(&npm, &[("NODE_ENV", "staging")]);
    assert!(
        text.contains("# Building in staging mode\n") && !text.contains("Pruning"),
        "{text}"
    );
    let text = outline(&npm, &[("NPM_BUILD", "bild")]);
    assert_eq!(
        text,
        "package.json has no script `bild`: NPM_BUILD names it, and there are build, start"
    );
    let pnpm = facts(Manager::Pnpm, TYPESCRIPT);
    let text = outline(&pnpm, &[("NPM_BUILD", "build -- --x")]);
    assert!(text.contains(": pnpm PNPM run build --x\n"), "{text}");
}

#[test]
fn missing_lock_file_is_a_warning() {
    let mut facts = facts(Manager::Npm, TYPESCRIPT);
    facts.choice.lock = None;
    facts.names.push("bun.lockb".into());
    facts.preferred = Some(Pin {
        version: "v22".into(),
        file: ".nvmrc",
    });
    let text = outline(&facts, &[]);
    for part in [
        "! there is no package-lock.json, so the next build may get other versions of packages; commit one\n",
        "! bun.lockb is not read: this image has no Bun\n",
        "! .nvmrc prefers Node.js v22, and this image has 20.20.2; build with an image for it, such as `s2i/node:22`\n",
        ": npm install --include=dev\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
}

#[test]
fn newer_engine_is_refused_and_older_one_is_a_warning() {
    let package =
        |range: &str| format!(r#"{{"engines":{{"node":"{range}"}},"scripts":{{"start":"x"}}}}"#);
    let refused = |present: &str, strict: &str| {
        format!(
            "the source needs Node.js {present} and this image has Node.js 20.20.2: `engines.node` of package.json requires it{strict}"
        )
    };
    let text = outline(&facts(Manager::Npm, &package(">=22")), &[]);
    assert_eq!(text, refused(">=22", ""));
    let old = facts(Manager::Npm, &package("16.x"));
    let text = outline(&old, &[]);
    assert!(
        text.contains(
            "! package.json is for Node.js 16.x, and this image has 20.20.2, which is newer\n"
        ),
        "{text}"
    );
    assert_eq!(
        outline(&old, &[("npm_config_engine_strict", "true")]),
        refused("16.x", ", and `engine-strict` is set")
    );
    for range in ["^20", "latest"] {
        let text = outline(&facts(Manager::Npm, &package(range)), &[]);
        assert!(
            !text.contains('!') && text.contains("# Installing"),
            "{text}"
        );
    }
}

#[test]
fn files_have_names_of_variables_in_place_of_secrets() {
    let mut facts = facts(Manager::Npm, TYPESCRIPT);
    facts.registry = Some("https://npm.example.org/all/".into());
    facts.npmrc.has_credentials = true;
    let env = [
        ("NPM_TOKEN", "the-very-token"),
        ("NPM_MIRROR", "https://me:the-password@npm.example.org/all"),
        (
            "https_proxy",
            "http://me:the-password@proxy.example.org:3128",
        ),
    ];
    let text = outline(&facts, &env);
    for line in [
        r#"write /tmp/s2i-scratch/home/.npmrc "registry=${NPM_MIRROR}\n//npm.example.org/all/:_authToken=${NPM_TOKEN}\n""#,
        r#"write /tmp/s2i-scratch/home/.yarnrc.yml "npmRegistryServer: \"${NPM_MIRROR}\"\nnpmAuthToken: \"${NPM_TOKEN}\"\nhttpsProxy: \"${https_proxy}\"\nnpmAlwaysAuth: true\n""#,
        "https: addresses are reached through the proxy of https_proxy",
        "remove /opt/app-root/src/.npmrc",
        "search /opt/app-root for NPM_TOKEN, NPM_MIRROR, https_proxy",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n\n{text}");
    }
    let plan = plan(&facts, &request(&env), &directories()).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    assert!(
        !json.contains("the-very-token") && !json.contains("the-password"),
        "{json}"
    );
    let text = outline(
        &facts,
        &[
            ("NPM_AUTH", "bWU6cHc="),
            ("NPM_MIRROR", "https://npm.example.org/all"),
        ],
    );
    assert!(
        text.contains("//npm.example.org/all/:_auth=${NPM_AUTH}"),
        "{text}"
    );
}

#[test]
fn absent_package_manager_comes_from_the_registry() {
    let mut pnpm = facts(Manager::Pnpm, TYPESCRIPT);
    pnpm.tool = Tool::Registry {
        npm: "/usr/bin/npm".into(),
        version: "10.2.0".into(),
    };
    let plan = plan(&pnpm, &request(&[]), &directories()).unwrap();
    let text = render(&plan);
    for part in [
        "packages: pnpm 10.2.0 from the registry, because of a lock file\n",
        "# Getting pnpm\nmake /tmp/s2i-scratch/home\nmake /tmp/s2i-scratch/tmp\nin /tmp/s2i-scratch ",
        " npm install --no-save --no-package-lock --prefix /tmp/s2i-scratch/manager pnpm@10.2.0\n",
        " PATH=/tmp/s2i-scratch/manager/node_modules/.bin:/usr/bin ",
        "-executables=true run build\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    let mut berry = facts(Manager::Berry, TYPESCRIPT);
    berry.tool = Tool::Source {
        file: ".yarn/releases/yarn-3.6.1.cjs".into(),
    };
    let text = outline(&berry, &[]);
    assert!(
        text.contains(": node /opt/app-root/src/.yarn/releases/yarn-3.6.1.cjs run build\n"),
        "{text}"
    );
    assert!(!text.contains("focus"), "only Yarn 4 has it\n{text}");
}

fn workspace(manager: Manager) -> Facts {
    let package = |directory: &str, text: &str| Package {
        directory: directory.into(),
        manifest: Manifest::parse(text).unwrap(),
    };
    let mut facts = facts(manager, r#"{"name":"all","workspaces":["*/*"]}"#);
    facts.is_startable = false;
    facts.project.packages = vec![
        package(
            "apps/other",
            r#"{"name":"@x/other","scripts":{"build":"b"}}"#,
        ),
        package(
            "apps/web",
            r#"{"name":"@x/web","dependencies":{"@x/lib":"1"},"scripts":{"start":"node .","build":"b"}}"#,
        ),
        package("libs/lib", r#"{"name":"@x/lib","scripts":{"build":"b"}}"#),
    ];
    facts
}

#[test]
fn one_package_of_a_workspace_is_kept_with_its_dependencies() {
    let text = outline(&workspace(Manager::Npm), &[]);
    for part in [
        "application: @x/web in apps/web, one of 3 packages\n",
        "# Building in production mode\nin /opt/app-root/src/libs/lib: npm run build\nin /opt/app-root/src/apps/web: npm run build\n",
        "# Pruning the development dependencies\nremove /opt/app-root/src/apps/other\nin /opt/app-root/src: npm prune --omit=dev --ignore-scripts\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    let text = outline(&workspace(Manager::Berry), &[]);
    assert!(
        text.contains(": yarn workspaces focus @x/web --production\n"),
        "{text}"
    );
    let text = outline(
        &workspace(Manager::Pnpm),
        &[("NODE_WORKSPACE", "apps/other")],
    );
    assert!(
        text.contains(": pnpm PNPM --filter @x/other... install --prod --frozen-lockfile --ignore-scripts --offline "),
        "{text}"
    );
    assert!(
        text.contains("remove /opt/app-root/src/apps/web\n"),
        "{text}"
    );
}

#[test]
fn sites_and_next_replace_their_source() {
    let vite = r#"{"scripts":{"build":"vite build"},"devDependencies":{"vite":"7"}}"#;
    let site = facts(Manager::Npm, vite);
    let text = outline(&site, &[]);
    assert!(
        text.contains("install output /opt/app-root/src/dist with index.html, else /opt/app-root/src/dist/client with index.html -> /opt/app-root/src, or fail\n"),
        "{text}"
    );
    let next =
        r#"{"scripts":{"build":"next build","start":"next start"},"dependencies":{"next":"15"}}"#;
    let mut next = facts(Manager::Npm, next);
    let text = outline(&next, &[]);
    assert!(
        text.contains(
            "install output /opt/app-root/src/.next/standalone, \
             /opt/app-root/src/public -> /opt/app-root/src/.next/standalone/public, \
             /opt/app-root/src/.next/static -> /opt/app-root/src/.next/standalone/.next/static, \
             Procfile \"web: HOSTNAME=0.0.0.0 node server.js\\n\", \
             else /opt/app-root/src/out -> /opt/app-root/src\n"
        ),
        "{text}"
    );
    next.has_procfile = true;
    assert!(!outline(&next, &[]).contains("install output"));
    next.has_procfile = false;
    assert!(outline(&next, &[("NODE_PRUNE", "false")]).contains("install output"));
    assert!(!outline(&next, &[("NODE_ENV", "development")]).contains("install output"));
    assert!(!outline(&next, &[("NPM_RUN", "x")]).contains("install output"));
    assert!(!outline(&next, &[("DEV_MODE", "true")]).contains("install output"));
}

#[test]
fn procfile_of_the_user_keeps_the_source() {
    let vite =
        r#"{"scripts":{"build":"vite build","start":"vite"},"devDependencies":{"vite":"7"}}"#;
    let mut facts = facts(Manager::Npm, vite);
    assert!(outline(&facts, &[]).contains("install output"));
    facts.has_procfile = true;
    assert!(!outline(&facts, &[]).contains("install output"));
    assert!(outline(&facts, &[("NODE_STATIC_DIR", "dist")]).contains("install output"));
}

#[test]
fn program_that_starts_what_was_built_is_not_pruned() {
    let package =
        r#"{"scripts":{"build":"next build","start":"next dev"},"devDependencies":{"next":"15"}}"#;
    let text = outline(&facts(Manager::Npm, package), &[]);
    assert!(text.contains("web: next start"), "{text}");
    assert!(!text.contains("# Pruning"), "{text}");
    let package = r#"{"scripts":{"build":"next build","start":"next dev"},"dependencies":{"next":"15"},"devDependencies":{"typescript":"5"}}"#;
    assert!(outline(&facts(Manager::Npm, package), &[]).contains("# Pruning"));
}

#[test]
fn caches_are_restored_and_kept_on_request() {
    let mut facts = facts(Manager::Npm, TYPESCRIPT);
    facts.caches.saved = vec!["packages-npm".into(), "tools-abi115-x64".into()];
    facts.caches.unusable = vec!["tools-abi108-x64".into()];
    let text = outline(
        &facts,
        &[("S2I_KEEP_CACHE", "true"), ("S2I_CACHE_LIMIT", "1")],
    );
    for part in [
        "the saved cache tools-abi108-x64 is not used: it is from other tools\n",
        "# Restoring build artifacts\nmove /tmp/artifacts/packages-npm -> /opt/app-root/cache/packages-npm\n",
        "mode\nmove /opt/app-root/cache/tools-abi115-x64/modules -> /opt/app-root/src/node_modules/.cache\n",
        "# Installing application\nmove /opt/app-root/src/node_modules/.cache -> /opt/app-root/cache/tools-abi115-x64/modules\n",
        "trim /opt/app-root/cache/packages-npm to 1000000\ntrim /opt/app-root/cache/tools-abi115-x64 to 1000000\nshare /opt/app-root/cache",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    let plan = plan(&facts, &request(&[]), &directories()).unwrap();
    let text = render(&plan);
    assert!(
        text.contains(" npm_config_cache=/tmp/s2i-scratch/cache/packages-npm/npm "),
        "{text}"
    );
    assert!(!text.contains("trim"), "{text}");
}

#[test]
fn saved_packages_are_taken_as_they_were() {
    let mut facts = facts(Manager::Npm, TYPESCRIPT);
    facts.cache_names.modules = Some("modules-1".into());
    let env = [("S2I_KEEP_CACHE", "true")];
    let text = outline(&facts, &env);
    let save = ": npm ci --include=dev\ncheck links of /opt/app-root/src\n\
        save packages of /opt/app-root/src -> /opt/app-root/cache/modules-1/all\n";
    assert!(text.contains(save), "{text}");
    assert!(!outline(&facts, &[]).contains("save packages"));

    facts.caches.saved = vec!["modules-1".into()];
    facts.saved_parts = vec![Part::Production];
    assert!(
        outline(&facts, &env).contains(save),
        "the other part is saved"
    );

    facts.saved_parts = vec![Part::All];
    let text = outline(&facts, &env);
    for part in [
        "move /tmp/artifacts/modules-1 -> /opt/app-root/cache/modules-1\n",
        "restore packages /opt/app-root/cache/modules-1/all -> /opt/app-root/src\n# Building",
        "# Pruning the development dependencies\nprune /opt/app-root/src for /opt/app-root/src\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    assert!(
        !text.contains("npm ci") && !text.contains("npm prune"),
        "{text}"
    );
}

#[test]
fn source_without_a_manifest_is_only_copied() {
    let mut facts = facts(Manager::Npm, "{}");
    facts.project.is_bare = true;
    let text = outline(&facts, &[]);
    assert!(
        text.contains(
            "there is no package.json, so nothing is installed\n# Installing application source\n"
        ),
        "{text}"
    );
    assert!(!text.contains("npm"), "{text}");
}
